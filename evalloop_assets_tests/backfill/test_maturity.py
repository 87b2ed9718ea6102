from datetime import date

import pyarrow as pa
import pytest

from evalloop_assets.backfill import assets  # noqa: F401  declares the table
from evalloop_assets.backfill.checks import nothing_overdue
from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.denoise.world import FILES, World, day, load, turn

DECISION = {"day": day("05-01"), "experiment_id": "x"}


@pytest.mark.parametrize(
    ("watermark", "next_day", "d7", "decision"), [("05-01", 1, 1, 1), ("05-02", 0, 1, 1), ("05-08", 0, 0, 0)]
)
def test_every_label_says_when_it_matures(watermark: str, next_day: int, d7: int, decision: int):
    world = World(watermark=watermark, turns=[turn("e1", "05-01 10:00")], decisions=[DECISION])
    rows = {(row["table_name"], row["horizon"]): row for row in world.run_to("maturity")}
    told = {key: (row["matures_on"], row["rows"], row["censored"]) for key, row in rows.items()}
    assert told["returns", "next_day"] == (day("05-02"), 1, next_day)
    assert told["returns", "d7"] == (day("05-08"), 1, d7)
    assert told["horizon_labels", "delayed_session"] == (day("05-02"), 1, next_day)
    assert told["decisions", "next_day"] == (day("05-03"), 1, decision)
    assert rows["returns", "d7"]["mature"] is (d7 == 0)


def test_a_traveller_s_day_ends_later_and_so_do_its_labels():
    """A local day that began at UTC+14 and ended at UTC-8: its seventh day after ends on the ninth UTC day after."""
    turns = [
        turn("e1", "05-01 10:30", utc_offset_minutes=840),
        turn("e2", "05-02 20:00", utc_offset_minutes=-480),
        turn("e3", "05-10 07:00", utc_offset_minutes=-480),
    ]
    for watermark, d7 in (("05-09", None), ("05-10", True)):
        world = World(watermark=watermark, turns=turns)
        world.run_to("user_days", "05-01", "05-10")
        row = next(row for row in world.run_to("returns", "05-01", "05-10") if row["day"] == day("05-01"))
        assert (row["d7"], row["d7_matures_on"]) == (d7, day("05-10"))
    assert 9 in load(FILES["returns"]).horizons
    assert 9 in load(FILES["maturity"]).horizons


def test_a_return_after_absence_matures_a_week_after_the_days_away():
    settings = Settings(labels={"absence_days": 3})
    world = World(watermark="05-10", settings=settings, turns=[turn("e1", "05-01 10:00")])
    rows = world.run_to("maturity", "05-01", "05-10")
    (row,) = [row for row in rows if row["table_name"] == "absences"]
    assert (row["label_day"], row["matures_on"], row["mature"], row["censored"]) == (
        day("05-04"),
        day("05-11"),
        False,
        1,
    )


def test_a_label_that_has_no_date_never_matures():
    evening = turn("e1", "05-01 22:50", utc_offset_minutes=60)
    past_midnight = turn("e2", "05-01 23:10", conversation_id="another", utc_offset_minutes=60)
    world = World(watermark="05-08", turns=[evening, past_midnight])
    undated = [row for row in world.run_to("horizon_labels") if row["delayed_session_matures_on"] is None]
    assert [row["event_id"] for row in undated] == ["e2"]
    told = [row for row in world.run_to("maturity") if row["horizon"] == "delayed_session"]
    assert [(row["matures_on"], row["rows"]) for row in told] == [(day("05-02"), 1)]
    assert None not in {row["matures_on"] for row in world.run_to("maturity")}


@pytest.mark.parametrize(
    ("row", "passed"),
    [
        ({"table_name": "returns", "horizon": "d7", "mature": True, "censored": 3}, False),
        ({"table_name": "returns", "horizon": "d7", "mature": False, "censored": 3}, True),
        ({"table_name": "returns", "horizon": "d7", "mature": True, "censored": 0}, True),
        ({"table_name": "horizon_labels", "horizon": "delayed_5", "mature": True, "censored": 3}, True),
        ({"table_name": "horizon_labels", "horizon": "delayed_session", "mature": True, "censored": 3}, False),
    ],
)
def test_a_label_left_censored_after_it_matured_is_caught(lake: Lake, row: dict[str, object], passed: bool):
    days = Days.one(date(2026, 5, 1))
    schema = declared("maturity")
    table = pa.Table.from_pylist([{"day": days.first, "label_day": days.first} | row], arrow_schema(schema))
    lake.replace(schema, days, {}, lambda inputs: table)
    assert nothing_overdue(lake, days).passed is passed
