from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.logs.contract import BATTLES, CHARACTERS, MAX_ID_CHARS, MAX_TEXT_CHARS, TURNS
from evalloop_assets.logs.validate import Validated, Validation
from evalloop_assets_tests.logs.world import NOW, TOLERANCE, turn


def judged(rows: list[dict[str, object]], schema=TURNS) -> Validated:
    names = sorted({name for row in rows for name in row})
    columns = {name: pa.array([row.get(name) for row in rows]) for name in names}
    batch = pa.table(
        {"position": pa.array(range(1, len(rows) + 1)), "detail": pa.nulls(len(rows), pa.string()), **columns}
    )
    return Validation(schema, NOW, TOLERANCE, NOW.date())(batch)


def rejection(**changes: object) -> str:
    """The reason for which a turn with these changes is rejected, beside a good one that is not."""
    accepted, rejected, _ = judged([turn(1), turn(2, **changes)])
    assert accepted.column("event_id").to_pylist() == ["e1"]
    assert rejected.column("position").to_pylist() == [2]
    assert rejected.column("mend").to_pylist()[0]
    return rejected.column("reason").to_pylist()[0]


def accepted(**changes: object) -> dict[str, object]:
    result = judged([turn(1, **changes)])
    assert result.rejected.num_rows == 0, result.rejected.to_pylist()
    return result.accepted.to_pylist()[0]


def test_a_good_row_gets_all_columns_their_types_and_its_day():
    result = judged([turn(5, dwell_ms=1200)]).accepted
    assert result.schema == pa.schema([("position", pa.int64()), *arrow_schema(TURNS)])
    row = result.to_pylist()[0]
    assert row["day"] == date(2026, 3, 1)
    assert row["shown_at"] == datetime(2026, 3, 1, 0, 5)
    assert (row["user_chars"], row["reply_chars"]) == (11, 7)
    assert row["dwell_ms"] == 1200
    assert row["typing_ms"] is None
    assert row["time_source"] == "logged"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user_id": None}, "user_id is missing"),
        ({"user_id": "  "}, "user_id is missing"),
        ({"shown_at": None}, "shown_at is missing"),
        ({"shown_at": "yesterday"}, "shown_at is no time: yesterday"),
        ({"shown_at": "2026-02-30T10:00:00"}, "shown_at is no time: 2026-02-30T10:00:00"),
        ({"shown_at": "2026-03-10T12:10:01"}, "shown_at is in the future: 2026-03-10T12:10:01"),
        ({"shown_at": "2026-03-10T13:00:00+00:30"}, "shown_at is in the future: 2026-03-10T13:00:00+00:30"),
        ({"shown_at": "1970-01-21T11:00:00"}, "shown_at is before 2000: 1970-01-21T11:00:00"),
        ({"received_at": "2031-01-01"}, "received_at is in the future: 2031-01-01"),
        ({"dwell_ms": -5}, "dwell_ms is below 0: -5"),
        ({"dwell_ms": 1.5}, "dwell_ms is no whole number: 1.5"),
        ({"propensity": 1.2}, "propensity is above 1: 1.2"),
        ({"cost_usd": float("inf")}, "cost_usd is no finite number: inf"),
        ({"cost_usd": float("nan")}, "cost_usd is no finite number: nan"),
        ({"utc_offset_minutes": 900}, "utc_offset_minutes is above 840: 900"),
        ({"feedback": "meh"}, "feedback is none of like, dislike, complaint: meh"),
        ({"interrupted": "maybe"}, "interrupted is neither true nor false: maybe"),
        ({"reply_text": "a\0b"}, "reply_text holds a NUL character"),
        ({"event_id": "x" * (MAX_ID_CHARS + 1)}, f"event_id is 513 characters long, above 512: {'x' * 60}…"),
        ({"dwell_ms": -5, "propensity": 2.0}, "dwell_ms is below 0: -5; propensity is above 1: 2"),
    ],
)
def test_every_rule_catches_its_planted_fault(changes, expected):
    assert rejection(**changes) == expected


