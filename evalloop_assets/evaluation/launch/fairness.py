"""Fairness as the gap between groups: how much the best served group has before the worst served.

The greatest less the smallest of several estimates is too large by chance alone, also where all groups are alike. So
the bounds come from all differences of two groups at once, whose intervals hold together (Tukey's studentised range):
the true gap is at least the largest lower bound and at most the largest upper one. From the value is taken what chance
adds, by drawing estimates anew around means that are drawn towards one another.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalloop_assets.evaluation.launch.shrinkage import shrunk_means

DRAWS = 2_000


class Gap(NamedTuple):
    """The mean of the best group less that of the worst."""

    value: float
    """Less what chance adds; never below 0."""
    low: float
    """Lower bound: above 0, some groups differ."""
    high: float
    naive: float
    """Greatest less smallest estimate."""
    groups: int
    lowest: int
    """Number of the group with the smallest mean."""
    highest: int


def gap(means: ArrayLike, errors: ArrayLike, seed: int, alpha: float = 0.05) -> Gap:
    """The gap between two groups or more, of independent estimates with standard errors above 0.

    Both bounds hold together with a chance of at least 1 - alpha.
    """
    y, error = np.asarray(means, np.float64), np.asarray(errors, np.float64)
    away = np.abs(y[:, None] - y[None, :])
    reach = _range_quantile(len(y), alpha) / np.sqrt(2) * np.hypot(error[:, None], error[None, :])
    np.fill_diagonal(reach, 0.0)
    naive = float(np.ptp(y))
    near = shrunk_means(y, error).value
    anew = np.random.default_rng(seed).normal(near, error, (DRAWS, len(y)))
    added = float(np.ptp(anew, axis=1).mean() - np.ptp(near))
    low, high = max(0.0, float((away - reach).max())), float((away + reach).max())
    value = min(high, max(low, naive - added))
    return Gap(value, low, high, naive, len(y), int(y.argmin()), int(y.argmax()))


@functools.cache
def _range_quantile(groups: int, alpha: float) -> float:
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - alpha, groups, np.inf))
