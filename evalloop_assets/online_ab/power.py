"""How many users, and days, it takes to see an effect; and how small an effect some users can show.

An effect is seen when the bound on its near side excludes a limit: 0, or −margin for a proof that little is lost. With
n users of standard deviation σ, a share w of them treated, the error is se = σ/sqrt(n·w·(1 − w)), and the bound lies
k(n) errors from the estimate: a constant for one fixed look, the confidence sequence's multiple for bounds that hold at
every look. With d the distance of the true effect from the limit, power(n) = Φ(d/se − k(n)). For daily looks this is
the chance to see it at the look with n users, so the chance to have seen it by then is no smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite, sqrt
from statistics import NormalDist

from evalloop_assets.sequential import always_valid_bounds

MOST_USERS = 1e12
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Plan:
    """How one figure is judged."""

    sd: float
    """Of one user's value, in the metric's unit, clusters included; see `sd_of`."""
    share: float = 0.5
    """Of the users who are treated."""
    alpha: float = 0.05
    """Two-sided."""
    planned_users: float | None = None
    """Users at which always-valid bounds are tightest, both arms together; None for one fixed look."""

    def se(self, users: float) -> float:
        return self.sd / sqrt(users * self.share * (1 - self.share)) if users > 0 else inf

    def multiple(self, users: float) -> float:
        """Half width of the bounds, in standard errors."""
        if self.planned_users is None:
            return _NORMAL.inv_cdf(1 - self.alpha / 2)
        return always_valid_bounds(0.0, 1.0, users, self.planned_users, self.alpha)[1]


def sd_of(se: float, users: float, share: float) -> float:
    """Standard deviation of one user's value that gave this clustered error."""
    return se * sqrt(users * share * (1 - share))


def power(plan: Plan, distance: float, users: float) -> float:
    """Chance that the look with so many users excludes a limit that lies `distance` from the true effect."""
    if users <= 0:
        return 0.0
    se = plan.se(users)
    if se == 0:
        return 1.0 if distance > 0 else 0.0
    return _NORMAL.cdf(distance / se - plan.multiple(users))


def users_needed(plan: Plan, distance: float, wanted: float = 0.8) -> float:
    """Fewest users, both arms, whose look has the wanted power of at least a half; infinite without distance."""
    if not 0.5 <= wanted < 1:
        raise ValueError(f"power {wanted} must lie in [0.5, 1)")
    if distance <= 0:
        return inf
    fixed = (_NORMAL.inv_cdf(1 - plan.alpha / 2) + _NORMAL.inv_cdf(wanted)) * plan.sd / distance
    low = fixed**2 / (plan.share * (1 - plan.share))
    if plan.planned_users is None:
        return float(max(ceil(low), 1))
    from scipy.optimize import brentq

    low = high = max(low, 1.0)
    while power(plan, distance, high) < wanted:
        low, high = high, 2 * high
        if high > MOST_USERS:
            return inf
    if low == high:
        return float(ceil(high))
    return float(ceil(brentq(lambda users: power(plan, distance, users) - wanted, low, high, xtol=0.1)))


def detectable_distance(plan: Plan, users: float, wanted: float = 0.8) -> float:
    """Least distance from the limit that so many users show with the wanted power, in the metric's unit."""
    return (plan.multiple(users) + _NORMAL.inv_cdf(wanted)) * plan.se(users) if users > 0 else inf


def days_needed(needed: float, users: float, users_per_day: float) -> float:
    """Whole days until `needed` users are there; infinite where nobody comes or no number is enough."""
    if users >= needed:
        return 0.0
    if users_per_day <= 0 or not isfinite(needed):
        return inf
    return float(ceil((needed - users) / users_per_day))
