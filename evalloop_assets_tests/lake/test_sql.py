from pathlib import Path

import pytest

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.days import BEFORE, Days, ranges
from evalloop_assets.lake.assets import TRANSFORMS
from evalloop_assets.lake.engine import columns_of
from evalloop_assets.lake.lineage import column_lineage
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.sql import BadTransform, load

HEADER = """/*
row: one user and day
key: [user_id, day]
reads:
  turns: [-1, 1]
  first_seen: before
settings: [denoise.session_idle_minutes]
clock: true
horizons: [1, 7]
columns:
  user_id: VARCHAR, who
  replies: BIGINT, replies, regenerated ones included
*/
"""
CLOCK = {"clock": {"watermark": "DATE", "log_end": "TIMESTAMP"}}
QUERY = """
WITH counted AS (
    SELECT t.day, t.user_id, CAST(count(t.event_id) AS BIGINT) AS shown  -- all of them
    FROM turns AS t
    GROUP BY t.day, t.user_id
)
SELECT c.day, c.user_id, c.shown + f.base AS replies
FROM counted AS c
JOIN first_seen AS f ON f.user_id = c.user_id
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "user_replies.sql"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_the_header(tmp_path: Path):
    transform = load(write(tmp_path, HEADER + QUERY))
    assert transform.schema.name == "user_replies"
    assert transform.schema.row == "one user and day"
    assert transform.schema.columns[1] == Column("replies", "BIGINT", "replies, regenerated ones included")
    assert transform.reads == {"turns": (-1, 1), "first_seen": BEFORE}
    assert transform.settings == ("denoise.session_idle_minutes",)
    assert transform.clock
    assert transform.horizons == (1, 7)


def test_code_changes_with_the_query_but_not_with_comments(tmp_path: Path):
    code = load(write(tmp_path, HEADER + QUERY)).code
    assert load(write(tmp_path, HEADER + QUERY.replace("-- all of them", "-- each\n"))).code == code
    assert load(write(tmp_path, HEADER + QUERY.replace("+ f.base", "- f.base"))).code != code
    assert load(write(tmp_path, HEADER.replace("[-1, 1]", "[-2, 1]") + QUERY)).code != code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT 1 AS a", "no header"),
        (HEADER.replace("row: one user and day\n", "") + QUERY, r"lacks \['row'\]"),
        (HEADER.replace("clock: true", "clok: true") + QUERY, r"does not know \['clok'\]"),
        (HEADER.replace("VARCHAR, who", "VARCHAR") + QUERY, "column user_id needs 'TYPE, meaning'"),
        (HEADER.replace("before", "yesterday") + QUERY, "window 'yesterday'"),
        (HEADER.replace("key: [user_id, day]", "key: [nobody]") + QUERY, "nobody"),
        (HEADER.replace("row: one", "row: : one") + QUERY, "no YAML"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, text: str, reason: str):
    with pytest.raises((BadTransform, ValueError), match=reason):
        load(write(tmp_path, text))


def test_lineage_goes_through_ctes_to_the_tables(tmp_path: Path):
    transform = load(write(tmp_path, HEADER + QUERY))
    turns = TableSchema("turns", "t", (Column("event_id", "VARCHAR", ""), Column("user_id", "VARCHAR", "")), ())
    seen = TableSchema("first_seen", "f", (Column("user_id", "VARCHAR", ""), Column("base", "BIGINT", "")), ())
    columns = {"turns": columns_of(turns), "first_seen": columns_of(seen)}
    assert column_lineage(transform, columns) == {
        "user_id": [("turns", "user_id")],
        "replies": [("first_seen", "base"), ("turns", "event_id")],
    }


@pytest.mark.parametrize("name", ["absences", "returns", "sessions", "traffic"])
def test_lineage_is_that_of_sqlglot_which_follows_every_path(name: str):
    from sqlglot import exp
    from sqlglot.lineage import lineage

    transform = TRANSFORMS[name]
    columns = {read: columns_of(declared(read)) for read in transform.reads}
    schema = {**columns, "settings": {one.rpartition(".")[2]: "DOUBLE" for one in transform.settings}}
    found = column_lineage(transform, columns)
    assert any(found.values())
    for column, origins in found.items():
        nodes = lineage(column, transform.query, schema={**schema, **CLOCK}, dialect="duckdb").walk()
        tables = [node for node in nodes if not node.downstream and isinstance(node.expression, exp.Table)]
        expected = {(node.expression.name, node.name.rpartition(".")[2].strip('"')) for node in tables}
        assert set(origins) == {one for one in expected if one[0] in transform.reads}, column


def test_ranges_join_neighbours_only():
    from datetime import date

    days = [date(2026, 1, 3), date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 9), date(2026, 1, 1)]
    assert ranges(days) == [Days(date(2026, 1, 1), date(2026, 1, 3)), Days.one(date(2026, 1, 9))]
    assert ranges([]) == []
