"""What the scoreboard prints: one figure a row, never without its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

LOOP = "loop"
"""The method of a figure that the project's own stage scored."""
Best = Literal["high", "low", "zero", "half", "nominal", "none"]
"""Where a good figure lies: as high or low as can be, at 0, at 0.5, at the level that the figure's name states, or
nowhere, where it only says what else came about."""
EVERY = "every scenario"
"""Stands for a scenario where a figure is the mean over all that measured it."""


class Interval(NamedTuple):
    """A value with 95% bounds; all NaN where nothing was measured, the bounds where nothing varies over the seeds."""

    value: float
    low: float
    high: float
    n: int
    """What it rests on: seeds or experiments."""


class Figure(NamedTuple):
    """One row of the scoreboard."""

    scenario: str
    stage: str
    """Folder of the stage that is measured: denoise, horizon_labels, reward_model, ranking, online_ab, …"""
    figure: str
    """What is measured, with its unit."""
    method: str
    """LOOP, or the name of the naive method measured beside it."""
    best: Best
    found: Interval
    of: str
    """What `n` counts: seeds, experiments, experiment-months, …"""


def over_seeds(values: Sequence[float], lowest: float = -np.inf, highest: float = np.inf) -> Interval:
    """Mean over independent seeds of the whole pipeline, with a t interval; seeds without the figure are left out.

    Bounds end at `lowest` and `highest`, the range of the figure. Seeds that all agree tell nothing of how much others
    would differ: then, as with a single seed, there is no interval.
    """
    from scipy.stats import t

    known = np.array([value for value in values if np.isfinite(value)], dtype=np.float64)
    n = len(known)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(known.mean())
    if n == 1 or np.ptp(known) <= 1e-12 * max(1.0, abs(mean)):
        return Interval(mean, np.nan, np.nan, n)
    half = float(t.ppf(0.975, n - 1) * known.std(ddof=1) / np.sqrt(n))
    return Interval(mean, max(mean - half, lowest), min(mean + half, highest), n)


def share(hits: int, n: int) -> Interval:
    """A share of independent trials with Wilson's interval (E. B. Wilson, 1927)."""
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    z, p = 1.959963984540054, hits / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(p, max(0.0, float(centre - half)), min(1.0, float(centre + half)), n)


def mean(values: Sequence[float]) -> Interval:
    """Mean of independent trials with a normal interval."""
    known = np.array([value for value in values if np.isfinite(value)], dtype=np.float64)
    n = len(known)
    if n < 2:
        return Interval(float(known.mean()) if n else np.nan, np.nan, np.nan, n)
    half = 1.959963984540054 * float(known.std(ddof=1)) / np.sqrt(n)
    middle = float(known.mean())
    return Interval(middle, middle - half, middle + half, n)
