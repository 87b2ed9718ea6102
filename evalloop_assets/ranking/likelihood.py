"""TrueSkill's likelihood of a choice between two models, which the online pass, the batch fit and its variance share.

With d the difference of two skills, s = sqrt(2)·beta and m the draw margin, P(a wins) = Φ((d − m)/s), P(b wins) =
Φ((−d − m)/s), and the rest is a draw: an ordered probit, concave in (d, m).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles

Floats = NDArray[np.float64]
MU, SIGMA, BETA = 25.0, 25.0 / 3, 25.0 / 6
MOST_DRAWS = 0.99
SMALLEST = 1e-12
"""Smallest difference of the logarithms of two tails: without a margin there is no draw at all."""


@dataclass(frozen=True)
class Scale:
    """The constants of the likelihood."""

    draw_probability: float
    """Chance of a draw between two equal models, 0 to below 1."""
    beta: float = BETA

    @cached_property
    def env(self) -> Any:
        """The package over the functions of `scipy.special`: the same figures as its scipy backend, which loads all of
        `scipy.stats` and asks it for every single value.
        """
        import trueskill
        from scipy.special import ndtr, ndtri

        return trueskill.TrueSkill(MU, SIGMA, self.beta, 0.0, self.draw_probability, backend=(ndtr, _density, ndtri))

    @property
    def margin(self) -> float:
        """Difference of two performances below which it is a draw."""
        from trueskill import calc_draw_margin

        return float(calc_draw_margin(self.draw_probability, 2, self.env))


def _density(x: float) -> float:
    return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def scale_of(fought: Battles) -> Scale:
    """The likelihood whose draw probability is the share of draws in the data."""
    return Scale(min(fought.draw_share, MOST_DRAWS))


class Slopes(NamedTuple):
    """Log likelihood of each choice and its derivatives by d and m; arrays of one value per choice."""

    log: Floats
    by_d: Floats
    by_m: Floats
    by_dd: Floats
    by_dm: Floats
    by_mm: Floats


def slopes(d: Floats, outcome: NDArray[np.integer[Any]], margin: float, beta: float = BETA) -> Slopes:
    """Derivatives at differences `d` of skill points and outcomes WIN_A, WIN_B or DRAW."""
    s = np.sqrt(2.0) * beta
    drawn, sign = outcome == DRAW, np.where(outcome == WIN_A, 1.0, -1.0)
    won = _won(sign * d, margin, s)
    out = Slopes(won.log, sign * won.by_d, won.by_m, won.by_dd, sign * won.by_dm, won.by_mm)
    if drawn.any():
        for array, value in zip(out, _drawn(d[drawn], margin, s), strict=True):
            array[drawn] = value
    return out


def _won(d: Floats, margin: float, s: float) -> Slopes:
    from scipy.special import log_ndtr

    u = (d - margin) / s
    log = log_ndtr(u)
    ratio = np.exp(-(u**2) / 2 - np.log(2 * np.pi) / 2 - log)
    curve = ratio * (u + ratio) / s**2
    return Slopes(log, ratio / s, -ratio / s, -curve, curve, -curve)


def _drawn(d: Floats, margin: float, s: float) -> Slopes:
    """By symmetry as if d were positive, and by logarithms: far from a draw both tails and densities are too small for
    a float, while their ratios are not.
    """
    from scipy.special import log_ndtr

    sign, far = np.where(d < 0, -1.0, 1.0), np.abs(d)
    near, beyond = (margin - far) / s, (-margin - far) / s
    log_near = log_ndtr(near)
    log = log_near + np.log(-np.expm1(np.minimum(log_ndtr(beyond) - log_near, -SMALLEST)))
    ratio_near, ratio_beyond = (np.exp(-(z**2) / 2 - np.log(2 * np.pi) / 2 - log) for z in (near, beyond))
    by_d, by_m = (ratio_beyond - ratio_near) / s, (ratio_near + ratio_beyond) / s
    steep = (beyond * ratio_beyond - near * ratio_near) / s**2
    mixed = (beyond * ratio_beyond + near * ratio_near) / s**2
    return Slopes(log, sign * by_d, by_m, steep - by_d**2, sign * (mixed - by_d * by_m), steep - by_m**2)
