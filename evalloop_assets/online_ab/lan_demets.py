"""Bounds for one planned decision that may come early: alpha spending (Lan and DeMets, Biometrika 70, 1983).

The share of alpha that may be used up by a look depends on the information that there is by then, not on how many looks
were planned. Boundaries follow by the recursive integration of Armitage, McPherson and Rowe (JRSS A 132, 1969): the
statistic is a Brownian motion B(t), Z = B(t)/sqrt(t), whose density on the paths that crossed no boundary so far is
carried from look to look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from math import e, inf, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Spending = Literal["obrien_fleming", "pocock"]
Floats = NDArray[np.float64]

LEAST_STEP = 1e-3
"""Share of the planned information that a look must add to the one before, or it tells nothing new."""
LEAST_SPENT = 1e-15
"""A look that may spend less has no finite boundary."""


def boundaries(fractions: Sequence[float], alpha: float, spending: Spending = "obrien_fleming") -> Floats:
    """Critical values of |Z| at each look, two-sided: those of all looks together are exceeded with chance alpha.

    `fractions` are the information at each look over the planned one, in the order of time; the last may exceed 1.
    A boundary is infinite where a look may spend nothing: no new information, or the planned one was reached before.
    Raises ValueError for fractions that fall or an alpha outside (0, 1).
    """
    if not 0 < alpha < 1 or any(later < earlier for earlier, later in zip((0, *fractions), fractions, strict=False)):
        raise ValueError(f"alpha {alpha} must lie in (0, 1) and fractions {list(fractions)} must not fall")
    return np.array(_boundaries(tuple(map(float, fractions)), alpha, spending))


def planned_bounds(
    effect: float, se: float, users: Sequence[int], planned_users: float, alpha: float, spending: Spending
) -> tuple[float, float] | None:
    """Bounds of the effect at the newest look; None where that look may spend nothing.

    `users` are those known by each look so far, in the order of time; information is taken to grow with them.
    """
    z = boundaries([count / planned_users for count in users], alpha, spending)[-1] if users else inf
    return None if z == inf else (effect - float(z) * se, effect + float(z) * se)


def _obrien_fleming(fraction: float, alpha: float) -> float:
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(ndtri(alpha / 2) / sqrt(fraction)))


def _pocock(fraction: float, alpha: float) -> float:
    return alpha * log(1 + (e - 1) * fraction)


SPENDING: Mapping[Spending, Callable[[float, float], float]] = {"obrien_fleming": _obrien_fleming, "pocock": _pocock}
"""What one side may have spent by a fraction of the information, at a one-sided alpha."""


@lru_cache(maxsize=4096)
def _boundaries(fractions: tuple[float, ...], alpha: float, spending: Spending) -> tuple[float, ...]:
    looks = _that_count(fractions)
    found = [inf] * len(fractions)
    nodes, mass = np.zeros(1), np.ones(1)
    before = spent = 0.0
    for number, following in zip_longest(looks, looks[1:]):
        fraction = fractions[number]
        step = fraction - before
        may_spend = SPENDING[spending](min(fraction, 1.0), alpha / 2)
        found[number] = z = _critical(nodes, mass, fraction, step, may_spend - spent)
        spent = may_spend if z < inf else spent
        if following is not None:
            narrowest = min(step, fractions[following] - fraction)
            nodes, mass = _carried(nodes, mass, min(z, 7.0) * sqrt(fraction), step, narrowest)
        before = fraction
    return tuple(found)


def _that_count(fractions: Sequence[float]) -> list[int]:
    """Numbers of the looks with new information, up to the one that reaches the plan."""
    looks: list[int] = []
    before = 0.0
    for number, fraction in enumerate(fractions):
        if before < 1 and fraction - before >= LEAST_STEP:
            looks.append(number)
            before = fraction
    return looks


def _critical(nodes: Floats, mass: Floats, fraction: float, step: float, spend: float) -> float:
    """The boundary on Z above which the mass `spend` goes."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    if spend < LEAST_SPENT:
        return inf
    return float(brentq(lambda z: mass @ ndtr((nodes - z * sqrt(fraction)) / sqrt(step)) - spend, 0.0, 10.0))


def _carried(nodes: Floats, mass: Floats, edge: float, step: float, narrowest: float) -> tuple[Floats, Floats]:
    """Nodes on B between ±edge at this look, and the mass of the paths still inside at each of them.

    They lie near enough to each other for the narrower of the normals that lead to this look and away from it.
    """
    points, weights = _gauss_legendre(int(np.ceil(np.log2(40 + 4 * edge / sqrt(narrowest)))))
    now = points * edge
    density = np.exp(-((now[:, None] - nodes) ** 2) / (2 * step)) @ mass / sqrt(2 * np.pi * step)
    return now, density * weights * edge


@lru_cache
def _gauss_legendre(power: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(2**power)
