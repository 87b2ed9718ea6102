"""The table `breaks` on a lake: which replies have rows, what is history, and what the check catches."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.contract import CHARACTERS, TURNS
from evalloop_assets.reward_model.assets import breaks, personas
from evalloop_assets.reward_model.breaks import daily
from evalloop_assets.reward_model.checks import breaks_complete_and_sound, breaks_sound
from evalloop_assets.reward_model.tables import BREAKS
from evalloop_assets_tests.reward_model.stage import Stage, metadata, verdicts
from evalloop_assets_tests.reward_model.world import READING_TABLE

DAY = date(2026, 3, 5)
PERSONA = "Nadia\nNadia plays the cello.\nNadia is shy.\nNadia lives in Paris."
TALKS = {
    "tea": [(0, "I love green tea."), (2, "I hate green tea."), (2, "Shall we go?")],
    "old": [(0, "I love green tea."), (9, "I hate green tea.")],
    "cello": [(2, "I never play the cello.")],
    "anew": [(2, "I love green tea."), (2, "I hate green tea.")],
    "gone": [(0, "I love green tea.")],
}
"""Conversation to (days after DAY, reply); the first reply of `anew` was regenerated."""


def put(stage: Stage, schema: TableSchema, rows: list[dict[str, Any]], day: date) -> None:
    full = [{name: row.get(name) for name in schema.column_names} | {"day": day} for row in rows]
    table = pa.Table.from_pylist(full, schema=arrow_schema(schema))
    stage.lake.replace(schema, Days.one(day), {}, lambda inputs: table)


def on(after: int) -> date:
    return DAY + timedelta(days=after)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    found = Stage.at(tmp_path_factory.mktemp("breaks"))
    put(found, CHARACTERS, [{"character_id": "nadia", "persona": PERSONA}], on(30))  # the day of their delivery
    for after in range(10):
        turns = [
            {
                "event_id": f"{name}-{place}",
                "conversation_id": name,
                "user_id": f"user of {name}",
                "model_id": "m",
                "character_id": "nadia",
                "shown_at": datetime(2026, 3, 5) + timedelta(days=said_after, minutes=place),
                "user_text": "And then?",
                "reply_text": reply,
            }
            for name, said in TALKS.items()
            for place, (said_after, reply) in enumerate(said)
            if said_after == after
        ]
        reading = [
            {**{name: turn.get(name) for name in ("event_id", "conversation_id", "user_id", "model_id")},
             "session_id": "s", "position": None if turn["event_id"] == "anew-0" else 1}
            for turn in turns
        ]  # fmt: skip
        put(found, TURNS, turns, on(after))
        put(found, READING_TABLE, reading, on(after))
        found.run(on(after), [personas])
    return found


@pytest.fixture(scope="module")
def result(stage: Stage):
    stage.run(on(9), [breaks])
    return stage.run(on(2), [breaks, breaks_complete_and_sound])


def test_each_kept_reply_of_the_day_has_a_row_and_what_was_said_before_counts(stage: Stage, result):
    rows = {row["event_id"]: row for row in stage.rows("breaks") if row["day"] == on(2)}
    assert set(rows) == {"tea-1", "tea-2", "cello-0", "anew-1"}
    assert rows["tea-1"]["score"] >= 0.5
    assert rows["tea-1"]["kind"] == "contradiction"
    assert rows["cello-0"]["score"] >= 0.5
    assert (rows["tea-2"]["score"], rows["tea-2"]["kind"]) == (0, None)
    assert rows["tea-1"]["user_id"] == "user of tea"
    assert verdicts(result) == {"breaks_complete_and_sound": True}
    assert metadata(result, "breaks")["breaks"] == 2


def test_a_reply_that_was_regenerated_is_no_part_of_the_conversation(stage: Stage, result):
    assert {row["event_id"]: row["score"] for row in stage.rows("breaks")}["anew-1"] == 0


def test_what_was_said_more_than_a_week_ago_is_forgotten(stage: Stage, result):
    (row,) = [row for row in stage.rows("breaks") if row["day"] == on(9)]
    assert (row["event_id"], row["score"]) == ("old-1", 0)


def test_parts_end_between_conversations(stage: Stage, result, monkeypatch: pytest.MonkeyPatch):
    whole = [row for row in stage.rows("breaks") if row["day"] == on(2)]
    monkeypatch.setattr(daily, "TURNS_AT_ONCE", 1)
    inputs = stage.inputs(on(2), reading=(-6, 0), turns=(-6, 1), personas=(-6, 0))
    for processes in (1, 2):
        again = daily.break_day(inputs, on(2), processes).rows.to_pylist()
        assert [{"day": on(2), **row} for row in again] == whole


def test_a_day_without_replies_has_no_rows(tmp_path: Path):
    stage = Stage.at(tmp_path)
    for schema in (CHARACTERS, TURNS, READING_TABLE):
        put(stage, schema, [], DAY)
    assert stage.run(DAY, [personas, breaks, breaks_complete_and_sound]).success


def test_a_persona_is_as_it_was_delivered_last_and_that_of_a_kept_reply(tmp_path: Path):
    stage, who = Stage.at(tmp_path), ("spoke", "written anew", "silent")
    for delivered, wording in ((20, "first"), (30, "last")):
        told = [{"character_id": name, "persona": f"{name}, {wording}"} for name in who]
        put(stage, CHARACTERS, told, on(delivered))
    said = {"conversation_id": "c", "user_id": "u", "model_id": "m"}
    put(stage, TURNS, [{"event_id": name, "character_id": name, **said} for name in who[:2]], DAY)
    kept = {"spoke": 1, "written anew": None}
    put(stage, READING_TABLE, [{"event_id": name, "position": place, **said} for name, place in kept.items()], DAY)
    stage.run(DAY, [personas])
    assert {row["character_id"]: row["persona"] for row in stage.rows("personas")} == {"spoke": "spoke, last"}


@pytest.mark.parametrize(
    ("change", "why"),
    [({"score": None}, "1 rows"), ({"score": 1.5}, "1 rows"), ({"kind": None}, "1 rows"), ({"kind": "odd"}, "1 rows"),
     ({"event_id": "else"}, "1 kept replies")],
)  # fmt: skip
def test_the_check_catches(stage: Stage, result, change: dict, why: str):
    rows = [row for row in stage.rows("breaks") if row["day"] == on(2)]
    broken = [row | change if row["event_id"] == "tea-1" else row for row in rows]
    try:
        put(stage, BREAKS, broken, on(2))
        found = breaks_sound(stage.lake, Days.one(on(2)))
    finally:
        put(stage, BREAKS, rows, on(2))
    assert not found.passed
    assert why in found.description
    assert breaks_sound(stage.lake, Days.one(on(2))).passed
