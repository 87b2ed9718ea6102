"""Bounds that hold at every look (GAVI): an asymptotic confidence sequence on estimate, standard error and users.

Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences"
(arXiv 2103.06476): with n users, half width = se·sqrt(2(nρ² + 1)/(nρ²)·ln(sqrt(nρ² + 1)/α)). ρ is chosen so that the
bounds are tightest at the planned number of users. They mend peeking, not a wrong variance: `se` must be clustered by
user. They are meant for data that accumulate; for how long they hold on a sliding window, see docs/statistics.md.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mixture_scale(alpha: float) -> float:
    """n·ρ² at which the half width is smallest: the root x > 0 of x − ln(1 + x) = −2·ln(alpha)."""
    from scipy.special import lambertw

    return float(-lambertw(-(alpha**2) / np.e, k=-1).real - 1)


@overload
def always_valid_bounds(
    effect: float, se: float, users: float, planned_users: float, alpha: float
) -> tuple[float, float]: ...
@overload
def always_valid_bounds(
    effect: Floats, se: Floats, users: Floats | float, planned_users: float, alpha: float
) -> tuple[Floats, Floats]: ...
def always_valid_bounds(
    effect: float | Floats, se: float | Floats, users: float | Floats, planned_users: float, alpha: float
) -> tuple[float, float] | tuple[Floats, Floats]:
    """Lower and upper bounds that cover the effect at all looks together with probability 1 − alpha.

    Numbers or arrays (broadcast); `users` is the number of users behind the estimate, both arms together. Where it is
    0 or unknown, or the effect or its standard error is unknown (NaN), nothing is excluded: the bounds are infinite.
    Raises ValueError for an alpha outside (0, 1), no planned users, or a negative standard error.
    """
    if not 0 < alpha < 1 or planned_users <= 0:
        raise ValueError(f"alpha {alpha} must lie in (0, 1) and planned_users {planned_users} above 0")
    value, error, count = (np.asarray(one, dtype=np.float64) for one in (effect, se, users))
    if (error < 0).any():
        raise ValueError("a standard error is negative")
    x = np.maximum(count, 1.0) * mixture_scale(alpha) / planned_users
    half = error * np.sqrt((x + 1) / x * np.log((x + 1) / alpha**2))
    known = (count > 0) & np.isfinite(error) & np.isfinite(value)
    value, half = np.where(known, value, 0.0), np.where(known, half, np.inf)
    low, high = value - half, value + half
    return (float(low), float(high)) if low.ndim == 0 else (low, high)
