"""TrueSkill's update of two players without partial play, in closed form, one battle after the other."""

from __future__ import annotations

from math import erfc, exp, pi, sqrt

from evalloop_assets.compiled import compiled

ROOT, NORM = sqrt(2.0), 1 / sqrt(2 * pi)


@compiled()
def below(x: float) -> float:
    return 0.5 * erfc(-x / ROOT)


@compiled()
def density(x: float) -> float:
    return NORM * exp(-x * x / 2)


@compiled(error_model="numpy")
def fold(mu, variance, a, b, outcome, win_b, draw, order, twice, margin):  # type: ignore[no-untyped-def]
    """Changes mu and variance, in place, by the battles `a` against `b` in this order; `twice` is 2 beta²."""
    for place in range(len(order)):
        k = order[place]
        winner, loser = a[k], b[k]
        if outcome[k] == win_b:
            winner, loser = loser, winner
        squared = twice + variance[winner] + variance[loser]
        c = sqrt(squared)
        t, epsilon = (mu[winner] - mu[loser]) / c, margin / c
        if outcome[k] == draw:
            near, beyond = epsilon - abs(t), -epsilon - abs(t)
            chance = below(near) - below(beyond)
            if chance > 0:
                at_near, at_beyond = density(near), density(beyond)
                v = (at_beyond - at_near) / chance
                w = v * v + (near * at_near - beyond * at_beyond) / chance
            else:
                v, w = near, 1.0
            if t < 0:
                v = -v
        else:
            x = t - epsilon
            chance = below(x)
            v = density(x) / chance if chance > 0 else -x
            w = v * (v + x)
        mu[winner] += variance[winner] / c * v
        mu[loser] -= variance[loser] / c * v
        variance[winner] *= 1 - variance[winner] / squared * w
        variance[loser] *= 1 - variance[loser] / squared * w
