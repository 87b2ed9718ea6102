"""The day's rewards: kept replies scored by the champion."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evalloop_assets.reward_model.blocks import blocks, each
from evalloop_assets.reward_model.embeddings import SAID, STORED, CachedEncoder, Vectors
from evalloop_assets.reward_model.encoder import Matrix, find_encoder
from evalloop_assets.reward_model.gated import Gate, through_gate
from evalloop_assets.reward_model.history import Situations, situations
from evalloop_assets.reward_model.logged import logged_situations, read_log
from evalloop_assets.reward_model.model import Assessed, RewardModel
from evalloop_assets.reward_model.registry import find_champion
from evalloop_assets.reward_model.tables import REWARDS

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import Settings

DIGITS = 5
"""Decimals of a stored reward: beyond them single precision differs from machine to machine."""

CONVERSATIONS = "SELECT conversation_id FROM reading WHERE day = $day AND position IS NOT NULL"

KEPT_REPLIES = """
    SELECT
        r.event_id, r.session_id, r.user_id, r.conversation_id, r.model_id, t.user_text, t.reply_text, quality.q,
        quality.penalty
    FROM reading AS r
    JOIN turns AS t ON t.event_id = r.event_id
    LEFT JOIN reply_quality AS quality ON quality.event_id = r.event_id
    WHERE r.day = $day AND r.position IS NOT NULL
    ORDER BY r.conversation_id, r.event_id
"""

SCORED_AT_ONCE = 10_000
"""Replies of a block."""


class Scored(NamedTuple):
    """Rows of a table of scores, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def score_day(inputs: Inputs, day: date, settings: Settings) -> Scored:
    """One row per kept reply; none where there is no champion."""
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    champion = find_champion(settings)
    if champion is None:
        schema = arrow_schema(REWARDS)
        empty = schema.remove(schema.get_field_index("day")).empty_table()
        return Scored(empty, {"skipped": "no reward model was ever promoted"})
    replies = inputs.query(KEPT_REPLIES, {"day": day})
    name = champion.config.encoder
    said = SAID.format(conversations=CONVERSATIONS)
    stored = inputs.query(STORED.format(hashes=said), {"encoder": name, "day": day})
    log, encoder = read_log(inputs, CONVERSATIONS, {"day": day}), CachedEncoder(find_encoder(name), stored)

    def placed(block: pa.Table) -> tuple[Situations, Matrix]:
        columns = [block.column(column).to_pylist() for column in ("event_id", "user_text", "reply_text")]
        places = logged_situations(log, *columns)
        return places, encoder.encode(places.texts)

    given = map(placed, blocks(replies, "conversation_id", SCORED_AT_ONCE))
    none = champion.assess(situations([], []), encoder)
    assessed = Assessed.joined([none, *each(partial(_assess, champion), given, settings.engine.threads)])
    scores = champion.temporal(assessed.components)
    q, penalty = (replies.column(column).to_numpy() for column in ("q", "penalty"))
    gated = through_gate(scores, q, penalty, Gate.of(settings.reward))
    rows = replies.drop_columns(["user_text", "reply_text", "q", "penalty"])
    for column, values in (assessed.components._asdict() | gated._asdict() | {"distance": assessed.distance}).items():
        rows = rows.append_column(column, pa.array(np.round(values, DIGITS), pa.float64(), from_pandas=True))
    rows = rows.append_column("reward_version", pa.array([champion.version] * len(scores), pa.string()))
    known = np.isfinite(scores)
    unfamiliar = assessed.distance > 1
    rows = rows.append_column("unfamiliar", pa.array(unfamiliar, pa.bool_(), mask=~known))
    metadata = {
        "reward_version": champion.version,
        "mean_r_temporal": float(scores[known].mean()) if known.any() else None,
        "mean_gate": float(gated.gate[known].mean()) if known.any() else None,
        "mean_reward": float(gated.reward[known].mean()) if known.any() else None,
        "unfamiliar": float(unfamiliar[known].mean()) if known.any() else None,
        "without_text": int(len(scores) - known.sum()),
    }
    return Scored(rows, metadata)


def _assess(champion: RewardModel, block: tuple[Situations, Matrix]) -> Assessed:
    from threadpoolctl import threadpool_limits

    places, vectors = block
    with threadpool_limits(1, "blas"):  # here it may be a process of its own
        return champion.assess(places, Vectors(champion.config.encoder, vectors))
