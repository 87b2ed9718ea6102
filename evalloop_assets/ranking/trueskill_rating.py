"""One pass of TrueSkill over the battles in order of decision, with anchors as constants (design, section 6).

The update is the closed form for two players without partial play; the truncated Gaussians and the draw margin are
those of the `trueskill` package, to which the tests hold the result. tau is 0: within one window a model does not
change, and the package's default would stall sigma at 0.77.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles

MU, SIGMA, BETA = 25.0, 25.0 / 3, 25.0 / 6
MOST_DRAWS = 0.99


@dataclass(frozen=True)
class Scale:
    """The constants of the likelihood."""

    draw_probability: float
    """Chance of a draw between two equal models, 0 to below 1."""
    beta: float = BETA

    @cached_property
    def env(self) -> Any:
        import trueskill

        return trueskill.TrueSkill(MU, SIGMA, self.beta, 0.0, self.draw_probability)

    @property
    def margin(self) -> float:
        """Difference of two performances below which it is a draw."""
        from trueskill import calc_draw_margin

        return float(calc_draw_margin(self.draw_probability, 2, self.env))


def scale_of(fought: Battles) -> Scale:
    """The likelihood whose draw probability is the share of draws in the data."""
    return Scale(min(fought.draw_share, MOST_DRAWS))


def online_pass(
    fought: Battles, scale: Scale, anchors: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """mu and sigma of each model after the last battle; an anchor stays at its value with sigma 0."""
    env, margin, twice = scale.env, scale.margin, 2 * scale.beta**2
    mu = [anchors.get(name, MU) for name in fought.models]
    variance = [0.0 if name in anchors else SIGMA**2 for name in fought.models]
    for a, b, outcome in zip(fought.a.tolist(), fought.b.tolist(), fought.outcome.tolist(), strict=True):
        winner, loser = (a, b) if outcome in (WIN_A, DRAW) else (b, a)
        c = sqrt(twice + variance[winner] + variance[loser])
        t, epsilon = (mu[winner] - mu[loser]) / c, margin / c
        if outcome == DRAW:
            v, w = env.v_draw(t, epsilon), env.w_draw(t, epsilon)
        else:
            v, w = env.v_win(t, epsilon), env.w_win(t, epsilon)
        mu[winner] += variance[winner] / c * v
        mu[loser] -= variance[loser] / c * v
        variance[winner] *= 1 - variance[winner] / (c * c) * w
        variance[loser] *= 1 - variance[loser] / (c * c) * w
    return np.array(mu), np.sqrt(np.array(variance))
