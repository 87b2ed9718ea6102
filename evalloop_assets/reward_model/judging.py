"""The texts of a day judged in the order in which each user read them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.reader import Judgement, Reader

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import Settings

NAMED = ("event_id", "user_id", "model_id")

READ = """
    SELECT
        r.event_id, r.user_id, r.model_id, r.day = $day AS today, epoch_ms(t.shown_at) / 1e3 AS seconds, t.user_text,
        t.reply_text
    FROM reading AS r JOIN turns AS t ON t.event_id = r.event_id
    WHERE r.position IS NOT NULL AND r.user_id IN (SELECT user_id FROM reading WHERE day = $day)
    QUALIFY today
        OR row_number() OVER (PARTITION BY r.user_id, today ORDER BY t.shown_at DESC, r.event_id DESC) <= $remembered
    ORDER BY r.user_id, t.shown_at, r.event_id
"""


def judge_day(inputs: Inputs, day: date, settings: Settings) -> list[dict[str, Any]]:
    """Rows of `reply_quality`: the kept replies of the day, each judged after what its user had read.

    A user remembers the last `reward.novelty_replies` replies of the days before that the inputs hold.
    """
    found: list[dict[str, Any]] = []
    tau = Gate.of(settings.reward).novelty_tau
    who, reader = None, Reader(tau)
    remembered = {"day": day, "remembered": settings.reward.novelty_replies}
    for row in inputs.query(READ, remembered).to_pylist():
        if row["user_id"] != who:
            who, reader = row["user_id"], Reader(tau)
        if row["today"]:
            judged = reader.take(row["user_text"], row["reply_text"], row["seconds"])
            found.append({name: row[name] for name in NAMED} | (_columns(judged) if judged else {}))
        else:
            reader.remember(row["user_text"], row["reply_text"], row["seconds"])
    return found


def _columns(judged: Judgement) -> dict[str, float]:
    parts = judged._asdict() | judged.penalty._asdict() | {"q": judged.q}
    return parts | {"penalty": judged.penalty.product}
