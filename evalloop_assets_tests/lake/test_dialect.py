"""Every rule of the portable dialect catches its defect, names it, and is silent on the portable form."""

from pathlib import Path

import pytest

import evalloop_assets
from evalloop_assets.lake import sql
from evalloop_assets.lake.dialect import broken_rules

CAUGHT = [
    ("SELECT epoch(t) AS e FROM x", "epoch()"),
    ("SELECT date_diff('day', a, b) AS d FROM x", "date_diff()"),
    ("SELECT datediff('day', a, b) AS d FROM x", "datediff()"),
    ("SELECT list(x ORDER BY y) AS l FROM t", "loses its order"),
    ("SELECT array_agg(x ORDER BY y) AS l FROM t", "loses its order"),
    ("SELECT string_agg(x, ',' ORDER BY y) AS l FROM t", "loses its order"),
    ("SELECT regexp_replace(a, 'x', 'y') AS r FROM t", "pass 'g'"),
    ("SELECT hash(a) AS h FROM t", "hash()"),
    ("SELECT a * 1000.0 AS s FROM t", "1000.0 is a DECIMAL; write 1e3"),
    ("SELECT a * .25 AS s FROM t", ".25 is a DECIMAL; write 2.5e-1"),
    ("SELECT CAST(a / 2 AS BIGINT) AS h FROM t", "floor or round first"),
    ("SELECT CAST(avg(a) AS INTEGER) AS h FROM t", "floor or round first"),
    ("SELECT CAST(a * 1e3 AS BIGINT) AS h FROM t", "floor or round first"),
    ("SELECT median(a) AS m FROM t", "median()"),
    ("SELECT quantile_cont(a, 5e-1) AS m FROM t", "quantile_cont()"),
    ("SELECT approx_quantile(a, 5e-1) AS m FROM t", "approx_quantile()"),
    ("SELECT * FROM t QUALIFY row_number() OVER (ORDER BY a) = 1", "leaks a column"),
    ("SELECT t.* FROM t QUALIFY row_number() OVER (ORDER BY a) = 1", "leaks a column"),
    ("SELECT a.x FROM a ASOF JOIN b ON a.t >= b.t", "ASOF"),
    ("SELECT strlen(a) AS n FROM t", "strlen()"),
    ("SELECT week(d) AS w FROM t", "week()"),
    ("SELECT a / b AS r FROM t", "divide by zero"),
    ("SELECT a / 0 AS r FROM t", "divide by zero"),
    ("SELECT now() AS n", "changes from run to run"),
    ("SELECT current_date AS n", "changes from run to run"),
    ("SELECT random() AS r", "changes from run to run"),
    ("SELECT 1 AS a; SELECT 2 AS b", "more than one SELECT"),
    ("DELETE FROM t", "more than one SELECT, or none"),
    ("SELECT (", "is no SQL"),
]
PORTABLE = [
    "SELECT epoch_ms(t) / 1e3 AS e FROM x",
    "SELECT percentile_cont(5e-1) WITHIN GROUP (ORDER BY a) AS m FROM t",
    "SELECT a, row_number() OVER (ORDER BY a) AS n FROM t QUALIFY n = 1",
    "SELECT regexp_replace(a, 'x', 'y', 'g') AS r FROM t",
    "SELECT a / NULLIF(b, 0) AS r, a / 1e3 AS s, a / 2 AS h FROM t",
    "SELECT CAST(floor(a / 2) AS BIGINT) AS h, CAST(sum(n) AS BIGINT) AS s, CAST(count(*) AS BIGINT) AS c FROM t",
    "SELECT md5(concat_ws('|', a, b)) AS h, 'now() at 0.5 by hash(x)' AS text FROM t",
]


@pytest.mark.parametrize(("query", "sentence"), CAUGHT)
def test_catches(query: str, sentence: str):
    assert any(sentence in found for found in broken_rules(query)), broken_rules(query)


@pytest.mark.parametrize("query", PORTABLE)
def test_is_silent_on_portable_sql(query: str):
    assert broken_rules(query) == []


@pytest.mark.parametrize(
    "path", sorted(Path(evalloop_assets.__file__).parent.rglob("*.sql")), ids=lambda path: path.stem
)
def test_every_transform_of_the_project_is_portable(path: Path):
    assert broken_rules(sql.load(path).query) == []
