"""The day's pairs, filtered by the champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalloop_assets.policy_iteration.pair_filter import KEPT, LoggedPair, filter_pairs
from evalloop_assets.policy_iteration.rewarding import gated_by
from evalloop_assets.policy_iteration.step import Step, rows_of
from evalloop_assets.policy_iteration.tables import POLICY_PAIRS
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.registry import find_champion

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import Settings

PAIRS = f"""
    SELECT pair_id, user_id, source, user_text_a, reply_a, reply_b, {", ".join(HORIZONS)}
    FROM preference_pairs
    WHERE same_prefix
      AND NOT EXISTS (
        SELECT 1 FROM bad_cases
        WHERE bad_cases.side <> 'training' AND bad_cases.event_id IN (event_id_a, event_id_b)
      )
    ORDER BY pair_id
"""
"""Of bad cases only those of the training side: what evaluates trains nothing."""


def filter_day(inputs: Inputs, settings: Settings) -> Step:
    """Decides on the day's same-prefix pairs by the champion; without one every decided pair is unscored."""
    options = settings.policy
    rows = inputs.query(PAIRS).to_pylist()
    pairs = [
        LoggedPair(
            row["pair_id"],
            row["user_id"],
            row["source"],
            row["user_text_a"] or "",
            row["reply_a"] or "",
            row["reply_b"] or "",
            tuple(row[horizon] for horizon in HORIZONS),
        )
        for row in rows
    ]
    champion = find_champion(settings)
    worth = gated_by(champion, Gate.of(settings.reward)) if champion else None
    version = champion.version if champion else None
    messages = [pair.user_text for pair in pairs]

    def rewards(replies: Sequence[str]) -> list[float]:
        return worth(messages, replies).round(5).tolist() if worth else [float("nan")] * len(replies)

    decided = filter_pairs(
        pairs,
        rewards([pair.reply_a for pair in pairs]),
        rewards([pair.reply_b for pair in pairs]),
        options.min_margin,
        options.pairs_per_user,
    )
    reasons = Counter(entry.reason for entry in decided)
    table = [
        {
            "pair_id": entry.pair.pair_id,
            "user_id": entry.pair.user_id,
            "source": entry.pair.source,
            "user_text": entry.pair.user_text,
            "chosen": entry.chosen,
            "rejected": entry.rejected,
            "margin": entry.margin,
            "kept": entry.reason == KEPT,
            "reason": entry.reason,
            "reward_version": version,
        }
        for entry in decided
    ]
    return Step(rows_of(POLICY_PAIRS, table), {"pairs_by_reason": dict(sorted(reasons.items()))})
