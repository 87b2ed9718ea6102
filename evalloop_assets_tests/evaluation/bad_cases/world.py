"""A lake with signals of bad replies, and runs of the stage over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

import evalloop_assets.evaluation.assets
import evalloop_assets.logs.assets
import evalloop_assets.reward_model.assets  # noqa: F401 - they declare tables
from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets_tests.reward_model.stage import Stage

DAY = date(2026, 5, 3)
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]


def stage_at(home: Path, **evaluation: Any) -> Stage:
    return Stage.at(home, evaluation=evaluation)


def write(stage: Stage, table: str, rows: Sequence[Mapping[str, Any]], day: date = DAY) -> None:
    """These rows are the table's on that day; columns that are not told are NULL."""
    schema = declared(table)
    full = [{"day": day} | {name: row.get(name) for name in schema.column_names} for row in rows]
    data = pa.Table.from_pylist(full, arrow_schema(schema))
    stage.lake.replace(schema, Days.one(day), {}, lambda inputs: data)


def signal(event_id: str, reply_text: str, user_id: str = "u", **more: Any) -> dict[str, Any]:
    """A complaint about a reply, unless told otherwise."""
    return {
        "event_id": event_id, "session_id": f"s {event_id}", "user_id": user_id, "conversation_id": f"c {event_id}",
        "model_id": "m", "kind": "complaint", "reasons": "complaint", "by_behaviour": True, "certainty": 0.9,
        "cost": 1.0, "user_text": "hello", "reply_text": reply_text,
    } | more  # fmt: skip


def sentence(number: int) -> str:
    """A text that shares no word with that of another number."""
    return " ".join(f"{word}{number}" for word in NUMBERS)
