"""How sure a rating is when a user's votes hang together: the user-clustered sandwich of TrueSkill's likelihood.

With d the difference of two skills, s = sqrt(2)·beta and m the draw margin, P(a wins) = Φ((d − m)/s), P(b wins) = Φ((−d
− m)/s), and the rest is a draw. With g_u the score of user u, I the expected information of all battles and P the
prior's precision, the covariance of the skills is (I + P)⁻¹ (k Σ_u g_u g_uᵀ + P) (I + P)⁻¹, k = U/(U − 1): without
battles the prior's, with many users the plain sandwich. A plain sigma covers 58% where users have tastes
(docs/statistics.md); a sandwich of a few users is too small, so a contrast takes the larger of the two variances.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles
from evalloop_assets.ranking.trueskill_rating import SIGMA, Scale

Floats = NDArray[np.float64]
TINY = 1e-300


class Covariance(NamedTuple):
    """Two estimates of the covariance of the skills, (models, models); rows and columns of constants are 0."""

    clustered: Floats
    """The sandwich, with users as clusters."""
    independent: Floats
    """(I + P)⁻¹, as if every battle were a user's only one."""

    def variance(self, weights: Floats) -> float:
        """Variance of a weighted sum of skills, the larger of the two estimates."""
        return float(max(weights @ self.clustered @ weights, weights @ self.independent @ weights))


def covariance(fought: Battles, mu: Floats, scale: Scale, anchors: Collection[str]) -> Covariance:
    """Covariance of the models' skills around `mu`, with `anchors` as constants."""
    free = np.array([name not in anchors for name in fought.models])
    slope, information = _score(mu[fought.a] - mu[fought.b], fought.outcome, scale)
    size = len(fought.models)
    scores = np.zeros((fought.users, size))
    np.add.at(scores, (fought.user, fought.a), slope)
    np.add.at(scores, (fought.user, fought.b), -slope)
    total = np.zeros((size, size))
    np.add.at(total, (fought.a, fought.a), information)
    np.add.at(total, (fought.b, fought.b), information)
    np.add.at(total, (fought.a, fought.b), -information)
    np.add.at(total, (fought.b, fought.a), -information)

    prior = np.eye(int(free.sum())) / SIGMA**2
    bread = np.linalg.inv(total[np.ix_(free, free)] + prior)
    spread = scores[:, free].T @ scores[:, free] * (fought.users / max(fought.users - 1, 1))
    clustered, independent = np.zeros((size, size)), np.zeros((size, size))
    clustered[np.ix_(free, free)] = bread @ (spread + prior) @ bread
    independent[np.ix_(free, free)] = bread
    return Covariance(clustered, independent)


def _score(d: Floats, outcome: NDArray[np.int64], scale: Scale) -> tuple[Floats, Floats]:
    """Derivative of the log likelihood by d, and the expected information about d, of each battle."""
    from scipy.special import ndtr

    s, m = np.sqrt(2.0) * scale.beta, scale.margin
    above, below = (d - m) / s, (-d - m) / s
    density_above, density_below = (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / s for z in (above, below))
    chances = np.stack([ndtr(above), ndtr(below), np.maximum(ndtr(-below) - ndtr(above), 0.0)])
    slopes = np.stack([density_above, -density_below, density_below - density_above])
    ratio = slopes / np.maximum(chances, TINY)
    kind = np.where(outcome == WIN_A, 0, np.where(outcome == DRAW, 2, 1))
    return ratio[kind, np.arange(len(d))], (slopes * ratio).sum(axis=0)
