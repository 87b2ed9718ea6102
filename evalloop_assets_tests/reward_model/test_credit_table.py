from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.reward_model.assets import credit
from evalloop_assets.reward_model.tables import BREAKS
from evalloop_assets_tests.reward_model.stage import Stage, metadata
from evalloop_assets_tests.reward_model.world import DAY, EXITS_TABLE, READING_TABLE

REPLIES = (
    "The harbour lies in fog tonight, and the ferry does not run.",
    "I hide the brass key under the third plank of the pier.",
    "As an only child I have nobody who could laugh at me.",
    "Somebody coughs behind the crates, and a lantern goes out.",
)
BROKEN = 2
SESSIONS = {"left": "abrupt", "done": "natural", "called": "interrupted", "silent": "abrupt"}


def put(stage: Stage, schema: TableSchema, rows: list[dict[str, Any]]) -> None:
    full = [{name: row.get(name) for name in schema.column_names} | {"day": DAY} for row in rows]
    table = pa.Table.from_pylist(full, schema=arrow_schema(schema))
    stage.lake.replace(schema, Days.one(DAY), {}, lambda inputs: table)


def world(home: Path, **reward: Any) -> Stage:
    """Four sessions of the same four replies; the third of three of them breaks the persona."""
    stage = Stage.at(home, reward=reward)
    replies = [
        {
            "event_id": f"{session}-{at}",
            "session_id": session,
            "conversation_id": session,
            "user_id": f"u-{session}",
            "model_id": "m",
            "position": at + 1,
            "shown_at": datetime(2026, 3, 5, 10) + timedelta(minutes=at),
            "user_text": "and then?",
            "reply_text": text,
            "score": 0.9 if at == BROKEN and session != "silent" else 0.1,
            "kind": "contradiction" if at == BROKEN and session != "silent" else None,
        }
        for session in SESSIONS
        for at, text in enumerate(REPLIES)
    ]
    for schema in (TURNS, READING_TABLE, BREAKS):
        put(stage, schema, replies)
    put(stage, EXITS_TABLE, [{"session_id": name, "kind": kind} for name, kind in SESSIONS.items()])
    return stage


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    stage = world(tmp_path_factory.mktemp("credit"))
    told = metadata(stage.run(DAY, [credit]), "credit")
    return told, {row["event_id"]: row for row in stage.rows("credit")}


def test_only_sessions_left_abruptly_have_rows(found):
    told, rows = found
    assert {row["session_id"] for row in rows.values()} == {"left", "silent"}
    assert [rows[f"left-{at}"]["replies_after"] for at in range(4)] == [3, 2, 1, 0]
    assert (told["failures"], told["failures_with_somebody_to_blame"]) == (2, 1)


def test_blame_falls_on_the_broken_reply_alone(found):
    _, rows = found
    blames = {event: row["blame"] for event, row in rows.items() if row["blame"]}
    assert set(blames) == {f"left-{BROKEN}"}
    assert 0.5 < blames[f"left-{BROKEN}"] <= 1
    assert all(row["drift"] > 0 for row in rows.values())


def test_nobody_is_blamed_where_nothing_broke(found):
    _, rows = found
    assert [rows[f"silent-{at}"]["blame"] for at in range(4)] == [0, 0, 0, 0]


def test_settings_bound_the_look_back(tmp_path: Path):
    stage = world(tmp_path, credit_lookback=0)
    stage.run(DAY, [credit])
    assert all(row["blame"] == 0 for row in stage.rows("credit"))
