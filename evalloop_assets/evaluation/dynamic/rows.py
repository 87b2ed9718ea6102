"""Conversations and their scores as rows of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from evalloop_assets.days import Days
from evalloop_assets.evaluation.dynamic.converse import Conversation
from evalloop_assets.evaluation.dynamic.grid import grid_version
from evalloop_assets.evaluation.dynamic.results import Result
from evalloop_assets.evaluation.dynamic.tables import SCORES
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Commit, Inputs, Lake

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

OTHERS = {
    "dynamic_turns": "SELECT * FROM dynamic_turns WHERE model_id <> $model_id",
    "dynamic_scores": "SELECT * FROM dynamic_scores WHERE model_id <> $model_id",
}


def turn_rows(model_id: str, channel: str, talks: Sequence[Conversation]) -> list[dict[str, Any]]:
    """Rows of `dynamic_turns`: the turns of each conversation and, where it failed, one that says why."""
    return [row for talk in talks for row in _rows_of(model_id, channel, talk)]


def score_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of `dynamic_scores` of what `scoring.scored` gives."""
    return (
        []
        if frame.empty
        else [
            {str(name): value for name, value in row.items()}
            for row in frame[list(SCORES.column_names)].to_dict("records")
        ]
    )


def result_rows(found: Sequence[Result]) -> list[dict[str, Any]]:
    """Rows of `dynamic_results`; what is not known is NULL."""
    return [
        {
            **one._asdict(),
            "turn": one.turn or 0,
            "value": _known(one.found.value),
            "low": _known(one.found.low),
            "high": _known(one.found.high),
            "conversations": one.found.conversations,
            "reason": one.found.reason or None,
        }
        for one in found
    ]


def keep(lake: Lake, schema: TableSchema, day: date, model_id: str, rows: Sequence[dict[str, Any]]) -> Commit:
    """Puts the rows of one policy in the place of those that it had on that day; other policies keep theirs."""
    import pyarrow as pa

    mine = rows_of_day(schema, day, rows)

    def compute(inputs: Inputs) -> pa.Table:
        others = inputs.query(OTHERS[schema.name], {"model_id": model_id})
        return pa.concat_tables([others.select(mine.column_names).cast(mine.schema), mine])

    return lake.replace(schema, Days.one(day), {schema.name: (0, 0)}, compute)


def _rows_of(model_id: str, channel: str, talk: Conversation) -> list[dict[str, Any]]:
    scenario = talk.scenario
    common = {
        "model_id": model_id,
        "pair": talk.pair,
        "perturbation": talk.perturbation,
        "role_type": scenario.role.role_type,
        "role_id": scenario.role.role_id,
        "intent": scenario.intent,
        "prompt_setting": scenario.prompt_setting,
        "locale": scenario.role.locale,
        "seed": talk.seed,
        "channel": channel,
        "grid_version": grid_version(),
    }
    rows = [
        common
        | {
            "turn": turn.turn,
            "act": turn.act,
            "meant": turn.meant,
            "user_text": turn.user_text,
            "reply": turn.reply,
        }
        for turn in talk.turns
    ]
    return rows + ([common | {"turn": len(talk.turns) + 1, "failure": talk.failure}] if talk.failure else [])


def _known(value: float) -> float | None:
    return float(value) if value == value else None
