"""What a commit changed, against differences planted by hand."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.difference import Difference, Values, difference, total
from evalloop_assets.lake.report import DAYS_SHOWN, shown_day, shown_difference
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Commit, Lake

MARKS = TableSchema(
    name="marks",
    row="one mark",
    key=("owner", "place"),
    columns=(
        Column("owner", "VARCHAR", "who"),
        Column("place", "BIGINT", "where"),
        Column("value", "DOUBLE", "how much"),
        Column("note", "VARCHAR", "what"),
        Column("parts", "DOUBLE[]", "of what"),
    ),
)
D1, D2, D3 = (date(2026, 5, day) for day in (1, 2, 3))
ALL = Days(D1, D3)


def row(day: date, owner: str, place: int, value: float | None, note: str | None = "n") -> dict[str, Any]:
    return {"day": day, "owner": owner, "place": place, "value": value, "note": note, "parts": [1.0, 2.0]}


def put(lake: Lake, rows: list[dict[str, Any]], days: Days = ALL) -> Commit:
    table = pa.Table.from_pylist(rows, arrow_schema(MARKS))
    return lake.replace(MARKS, days, {}, lambda inputs: table)


BEFORE = [
    row(D1, "a", 1, None),
    row(D1, "a", 2, 0.1),
    row(D1, "b", 1, 0.3),
    row(D1, "gone", 1, 1.0),
    row(D2, "a", 1, 0.5),
]


def test_the_first_rows_of_a_day_are_added(lake: Lake):
    assert difference(lake, MARKS, put(lake, BEFORE)) == {D1: Difference(added=4), D2: Difference(added=1)}


def test_what_changed_is_counted_by_key_and_by_column(lake: Lake):
    put(lake, BEFORE)
    after = [
        row(D1, "a", 1, 0.7),  # matured
        row(D1, "a", 2, 0.2, note=None),  # another value, and one lost
        row(D1, "b", 1, 0.3 * (1 + 1e-12)),  # the same figure
        row(D1, "new", 1, 1.0),
        row(D2, "a", 1, 0.5),
        row(D3, "a", 1, 0.5),
    ]
    commit = put(lake, after)
    found = difference(lake, MARKS, commit)
    first = Difference(1, 1, 2, {"value": Values(known=1, other=1), "note": Values(unknown=1)})
    assert found == {D1: first, D3: Difference(added=1)}
    assert total(found.values()) == Difference(2, 1, 2, first.columns)
    assert total([first, first]).columns["value"] == Values(known=2, other=2)


def test_where_nothing_changed_there_is_nothing_to_say(lake: Lake):
    put(lake, BEFORE)
    commit = put(lake, [row(D1, "a", 1, None), *BEFORE[1:]])
    assert commit.changed == ()
    assert difference(lake, MARKS, commit) == {}
    assert shown_difference({}) == shown_day(None) == {}


def test_a_day_that_lost_all_its_rows(lake: Lake):
    put(lake, BEFORE)
    assert difference(lake, MARKS, put(lake, BEFORE[:4])) == {D2: Difference(removed=1)}


def test_a_column_that_is_new_to_the_table_is_known_now(lake: Lake):
    narrow = TableSchema("marks", "one mark", MARKS.columns[:3], MARKS.key)
    rows = [{name: one[name] for name in ("day", "owner", "place", "value")} for one in BEFORE]
    lake.replace(narrow, Days(D1, D2), {}, lambda inputs: pa.Table.from_pylist(rows, arrow_schema(narrow)))
    found = difference(lake, MARKS, put(lake, BEFORE, Days(D1, D2)))
    assert found[D1] == Difference(changed=4, columns={"note": Values(known=4), "parts": Values(known=4)})


def test_another_commit_between_does_not_count(lake: Lake):
    put(lake, BEFORE)
    commit = put(lake, [row(D1, "a", 1, 0.7), *BEFORE[1:4]], Days(D1, D1))
    put(lake, [row(D2, "a", 1, 9.0)], Days(D2, D2))
    assert difference(lake, MARKS, commit) == {D1: Difference(changed=1, columns={"value": Values(known=1)})}


@pytest.mark.parametrize(("days", "lines"), [(1, 4), (DAYS_SHOWN, DAYS_SHOWN + 3), (400, DAYS_SHOWN + 3)])
def test_the_table_stays_readable_and_ends_with_the_total(days: int, lines: int):
    change = Difference(1, 0, 2, {"value": Values(known=2)})
    told = shown_difference({D1.fromordinal(D1.toordinal() + number): change for number in range(days)})
    table = told["difference"].value.splitlines()
    assert len(table) == lines
    assert (
        table[-1] == f"| {days} day{'s' if days > 1 else ''} | {days} | 0 | {2 * days} | value: {2 * days} now known |"
    )
    assert table[2] == "| 2026-05-01 | 1 | 0 | 2 | value: 2 now known |"
