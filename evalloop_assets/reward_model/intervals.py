"""Intervals over users: rows of one user are alike, so the user is the unit of variance (design, section 1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Estimate(NamedTuple):
    """A mean with its 95% interval; all three are NaN without rows, the bounds are NaN with a single user."""

    value: float
    low: float
    high: float
    n: int
    """Rows."""
    users: int
    """Clusters, which decide the width."""


def mean_over_users(values: ArrayLike, users: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean of rows with a user-clustered standard error and Student's t over users - 1 degrees of freedom."""
    rows, groups, count = _clustered(values, users)
    if not len(rows):
        return Estimate(np.nan, np.nan, np.nan, 0, 0)
    mean = float(rows.mean())
    if count < 2:
        return Estimate(mean, np.nan, np.nan, len(rows), count)
    half = _quantile(confidence, count) * _standard_error(rows - mean, groups, count)
    return Estimate(mean, mean - half, mean + half, len(rows), count)


def share_over_users(hits: ArrayLike, users: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Share of hits (0, 1, or 0.5 for a tie) with Wilson's interval on the effective number of rows.

    The effective number is n divided by the design effect of clustering, which is at least 1; where all rows agree the
    design effect cannot be seen and the number of users takes its place. Kish, *Survey Sampling* (1965), section 8.2.
    """
    rows, groups, count = _clustered(hits, users)
    if not len(rows):
        return Estimate(np.nan, np.nan, np.nan, 0, 0)
    share, n = float(rows.mean()), len(rows)
    if count < 2:
        return Estimate(share, np.nan, np.nan, n, count)
    simple = share * (1 - share) / n
    effective = float(count)
    if simple > 0:
        effective = n / max(1.0, _standard_error(rows - share, groups, count) ** 2 / simple)
    z2 = _quantile(confidence, count) ** 2
    centre = (share + z2 / (2 * effective)) / (1 + z2 / effective)
    half = np.sqrt(z2 * share * (1 - share) / effective + z2 * z2 / (4 * effective**2)) / (1 + z2 / effective)
    return Estimate(share, max(0.0, centre - float(half)), min(1.0, centre + float(half)), n, count)


def _clustered(values: ArrayLike, users: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    rows = np.asarray(values, np.float64)
    names, groups = np.unique(np.asarray(users), return_inverse=True)
    if len(groups) != len(rows):
        raise ValueError(f"{len(rows)} values but {len(groups)} users")
    return rows, groups, len(names)


def _standard_error(residuals: NDArray[np.float64], groups: NDArray[np.intp], count: int) -> float:
    sums = np.bincount(groups, residuals, minlength=count)
    return float(np.sqrt(np.sum(sums**2) * count / (count - 1)) / len(residuals))


def _quantile(confidence: float, count: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, 0.5 + confidence / 2))
