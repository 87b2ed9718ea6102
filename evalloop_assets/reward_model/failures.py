"""The failures of a day, charged to the replies that broke something."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evalloop_assets.reward_model.credit import Charging, blame, drifts
from evalloop_assets.reward_model.embeddings import SAID, STORED, CachedEncoder
from evalloop_assets.reward_model.encoder import find_encoder
from evalloop_assets.reward_model.scoring import DIGITS

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import RewardSettings, Settings

FAILED = """
    SELECT
        r.event_id, r.session_id, r.user_id, r.conversation_id, r.model_id,
        max(r.position) OVER (PARTITION BY r.session_id) - r.position AS replies_after,
        b.score AS break_score,
        t.user_text, t.reply_text
    FROM reading AS r
    JOIN exits AS e ON e.session_id = r.session_id
    JOIN turns AS t ON t.event_id = r.event_id
    LEFT JOIN breaks AS b ON b.event_id = r.event_id
    WHERE r.position IS NOT NULL AND e.kind = 'abrupt'
    ORDER BY r.session_id, r.position
"""

CONVERSATIONS = f"SELECT conversation_id FROM ({FAILED})"


class Charged(NamedTuple):
    """Rows of `credit`, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def charging(options: RewardSettings) -> Charging:
    return Charging(options.credit_lookback, options.break_threshold, options.drift_rate, options.credit_form)


def charge_day(inputs: Inputs, day: date, settings: Settings) -> Charged:
    """One row per kept reply of a session that was left abruptly."""
    import pyarrow as pa

    options = settings.reward
    replies, found = inputs.query(FAILED), find_encoder(options.encoder)
    said = SAID.format(conversations=CONVERSATIONS)
    stored = inputs.query(STORED.format(hashes=said), {"encoder": found.name})
    encoder = CachedEncoder(found, stored)
    messages, texts = (
        encoder.encode([text or "" for text in replies.column(name).to_pylist()])
        for name in ("user_text", "reply_text")
    )
    sessions = np.unique(replies.column("session_id").to_numpy(zero_copy_only=False), return_inverse=True)[1]
    drift = relative(drifts(sessions, messages, texts))
    score = replies.column("break_score").cast(pa.float64()).to_numpy(zero_copy_only=False)
    charged = blame(sessions, replies.column("replies_after").to_numpy(), score, drift, charging(options))
    rows = replies.drop_columns(["user_text", "reply_text"])
    for name, values in {"drift": drift, "weight": charged.weight, "blame": charged.blame}.items():
        rows = rows.append_column(name, pa.array(np.round(values, DIGITS), pa.float64()))
    failures = int(sessions.max() + 1) if len(sessions) else 0
    blamed = np.bincount(sessions, charged.blame, minlength=failures) > 0
    return Charged(rows, {"failures": failures, "failures_with_somebody_to_blame": int(blamed.sum())})


def relative(drift: np.ndarray) -> np.ndarray:
    """Drifts over their median, so that the scale of an encoder's distances does not matter; 0 where that is 0."""
    typical = float(np.median(drift)) if len(drift) else 0.0
    return drift / typical if typical > 0 else np.zeros(len(drift))
