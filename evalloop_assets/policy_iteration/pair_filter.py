"""Which pairs may train a policy: same prefix, horizons that agree, and a reward model that agrees with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

KEPT = "kept"


class LoggedPair(NamedTuple):
    """Two replies to one prefix with what behaviour says about them."""

    pair_id: str
    user_id: str
    source: str
    user_text: str
    reply_a: str
    reply_b: str
    labels: tuple[str | None, ...]
    """A, B, tie, censored or NULL, one per horizon."""


class FilteredPair(NamedTuple):
    """A pair with the decision on it."""

    pair: LoggedPair
    chosen: str | None
    """The preferred reply; None where the horizons do not tell."""
    rejected: str | None
    margin: float | None
    """Reward of the chosen less that of the rejected reply, in anchor standard deviations."""
    reason: str
    """kept, or why it was dropped."""


def preferred(labels: Sequence[str | None]) -> str:
    """`A` or `B` where all decided horizons say so, `contradictory` where they differ, `undecided` where none is."""
    sides = {label for label in labels if label in ("A", "B")}
    if len(sides) == 1:
        return sides.pop()
    return "contradictory" if sides else "undecided"


def filter_pairs(
    pairs: Sequence[LoggedPair],
    rewards_a: Sequence[float],
    rewards_b: Sequence[float],
    least_margin: float,
    per_user: int,
) -> list[FilteredPair]:
    """One decision per pair, in the order of pair_id.

    Dropped are, in this order: blank replies, identical ones, undecided and contradictory labels, pairs that another
    pair (of a battle, a regeneration, another user) decides the other way for the same message, replies that the reward
    model cannot judge, margins below the least one, repetitions of a triple already kept, what exceeds a user's share.
    """
    told = {_triple(pair, side) for pair in pairs if (side := preferred(pair.labels)) in ("A", "B")}
    seen: set[tuple[str, str, str]] = set()
    taken: Counter[str] = Counter()
    decided = []
    for pair, reward_a, reward_b in sorted(
        zip(pairs, rewards_a, rewards_b, strict=True), key=lambda row: row[0].pair_id
    ):
        side = _alike(pair) or preferred(pair.labels)
        if side not in ("A", "B"):
            decided.append(FilteredPair(pair, None, None, None, side))
            continue
        triple = _triple(pair, side)
        _, chosen, rejected = triple
        margin = (reward_a - reward_b) if side == "A" else (reward_b - reward_a)
        if (pair.user_text, rejected, chosen) in told:
            reason = "disputed"
        elif margin != margin:
            reason = "unscored"
        elif margin < least_margin:
            reason = "margin"
        elif triple in seen:
            reason = "duplicate"
        elif taken[pair.user_id] >= per_user:
            reason = "user_share"
        else:
            reason = KEPT
            seen.add(triple)
            taken[pair.user_id] += 1
        decided.append(FilteredPair(pair, chosen, rejected, None if reason == "unscored" else margin, reason))
    return decided


def _alike(pair: LoggedPair) -> str | None:
    """Why there is nothing to choose between; None where there is."""
    if not pair.reply_a.strip() or not pair.reply_b.strip():
        return "blank"
    return "identical" if pair.reply_a == pair.reply_b else None


def _triple(pair: LoggedPair, side: str) -> tuple[str, str, str]:
    """Message, preferred reply, other reply."""
    if side == "A":
        return pair.user_text, pair.reply_a, pair.reply_b
    return pair.user_text, pair.reply_b, pair.reply_a
