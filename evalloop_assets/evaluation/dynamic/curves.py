"""How scores go over the turns: means, slopes and paired differences, with the conversation as the unit of variance.

A slope is taken within conversations (each has a level of its own), so that conversations which end early, and are
perhaps the bad ones, do not bend it. Intervals are at 95%, with Student's t over conversations - 1 degrees of freedom
and sums of scores per conversation (Cameron and Miller, *A Practitioner's Guide to Cluster-Robust Inference*, 2015).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalloop_assets.reward_model.intervals import mean_over_users, share_over_users

Floats = NDArray[np.float64]
UNKNOWN = float("nan")
CONFIDENCE = 0.95


class Figure(NamedTuple):
    """An estimate with its 95% interval; what is not known is NaN, and `reason` says why."""

    value: float
    low: float
    high: float
    conversations: int
    reason: str = ""


class Slopes(NamedTuple):
    """A slope, and how much each conversation moved it."""

    figure: Figure
    pairs: NDArray[np.object_]
    """[conversations] names."""
    influence: Floats
    """[conversations] they sum to zero; the sum of their squares is the variance, up to G / (G - 1)."""


def mean(scores: ArrayLike, conversations: ArrayLike, least: int, unit: bool = False) -> Figure:
    """Mean score; `unit` for scores in [0, 1], whose interval stays there and is no point where all are alike."""
    count = len(np.unique(np.asarray(conversations)))
    if count < least:
        return _too_few(count, least)
    found = (share_over_users if unit else mean_over_users)(scores, conversations, CONFIDENCE)
    if found.high - found.low <= _round_off(scores):
        return Figure(found.value, UNKNOWN, UNKNOWN, count, "all conversations are alike")
    return Figure(found.value, found.low, found.high, count)


def slope(scores: ArrayLike, turns: ArrayLike, conversations: ArrayLike, least: int) -> Slopes:
    """Change of the score from one turn to the next, over conversations with two scored turns and more."""
    y, x = np.asarray(scores, np.float64), np.asarray(turns, np.float64)
    names, group = np.unique(np.asarray(conversations, object), return_inverse=True)
    rows = np.bincount(group, minlength=len(names))
    within = x - (np.bincount(group, x, len(names)) / rows)[group]
    spread = np.bincount(group, within**2, len(names))
    names, kept = names[spread > 0], spread > 0
    count = len(names)
    if count < least:
        return Slopes(_too_few(count, least, " of two turns and more"), names, np.empty(0))
    level = (np.bincount(group, y, len(kept)) / rows)[group]
    value = float(within @ (y - level) / spread.sum())
    influence = np.bincount(group, within * (y - level - value * within), len(kept))[kept] / spread.sum()
    return Slopes(_with_interval(value, influence, count, y), names, influence)


def slope_difference(a: Slopes, b: Slopes, least: int) -> Figure:
    """Slope of a less that of b; conversations of one name are the same scenario and seed, and count as a pair."""
    if np.isnan(a.figure.value) or np.isnan(b.figure.value):
        return Figure(UNKNOWN, UNKNOWN, UNKNOWN, 0, a.figure.reason or b.figure.reason)
    names = np.unique(np.concatenate([a.pairs, b.pairs]))
    moved = np.zeros(len(names))
    moved[np.searchsorted(names, a.pairs)] += a.influence
    moved[np.searchsorted(names, b.pairs)] -= b.influence
    count = min(len(a.pairs), len(b.pairs))
    return _with_interval(a.figure.value - b.figure.value, moved, len(names), moved)._replace(conversations=count)


def paired_difference(base: ArrayLike, other: ArrayLike, least: int) -> Figure:
    """Mean of other less base over pairs of conversations; [pairs] each."""
    change = np.asarray(other, np.float64) - np.asarray(base, np.float64)
    if len(change) < least:
        return _too_few(len(change), least, " under both")
    value = float(change.mean())
    return _with_interval(value, (change - value) / len(change), len(change), np.asarray(base, np.float64))


def _with_interval(value: float, influence: Floats, count: int, scale: Floats) -> Figure:
    from scipy.special import stdtrit

    error = float(np.sqrt(np.sum(influence**2) * count / (count - 1))) if count > 1 else 0.0
    if error <= _round_off(scale):
        return Figure(value, UNKNOWN, UNKNOWN, count, "all conversations are alike")
    half = float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2)) * error
    return Figure(value, value - half, value + half, count)


def _too_few(count: int, least: int, which: str = "") -> Figure:
    return Figure(UNKNOWN, UNKNOWN, UNKNOWN, count, f"not enough data: {count} conversations{which}, {least} needed")


def _round_off(scale: ArrayLike) -> float:
    """Below this a spread is that of the arithmetic."""
    held = np.asarray(scale, np.float64)
    return 1e-12 * float(1.0 + np.abs(held).max(initial=0.0))
