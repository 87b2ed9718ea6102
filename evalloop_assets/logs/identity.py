"""Which rows of a log table are one and the same thing delivered more than once, and which of them stays.

Delivery is at least once, in any order, and a repeated row may carry another time and so fall on another day. Rows with
the same identity within `lookback` days of each other are one; the one with the smallest rank stays, then the one whose
content has the smaller hash, so that the order of arrival does not matter.
"""

from __future__ import annotations

from typing import NamedTuple

from evalloop_assets.lake.schema import TableSchema

NEVER = "9223372036854775807"
NEWEST = "-CAST(day - DATE '1970-01-01' AS BIGINT)"
"""Rank of tables whose day is that of the delivery: what came later is the newer description."""
NEWEST_SCORE = f"{NEWEST} * 10000000000000 - coalesce(CAST(floor(epoch(scored_at)) AS BIGINT), 0)"
"""Of scores delivered on one day the one that was scored last."""
ASKED = ("prompt_version", '"order"', "decided_at")
"""What tells one verdict on an item from another of the same judge: asked anew, it is another verdict."""


class Identity(NamedTuple):
    """DuckDB expressions over a row of the table."""

    parts: tuple[str, ...]
    """Together they name the thing that the row is about."""
    rank: str
    """BIGINT; the smallest stays."""
    lookback: int | None
    """Days on both sides in which the same thing may have been delivered; None is the whole table."""

    @property
    def key(self) -> str:
        """The parts as one text, without ambiguity."""
        return joined(self.parts)


IDENTITIES = {
    "turns": Identity(("event_id",), f"coalesce(epoch_us(received_at), {NEVER})", 2),
    "visits": Identity(
        ("user_id", "coalesce('id ' || visit_id, 'at ' || CAST(opened_at AS VARCHAR))"), "epoch_us(opened_at)", 2
    ),
    "signups": Identity(("user_id",), "epoch_us(signed_up_at)", None),
    "battles": Identity(("battle_id",), "epoch_us(decided_at)", 2),
    "assignments": Identity(("experiment_id", "unit", "unit_id", "arm"), "epoch_us(assigned_at)", 28),
    "characters": Identity(("character_id",), NEWEST, None),
    "models": Identity(("model_id",), NEWEST, None),
    "benchmark_items": Identity(("benchmark", "item_id"), NEWEST, None),
    "benchmark_scores": Identity(("model_id", "benchmark", "item_id"), NEWEST_SCORE, None),
    "judge_verdicts": Identity(("item_id", "judge_id", *ASKED), NEWEST, None),
    "gold_annotations": Identity(("item_id", "annotator_id", *ASKED), NEWEST, None),
    "reason_ratings": Identity(("reason_id", "annotator_id", "prompt_version", "decided_at"), NEWEST, None),
}


def content_hash(schema: TableSchema) -> str:
    """Expression for the hash of all columns of a row but the day."""
    columns = joined(tuple(f'"{name}"' for name in schema.column_names))
    return f"md5({columns})"


def joined(parts: tuple[str, ...]) -> str:
    """Several values as one text in which each is preceded by its length, and NULL differs from empty."""
    texts = [f"coalesce(length(CAST({part} AS VARCHAR)) || ':' || CAST({part} AS VARCHAR), '-')" for part in parts]
    return f"concat({', '.join(texts)})"
