"""Whether the reward still goes with what it stands for: its correlation with matured returns, of late and before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

RECENT, FORMER = 7, 21
"""Days compared: the newest with a figure, and those before."""
Z_95 = 1.96


class Decay(NamedTuple):
    """Correlations pooled over days by Fisher's z; NaN where there is none."""

    recent: float
    low: float
    high: float
    former: float
    decayed: bool
    """Surely below the former days', or surely not above 0."""


def decay(rows: Sequence[tuple[date, float, int]]) -> Decay:
    """From (day, correlation, users) of one series; the users of a day are independent, days are taken to be."""
    if not rows:
        return Decay(np.nan, np.nan, np.nan, np.nan, False)
    newest = max(day for day, _, _ in rows)
    begin = newest - timedelta(days=RECENT - 1)
    recent = _pooled([row for row in rows if row[0] >= begin])
    former = _pooled([row for row in rows if begin - timedelta(days=FORMER) <= row[0] < begin])
    (z, se), (before, before_se) = recent, former
    below = before - z > Z_95 * float(np.hypot(se, before_se)) if np.isfinite(before) else False
    low, high = float(np.tanh(z - Z_95 * se)), float(np.tanh(z + Z_95 * se))
    return Decay(float(np.tanh(z)), low, high, float(np.tanh(before)), bool(below or high <= 0))


def _pooled(rows: Sequence[tuple[date, float, int]]) -> tuple[float, float]:
    """z weighted by its information, and its standard error."""
    if not rows:
        return np.nan, np.nan
    z = np.arctanh(np.clip([correlation for _, correlation, _ in rows], -0.999999, 0.999999))
    information = np.array([max(users - 3, 1) for _, _, users in rows], np.float64)
    return float(np.average(z, weights=information)), float(1 / np.sqrt(information.sum()))