def test_a_reply_of_two_megabytes_is_rejected_with_a_short_reason():
    reason = rejection(reply_text="ü" * 2_000_000)
    assert reason == "reply_text is 2000000 characters long, above 1000000"
    assert accepted(reply_text="ü" * MAX_TEXT_CHARS)["reply_chars"] == MAX_TEXT_CHARS


def test_numbers_are_no_times_unless_the_mapping_says_so():
    [rejected] = judged([turn(1, shown_at=1772323200000)]).rejected.to_pylist()
    assert rejected["reason"] == "shown_at is no time: 1772323200000"
    assert "`time:`" in rejected["mend"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T10:00:00Z",
        "2026-03-01 10:00:00",
        "2026-03-01T12:00:00+02:00",
        "2026-03-01T05:00:00.000000-0500",
        "  2026-03-01 10:00 ",
        "2026-03-01T10:00:00.000000000Z",
    ],
)
def test_times_of_all_forms_become_utc(text):
    assert accepted(shown_at=text)["shown_at"] == datetime(2026, 3, 1, 10)


def test_a_zone_can_move_a_row_to_another_day():
    assert accepted(shown_at="2026-03-01T23:30:00-02:00")["day"] == date(2026, 3, 2)


@pytest.mark.parametrize(
    "odd", ["o'brien", 'say "x"', "../../etc/passwd", "a/b\\c", "'; DROP TABLE turns; --", "用户", "🦊"]
)
def test_ids_are_opaque(odd):
    assert accepted(event_id=odd, user_id=odd)["event_id"] == odd


def test_text_that_is_given_is_counted_and_counts_that_are_given_stay():
    row = accepted(user_text=None, reply_text="日本", reply_chars=7)
    assert (row["user_text"], row["user_chars"], row["reply_chars"]) == (None, None, 7)
    assert accepted(user_text="")["user_text"] is None
    assert accepted(reply_text="日本🦊")["reply_chars"] == 3


def test_whole_floats_are_integers_and_ids():
    row = accepted(user_id=12345678.0, dwell_ms=900.0)
    assert (row["user_id"], row["dwell_ms"]) == ("12345678", 900)


def test_columns_of_text_are_typed():
    row = accepted(dwell_ms="1200", propensity="0.25", interrupted="true", error="0")
    assert (row["dwell_ms"], row["propensity"], row["interrupted"], row["error"]) == (1200, 0.25, True, False)


def test_a_table_without_time_takes_the_day_of_its_delivery():
    result = judged([{"character_id": "x", "persona": "a\nb"}], CHARACTERS)
    assert result.accepted.column("day").to_pylist() == [NOW.date()]


def test_choices_of_battles():
    row = {"battle_id": "b", "user_id": "u", "model_a": "x", "model_b": "y", "decided_at": "2026-03-01", "outcome": "A"}
    assert judged([row], BATTLES).rejected.to_pylist()[0]["reason"] == "outcome is none of a, b, tie, both_bad: A"


@settings(max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "event_id": st.one_of(st.none(), st.text(max_size=8)),
                "shown_at": st.one_of(st.none(), st.text(max_size=8), st.datetimes().map(datetime.isoformat)),
                "dwell_ms": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
                "cost_usd": st.one_of(st.none(), st.floats()),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_on_exactly_one_side(rows):
    result = judged([turn(index, **row) for index, row in enumerate(rows)])
    positions = result.accepted.column("position").to_pylist() + result.rejected.column("position").to_pylist()
    assert sorted(positions) == list(range(1, len(rows) + 1))
    for row in result.accepted.to_pylist():
        assert row["event_id"].strip()
        assert datetime(2000, 1, 1) <= row["shown_at"] <= NOW + TOLERANCE
        assert row["dwell_ms"] is None or row["dwell_ms"] >= 0
