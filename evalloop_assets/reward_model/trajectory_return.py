"""Trajectory return: rewards to come, discounted by the real time that passes until they do (`design.md`, section 6).

R = sum over decisions of gamma(dt) * r,  dt the seconds since the decision being valued
gamma(dt) = exp(-dt / tau_intra) within its session, kappa * exp(-dt / tau_inter) in a later one
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Discounting(NamedTuple):
    """How much a reward to come is worth now."""

    tau_intra: float
    """Seconds in which it falls to 1/e within a session."""
    tau_inter: float
    """Seconds in which it falls to 1/e across the gap to a later session."""
    kappa: float
    """What a reward of a later session is worth beside one of this session, before time is counted; may exceed 1, since
    a return can be worth more than another turn."""
    horizon: float
    """Seconds; what comes later than this after a decision does not count towards it."""


def gamma(seconds: ArrayLike, same_session: ArrayLike, by: Discounting) -> Floats:
    """Weight of rewards `seconds` >= 0 after the decision; 0 beyond the horizon."""
    elapsed = np.asarray(seconds, np.float64)
    within = np.exp(-elapsed / by.tau_intra)
    across = by.kappa * np.exp(-elapsed / by.tau_inter)
    return np.asarray(np.where(elapsed > by.horizon, 0.0, np.where(same_session, within, across)), np.float64)


def rewards_to_go(
    trajectory: ArrayLike,
    session: ArrayLike,
    seconds: ArrayLike,
    reward: ArrayLike,
    by: Discounting,
    known_until: float = np.inf,
) -> Floats:
    """Return of each decision from itself on, float64 [n]; that of a trajectory's first decision is its R.

    All arrays are [n], in any order: codes (integers) of trajectory and session, a session belonging to one trajectory;
    seconds since any origin; rewards. Of decisions at one moment each counts those after it in the order given.

    The future is open: the log is complete up to `known_until` (seconds) only. A decision whose horizon reaches beyond
    that has no return (NaN), never one that takes what has not come for nothing. A decision without a reward of its own
    (NaN: a reply without text) has no return and adds nothing to those before it.

    Takes O(n log n) to sort and O(n) to sum, in as many steps as the longest trajectory has decisions.
    """
    t, own = np.asarray(seconds, np.float64), np.asarray(reward, np.float64)
    of = np.unique(np.asarray(trajectory), return_inverse=True)[1].astype(np.int64)
    sat = np.unique(np.asarray(session), return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((np.arange(len(t)), t, of))
    t, of, sat = t[order], of[order], sat[order]
    r = np.where(np.isnan(own), 0.0, own)[order]
    within = _discounted(sat, t, r, by.tau_intra, by.horizon)
    across = _discounted(of, t, r, by.tau_inter, by.horizon) - _discounted(sat, t, r, by.tau_inter, by.horizon)
    found = np.empty(len(t))
    found[order] = np.where(t + by.horizon > known_until, np.nan, within + by.kappa * across)
    return np.where(np.isnan(own), np.nan, found)


def _discounted(group: Codes, t: Floats, r: Floats, tau: float, horizon: float) -> Floats:
    """Sum of exp(-dt / tau) * r over the row and those after it in its group within the horizon; sorted by time."""
    by_group = np.argsort(group, kind="stable")
    group, t, r = group[by_group], t[by_group], r[by_group]
    first, size = np.unique(group, return_index=True, return_counts=True)[1:]
    total = r.copy()
    for depth in range(1, int(size.max(initial=0))):
        rows = (first + size - 1 - depth)[size > depth]
        total[rows] += np.exp(-(t[rows + 1] - t[rows]) / tau) * total[rows + 1]
    beyond = _first_beyond(first, size, t, horizon)
    at = np.flatnonzero(beyond < len(t))
    at = at[group[beyond[at]] == group[at]]
    cut = total.copy()
    cut[at] -= np.exp(-(t[beyond[at]] - t[at]) / tau) * total[beyond[at]]
    found = np.empty(len(t))
    found[by_group] = cut
    return found


def _first_beyond(first: Codes, size: Codes, t: Floats, horizon: float) -> Codes:
    """For each row the first row of its group more than `horizon` later, or the one behind the group."""
    if not np.isfinite(horizon):
        return np.repeat(first + size, size)
    return np.concatenate(
        [start + np.searchsorted(t[start : start + n], t[start : start + n] + horizon, "right")
         for start, n in zip(first.tolist(), size.tolist(), strict=True)]
        or [np.zeros(0, np.int64)]
    )  # fmt: skip
