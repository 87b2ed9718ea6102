"""The texts of a day judged in the order in which each user read them."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.reward_model.blocks import blocks, each
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.reader import Judgement, Reader
from evalloop_assets.reward_model.tables import REPLY_QUALITY

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import Settings

NAMED = ("event_id", "user_id", "model_id")
READ_AT_ONCE = 10_000
"""Replies of a block."""

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


def judge_day(inputs: Inputs, day: date, settings: Settings) -> pa.Table:
    """Rows of `reply_quality`: the kept replies of the day, each judged after what its user had read.

    A user remembers the last `reward.novelty_replies` replies of the days before that the inputs hold.
    """
    import pyarrow as pa

    read = inputs.query(READ, {"day": day, "remembered": settings.reward.novelty_replies})
    work = partial(judge, day=day, novelty_tau=Gate.of(settings.reward).novelty_tau)
    none = rows_of_day(REPLY_QUALITY, day, [])
    return pa.concat_tables([none, *each(work, blocks(read, "user_id", READ_AT_ONCE), settings.engine.threads)])


def judge(read: pa.Table, day: date, novelty_tau: float) -> pa.Table:
    """Rows of `reply_quality` for the replies of the day among these rows of READ, all of some users."""
    found = []
    who, reader = None, Reader(novelty_tau)
    for row in read.to_pylist():
        if row["user_id"] != who:
            who, reader = row["user_id"], Reader(novelty_tau)
        if row["today"]:
            judged = reader.take(row["user_text"], row["reply_text"], row["seconds"])
            found.append({name: row[name] for name in NAMED} | (_columns(judged) if judged else {}))
        else:
            reader.remember(row["user_text"], row["reply_text"], row["seconds"])
    return rows_of_day(REPLY_QUALITY, day, found)


def _columns(judged: Judgement) -> dict[str, float]:
    parts = judged._asdict() | judged.penalty._asdict() | {"q": judged.q}
    return parts | {"penalty": judged.penalty.product}
