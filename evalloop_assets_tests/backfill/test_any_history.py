"""However a log arrives and whenever it is computed, the tables are the same."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalloop_assets_tests.backfill.histories import Arrived, Step, after, arrivals, by_day, logs

THOROUGH = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


@THOROUGH
@given(rows=logs(), data=st.data())
def test_order_files_repetition_lateness_and_runs_between_change_nothing(rows: list[Arrived], data: Any):
    steps = data.draw(arrivals(rows))
    _assert_same(after(steps), after([Step(rows)]))


@THOROUGH
@given(rows=logs())
def test_day_by_day_and_as_one_range_are_the_same(rows: list[Arrived]):
    _assert_same(after(by_day(rows)), after([Step(rows)]))


def _assert_same(found: dict[str, list], expected: dict[str, list]) -> None:
    for table, rows in expected.items():
        assert found[table] == rows, table
