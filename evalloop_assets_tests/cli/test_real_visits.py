"""A log of visits alone, through the command, against a count that shares no code with it."""

import duckdb
import pytest

from evalloop_assets_tests.homes import ROOT
from evalloop_assets_tests.real_data import require

CLICKS = "globo/clicks_hours_000_071.parquet"

DIRECT = """
    WITH days AS (
        SELECT DISTINCT user_id, CAST(first_click AS DATE) AS day
        FROM (
            SELECT user_id, session_id, make_timestamp(min(click_timestamp) * 1000) AS first_click
            FROM read_parquet($path) GROUP BY user_id, session_id
        )
    )
    SELECT today.day, count(*), count(again.user_id)
    FROM days AS today LEFT JOIN days AS again ON again.user_id = today.user_id AND again.day = today.day + 1
    WHERE today.day <= DATE '2017-10-03'
    GROUP BY today.day ORDER BY today.day
"""


@pytest.fixture
def clicks(shared_data, tmp_path):
    """All clicks of one user in ten."""
    whole, path = require(shared_data / CLICKS), tmp_path / "clicks.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_parquet($path) WHERE hash(user_id) % 10 = 0) TO '{path}' (FORMAT parquet)",
            {"path": str(whole)},
        )
    return path


def test_next_day_return_is_what_a_direct_count_gives_and_null_where_the_run_does_not_reach(evalloop, home, clicks):
    mapping = ROOT / "docs" / "mappings" / "visits-from-clicks.yaml"
    assert evalloop("ingest", clicks, "--map", mapping, "--complete-through", "2017-10-04").status == 0
    ran = evalloop("run", "--from", "2017-10-01", "--to", "2017-10-03")
    assert (ran.status, ran.complained) == (0, "")
    with duckdb.connect(str(home / "evalloop.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT local_day, count(*), count(*) FILTER (WHERE returned_next_day), count(returned_next_day) "
            "FROM returns GROUP BY local_day ORDER BY local_day"
        ).fetchall()
    with duckdb.connect() as connection:
        first, second, third = connection.execute(DIRECT, {"path": str(clicks)}).fetchall()
    assert found[:2] == [(*first, first[1]), (*second, second[1])]
    assert second[2] > 1000
    assert found[2] == (*third[:2], 0, 0), "the day after the range was not computed, so nothing is known of it"
