"""A figure with its 95% interval, items as clusters: shares, mean differences, and smooth functions of means."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Z_95 = 1.959963984540054
Floats = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """One figure. What cannot be told is NaN with a reason, never a guess."""

    value: float
    low: float
    """Lower 95% bound."""
    high: float
    """Upper 95% bound."""
    n: int
    """Items that it rests on."""
    reason: str = ""
    """Why it is NaN; empty where it is known."""

    @property
    def known(self) -> bool:
        return not math.isnan(self.value)


def unknown(reason: str, n: int = 0) -> Estimate:
    """A figure that cannot be told."""
    return Estimate(math.nan, math.nan, math.nan, n, reason)


def wilson(share: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's interval of a share of `n` independent trials; `n` may be an effective number."""
    spread = z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def share(values: npt.ArrayLike) -> Estimate:
    """Mean of one value in [0, 1] per item, with Wilson's interval.

    Items with several verdicts have parts between 0 and 1: the interval then takes the number of trials that would
    have given their variance (Korn and Graubard 1998).
    """
    parts: Floats = np.asarray(values, dtype=float)
    n = len(parts)
    if n == 0:
        return unknown("no items")
    value = float(parts.mean())
    variance = float(parts.var()) / n
    trials = value * (1 - value) / variance if variance > 0 else n
    low, high = wilson(value, max(trials, n))
    return Estimate(value, min(low, value), max(high, value), n)


def difference(values: npt.ArrayLike, z: float = Z_95) -> Estimate:
    """Mean of one difference in [-1, 1] per item.

    Its bounds are those of Agresti and Min (2005) for matched pairs, half a pair added to each cell, so that items
    that all agree do not give an interval without width.
    """
    parts: Floats = np.asarray(values, dtype=float)
    n = len(parts)
    if n == 0:
        return unknown("no items")
    value = float(parts.mean())
    middle = float(parts.sum()) / (n + 2)
    variance = ((float((parts**2).sum()) + 1) / (n + 2) - middle**2) / (n + 2)
    reach = z * math.sqrt(max(variance, 0.0))
    return Estimate(value, max(-1.0, min(middle - reach, value)), min(1.0, max(middle + reach, value)), n)


def linearised(value: float, influence: Floats, z: float = Z_95, bounds: tuple[float, float] = (-1, 1)) -> Estimate:
    """A smooth function of means over items, from the influence of each item on it (the delta method).

    `influence` sums to about 0 and is scaled so that the value moves by influence / n when the item is counted more.
    """
    n = len(influence)
    reach = z * math.sqrt(float((influence**2).sum()) / (n * max(n - 1, 1)))
    return Estimate(value, max(bounds[0], value - reach), min(bounds[1], value + reach), n)
