"""Bradley-Terry strengths, the second engine: a logistic curve where TrueSkill has a normal one, a draw as half a win.

P(a wins) = 1/(1 + exp(θ_b − θ_a)). A weak prior keeps a model that won everything finite.
"""

from __future__ import annotations

import numpy as np

from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles
from evalloop_assets.ranking.likelihood import Floats

RIDGE = 1e-4
ROUNDS, CLOSE = 100, 1e-10


def strengths(fought: Battles) -> Floats:
    """Log strengths with mean 0, one per model."""
    size = len(fought.models)
    score = np.where(fought.outcome == WIN_A, 1.0, np.where(fought.outcome == DRAW, 0.5, 0.0))
    pairing = fought.a * size + fought.b
    met = np.bincount(pairing, minlength=size**2).reshape(size, size).astype(np.float64)
    won = np.bincount(pairing, score, size**2).reshape(size, size)
    wins = won.sum(axis=1) + (met - won).sum(axis=0)
    both = met + met.T
    at = np.zeros(size)
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(at[None, :] - at[:, None]))
        gradient = wins - (both * chance).sum(axis=1) - RIDGE * at
        slope = both * chance * (1 - chance)
        curvature = np.diag(slope.sum(axis=1) + RIDGE) - slope
        step = np.clip(np.linalg.solve(curvature, gradient), -2, 2)
        at = at + step
        if np.abs(step).max(initial=0.0) < CLOSE:
            break
    return at - at.mean() if size else at


def agreement(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation of two ratings; NaN for fewer than three models."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1]) if len(one) > 2 else float("nan")


def _ranks(values: Floats) -> Floats:
    """From 1; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    shared: Floats = np.cumsum(count) - (count - 1) / 2
    return shared[place]
