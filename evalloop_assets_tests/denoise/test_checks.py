from datetime import date, timedelta

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.denoise import assets  # noqa: F401  declares the tables
from evalloop_assets.denoise.checks import share_holds, sound_keys
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake

DAYS = Days(date(2026, 5, 1), date(2026, 5, 2))


@pytest.mark.parametrize(
    ("ids", "broken"), [(["a", "b"], 0), ([], 0), (["a", "b", "a"], 1), (["a", None], 1), ([None, None, "b", "b"], 2)]
)
def test_keys_there_twice_or_unknown_are_caught(lake: Lake, ids: list[str | None], broken: int):
    schema = declared("sessions")
    rows = [{"day": DAYS.first if n % 2 else DAYS.last, "session_id": name} for n, name in enumerate(ids)]
    table = pa.Table.from_pylist(rows, arrow_schema(schema))
    lake.replace(schema, DAYS, {}, lambda inputs: table)
    result = sound_keys(lake, "sessions", DAYS)
    assert result.passed is (broken == 0)
    assert result.metadata["broken"].value == broken


ENDS = "kind = 'abrupt'"
KNOWN = "effective_read_s IS NOT NULL"


@pytest.mark.parametrize(
    ("table", "condition", "tolerance", "before", "today", "passed"),
    [
        ("exits", ENDS, 0.1, (400, 1000), (60, 120), True),  # ten points, no more
        ("exits", ENDS, 0.1, (400, 1000), (90, 120), False),
        ("exits", ENDS, 0.1, (400, 1000), (3, 4), True),  # may be chance
        ("exits", ENDS, 0.1, (400, 1000), (0, 120), True),  # fewer are no harm
        ("exits", ENDS, 0.1, (0, 0), (90, 120), True),  # no week before
        ("exits", ENDS, 0.1, (400, 1000), (0, 0), True),
        ("reading", KNOWN, -0.1, (990, 1000), (115, 120), True),
        ("reading", KNOWN, -0.1, (990, 1000), (70, 120), False),
        ("reading", KNOWN, -0.1, (400, 1000), (120, 120), True),
        ("traffic", "kind = 'people'", -0.1, (1000, 1000), (60, 120), False),
    ],
)
def test_a_share_that_jumped_against_the_week_before_is_told(
    lake: Lake,
    table: str,
    condition: str,
    tolerance: float,
    before: tuple[int, int],
    today: tuple[int, int],
    passed: bool,
):
    last = date(2026, 5, 8)
    days = Days(date(2026, 5, 1), last)
    true, false = {
        "exits": ({"kind": "abrupt"}, {"kind": "natural"}),
        "traffic": ({"kind": "people"}, {"kind": "automatic"}),
        "reading": ({"effective_read_s": 1.0}, {"effective_read_s": None}),
    }[table]
    spread = [days.first + timedelta(days=number % 7) for number in range(before[1])]
    rows = [{"day": day} | (true if number < before[0] else false) for number, day in enumerate(spread)]
    rows += [{"day": last} | (true if number < today[0] else false) for number in range(today[1])]
    found = pa.Table.from_pylist(rows, arrow_schema(declared(table)))
    lake.replace(declared(table), days, {}, lambda inputs: found)
    assert share_holds(lake, days, table, condition, tolerance, "share").passed is passed
