"""A small world with known preferences: replies of cheerful and dull words, users who like the cheerful ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

import evalloop_assets.horizon_labels.assets  # noqa: F401 - it declares a table
from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import BATTLES, TURNS
from evalloop_assets.reward_model.features import CONSISTENCY, PROGRESS, TAKEN_UP
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.pairs import Pairs

DAY = date(2026, 3, 5)
CHEERFUL = ["lantern", "harbour", "comet", "orchard", "violin", "saffron", "meadow", "compass", "ribbon", "cascade"]
DULL = ["okay", "maybe", "whatever", "sure", "fine", "thing", "stuff", "anyway", "basically", "something"]
NEUTRAL = ["the", "a", "we", "you", "and", "then", "of", "into", "near", "today", "river", "house", "road"]
FEATURES = PROGRESS + CONSISTENCY + TAKEN_UP + 3
"""Of planted pairs: as many shares and likenesses as the model knows, and three more."""
MESSAGES = ("tell me more", "what happens next?", "where are we", "我想听故事", "and then?")


def _text(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "VARCHAR", "") for name in names)


PAIRS_TABLE = TableSchema(
    name="preference_pairs",
    row="one pair",
    key=("pair_id",),
    columns=(
        *_text("pair_id", "source", "user_id", "user_text_a", "user_text_b", "reply_a", "reply_b", *HORIZONS),
        *_text("event_id_a", "event_id_b", "conversation_id"),
        Column("position_a", "BIGINT", ""),
        Column("position_b", "BIGINT", ""),
        Column("same_prefix", "BOOLEAN", ""),
    ),
)
READING_TABLE = TableSchema(
    name="reading",
    row="one reply",
    key=("event_id",),
    columns=(
        *_text("event_id", "root_event_id", "session_id", "user_id", "conversation_id", "model_id"),
        Column("position", "BIGINT", ""),
        Column("shown_at", "TIMESTAMP", ""),
    ),
)
LABELS_TABLE = declared("horizon_labels")
FIRST_SEEN_TABLE = TableSchema(
    name="first_seen",
    row="one user",
    key=("user_id",),
    columns=(*_text("user_id"), Column("first_at", "TIMESTAMP", "")),
)
EXITS_TABLE = TableSchema(
    name="exits", row="one session", key=("session_id",), columns=_text("session_id", "user_id", "kind")
)


def reply(draw: np.random.Generator, length: int = 12) -> tuple[str, float]:
    """A reply with its true quality, which is the share of cheerful words less that of dull ones."""
    cheerful = draw.random()
    words, quality = [], 0
    for _ in range(length):
        if draw.random() < 0.5:
            words.append(str(draw.choice(NEUTRAL)))
        elif draw.random() < cheerful:
            words.append(str(draw.choice(CHEERFUL)))
            quality += 1
        else:
            words.append(str(draw.choice(DULL)))
            quality -= 1
    return " ".join(words), quality / length


def quality(text: str) -> float:
    """True quality of a reply."""
    words = text.split()
    return (sum(word in CHEERFUL for word in words) - sum(word in DULL for word in words)) / max(len(words), 1)


def pair_rows(count: int, seed: int = 0, users: int = 60, sharpness: float = 8.0) -> list[dict[str, Any]]:
    """Rows of `preference_pairs`: A is preferred with probability sigmoid(sharpness * difference in quality)."""
    draw = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        (reply_a, quality_a), (reply_b, quality_b) = reply(draw), reply(draw)
        message = MESSAGES[at % len(MESSAGES)]

        def label(margin: float = quality_a - quality_b) -> str:
            if draw.random() < 0.2:
                return "censored"
            return "A" if draw.random() < 1 / (1 + np.exp(-sharpness * margin)) else "B"

        rows.append(
            {
                "pair_id": f"p{seed}-{at:06d}",
                "user_id": f"u{int(draw.integers(users))}",
                "source": ("tail", "regeneration", "battle")[at % 3],
                "user_text_a": message,
                "user_text_b": message,
                "reply_a": reply_a,
                "reply_b": reply_b,
                "same_prefix": at % 3 != 0,
                **{horizon: label() for horizon in HORIZONS},
            }
        )
    return rows


def pair_table(rows: list[dict[str, Any]]) -> pa.Table:
    return _table(PAIRS_TABLE, rows, DAY)


def planted(
    count: int,
    features: int = FEATURES,
    seed: int = 0,
    users: int = 80,
    censored: float = 0.0,
    length_effect: float = 0.0,
) -> tuple[Pairs, np.ndarray]:
    """Pairs of random features with a planted linear preference, and its coefficients [features, horizons]."""
    draw = np.random.default_rng(seed)
    truth = np.random.default_rng(99).normal(size=(features, len(HORIZONS)))
    a = draw.normal(size=(count, features)).astype(np.float32)
    b = draw.normal(size=(count, features)).astype(np.float32)
    ratio = draw.normal(size=count)
    chance = 1 / (1 + np.exp(-((a - b) @ truth) / 2 - length_effect * ratio[:, None]))
    targets = (draw.random((count, len(HORIZONS))) < chance).astype(float)
    targets[draw.random(targets.shape) < censored] = np.nan
    names = np.array([f"p{seed}-{at:06d}" for at in range(count)])
    who = np.array([f"u{at % users}" for at in range(count)])
    days = np.full(count, np.datetime64(DAY))
    return Pairs(names, who, np.full(count, "tail"), days, a - b, ratio, np.full(count, np.nan), targets), truth


def turn_rows(count: int, day: date = DAY, seed: int = 1, model_id: str = "incumbent") -> list[dict[str, Any]]:
    """Turns of one base model; every tenth was regenerated from the one before."""
    draw = np.random.default_rng(seed)
    start = datetime(day.year, day.month, day.day, 8)
    return [
        {
            "event_id": f"e{seed}-{at:05d}",
            "user_id": f"u{at % 50}",
            "conversation_id": f"c{at % 50}",
            "model_id": model_id,
            "character_id": f"hero{at % 3}",
            "shown_at": start + timedelta(seconds=20 * at),
            "user_text": MESSAGES[at % len(MESSAGES)],
            "reply_text": reply(draw)[0],
            "replaces_event_id": f"e{seed}-{at - 1:05d}" if at % 10 == 9 else None,
        }
        for at in range(count)
    ]


def fill(lake: Lake, pairs: list[dict[str, Any]], turns: list[dict[str, Any]], day: date = DAY) -> None:
    """Writes one day of pairs, turns, reading and labels, and an empty day of battles.

    A label is the quality of the reply and the mood of its session, which counts for more.

    Users whose name ends with an even digit are first seen on that day, the others on the day before.
    """
    reading = [
        {
            **{name: turn.get(name) for name in ("event_id", "user_id", "conversation_id", "model_id", "shown_at")},
            "session_id": f"s-{turn['conversation_id']}",
            "root_event_id": turn["replaces_event_id"] or turn["event_id"],
            "shown_at": turn["shown_at"],
            "position": None if turn["event_id"].endswith("8") else at + 1,
        }
        for at, turn in enumerate(turns)
    ]
    labels = [
        row | {"immediate": quality(turn["reply_text"] or "") + len(row["session_id"]) % 2}
        for row, turn in zip(reading, turns, strict=True)
        if row["position"] is not None
    ]
    tables = (
        (LABELS_TABLE, labels),
        (PAIRS_TABLE, pairs),
        (TURNS, turns),
        (READING_TABLE, reading),
        (EXITS_TABLE, []),
        (BATTLES, []),
    )
    for schema, rows in tables:
        table = _table(schema, rows, day)
        lake.replace(schema, Days.one(day), {}, lambda inputs, table=table: table)
    users = sorted({row["user_id"] for row in pairs})
    for first, rest in ((day - timedelta(days=1), "13579"), (day, "02468")):
        seen = _table(FIRST_SEEN_TABLE, [{"user_id": user} for user in users if user[-1] in rest], first)
        lake.replace(FIRST_SEEN_TABLE, Days.one(first), {}, lambda inputs, table=seen: table)


def _table(schema: TableSchema, rows: list[dict[str, Any]], day: date) -> pa.Table:
    full = [{name: row.get(name) for name in schema.column_names} | {"day": day} for row in rows]
    return pa.Table.from_pylist(full, schema=arrow_schema(schema))
