"""Whether the reward still goes with what it stands for: its correlation with matured returns, of late and before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


Series = Sequence[tuple[date, float, int]]
"""(day, correlation, users), oldest day first."""


def decayed_ones(series: Mapping[str, Series]) -> dict[str, Decay]:
    """Which of several series that go on have decayed: by bounds so wide that with a chance of 5% one of them seems to.

    A series goes on if it has a figure in the newest RECENT days of any.
    """
    from scipy.special import ndtri

    newest = max((rows[-1][0] for rows in series.values()), default=date.min)
    live = {name: rows for name, rows in series.items() if newest - rows[-1][0] < timedelta(days=RECENT)}
    z = float(ndtri(1 - 0.025 / max(len(live), 1)))
    found = {name: decay(rows, z) for name, rows in live.items()}
    return {name: one for name, one in found.items() if one.decayed}


def decay(rows: Series, z_bound: float = Z_95) -> Decay:
    """Of one series, with bounds of so many standard errors; users of a day are independent, days are taken to be."""
    if not rows:
        return Decay(np.nan, np.nan, np.nan, np.nan, False)
    newest = max(day for day, _, _ in rows)
    begin = newest - timedelta(days=RECENT - 1)
    recent = _pooled([row for row in rows if row[0] >= begin])
    former = _pooled([row for row in rows if begin - timedelta(days=FORMER) <= row[0] < begin])
    (z, se), (before, before_se) = recent, former
    below = before - z > z_bound * float(np.hypot(se, before_se)) if np.isfinite(before) else False
    low, high = float(np.tanh(z - z_bound * se)), float(np.tanh(z + z_bound * se))
    return Decay(float(np.tanh(z)), low, high, float(np.tanh(before)), bool(below or high <= 0))


def _pooled(rows: Series) -> tuple[float, float]:
    """z weighted by its information, and its standard error."""
    if not rows:
        return np.nan, np.nan
    z = np.arctanh(np.clip([correlation for _, correlation, _ in rows], -0.999999, 0.999999))
    information = np.array([max(users - 3, 1) for _, _, users in rows], np.float64)
    return float(np.average(z, weights=information)), float(1 / np.sqrt(information.sum()))
