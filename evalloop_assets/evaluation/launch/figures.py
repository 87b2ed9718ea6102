"""A figure with its 95% interval, and the intervals of shares and of sums of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
LEAST_SKEW = 1e-6
"""Below it the transformation is that of no skew, to rounding."""


class Figure(NamedTuple):
    """A value with its 95% interval; all three are NaN where nothing can be said, and `reason` says why."""

    value: float
    low: float
    high: float
    n: int
    """Rows, or users, that it rests on."""
    reason: str = ""
    """Why it is NaN; empty where it is known."""

    @property
    def known(self) -> bool:
        return not np.isnan(self.value)

    def __float__(self) -> float:
        return self.value


def unknown(reason: str, n: int = 0) -> Figure:
    return Figure(np.nan, np.nan, np.nan, n, reason)


def wilson(hits: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a share of independent rows (Wilson, 1927); n at least 1."""
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    reach = z * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    low = 0.0 if hits == 0 else max(0.0, float(middle - reach))
    high = 1.0 if hits == n else min(1.0, float(middle + reach))
    return low, high


def share(hits: int, n: int, reason: str = "no rows") -> Figure:
    """A share of independent rows with Wilson's interval; NaN for the reason where there is no row."""
    return Figure(hits / n, *wilson(hits, n), n) if n else unknown(reason)


def skewed_reach(reach: float, skew: float) -> tuple[float, float]:
    """By how many standard errors the bounds of a mean lie below and above it; `reach` is that of a symmetric one.

    `skew` is the third standardised moment of the mean itself, in [-1, 1]: that of the rows over √n. Costs and
    latencies lean to the right, and a mean that missed the few large ones has a small error too. By Hall's
    transformation, whose distribution is nearly symmetric (1992, J. R. Stat. Soc. B 54, 221-228).
    """
    if abs(skew) < LEAST_SKEW:
        return reach, reach
    below, above = (3 / skew * (np.cbrt(1 + skew * (side - skew / 6)) - 1) for side in (reach, -reach))
    return float(below), float(-above)


def skew_of(moved: NDArray[np.float64]) -> float:
    """Of a sum of independent parts, each less its mean; 0 where none moves it."""
    second = float((moved**2).sum())
    return float((moved**3).sum()) / second**1.5 if second > 0 else 0.0


def share_of_users(value: float | None, users: int) -> Figure:
    """A share of replies of so many users, of which no more is known, as if each user had one reply: too wide, since
    some have more.
    """
    if value is None or not users:
        return unknown("not measured", users)
    low, high = wilson(value * users, users)
    return Figure(value, min(low, value), max(high, value), users)


def mean_of(figures: Sequence[Figure], correlation: NDArray[np.float64] | None = None) -> tuple[float, float, float]:
    """Plain mean of figures and its interval from theirs: the method of variance estimates recovery.

    Zou and Donner (2008), *Statistics in Medicine* 27: the distance of the mean's bound is the root of the quadratic
    form of the distances of the single bounds, so that bounds that are not symmetric stay so. `correlation` is that of
    the estimates, (figures, figures); without it they are independent.
    """
    known = np.array([[one.value, one.low, one.high] for one in figures])
    form = np.eye(len(known)) if correlation is None else correlation
    mean = float(known[:, 0].mean())
    below, above = ((known[:, 0] - known[:, 1]) / len(known), (known[:, 2] - known[:, 0]) / len(known))
    return mean, mean - _root(form, below), mean + _root(form, above)


def difference(first: Figure, second: Figure) -> tuple[float, float, float]:
    """First less second, independent, with its interval from theirs: Newcombe (1998), method 10, for shares."""
    value = first.value - second.value
    low = value - float(np.hypot(first.value - first.low, second.high - second.value))
    high = value + float(np.hypot(first.high - first.value, second.value - second.low))
    return value, low, high


def _root(form: NDArray[np.float64], distance: NDArray[np.float64]) -> float:
    return math.sqrt(max(0.0, float(distance @ form @ distance)))
