"""CUPED: what was known of the users before their first exposure takes away variance that no treatment can have made
(Deng, Xu, Kohavi, Walker, WSDM 2013).

A covariate x has an effect c of its own, the difference of its means between the arms over the users or conversations
that were randomised. It is 0 but for chance whatever the treatment does; over replies it is not, if it makes more. With
inf_i and cinf_i the influences of user i on the effect and on c, the adjusted effect is

    effect − θ·c          var = Σ_i ((inf_i − θ·cinf_i)/(1 − h_i))²          θ = Σ_i inf_i·cinf_i / Σ_i cinf_i²

with h_i = cinf_i²/Σ cinf² the leverage of user i, so that each user is held against a θ of all the others. θ is that
of the smallest user-clustered variance, whatever was randomised, within epochs and for ratios alike; with half of the
users in each arm and one unit each it is that of the analysis of covariance. Without a gain nothing is adjusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_STRENGTH = 1e-8
"""Singular value below which a covariate says nothing that the others do not."""
LEAST_USERS = 10
"""For each covariate; with fewer nothing is adjusted."""


def filled(covariates: Floats) -> Floats:
    """(users, covariates) with 0 for NaN, and for each pattern of unknown values in a column an indicator beside it."""
    unknown = np.isnan(covariates)
    indicators = np.unique(unknown, axis=1).astype(np.float64)
    return np.hstack([np.where(unknown, 0.0, covariates), indicators])


class Known(NamedTuple):
    """What the covariates of some users can take away from any effect among them."""

    differences: Floats
    """(covariates,) the effect of each."""
    axes: Floats
    """(users, k): orthonormal influences that span theirs."""
    back: Floats
    """(k, covariates): from these axes to the covariates."""


def known_of(covariates: Sequence[tuple[float, Floats]]) -> Known:
    """Each covariate comes with its own effect and the influences of the users on it, (users,)."""
    influences = np.stack([influence for _, influence in covariates], axis=1)
    size = np.sqrt(np.sum(influences**2, axis=0))
    size[size == 0] = 1.0
    axes, strength, back = np.linalg.svd(influences / size, full_matrices=False)
    told = strength > LEAST_STRENGTH
    differences = np.array([difference for difference, _ in covariates]) / size
    return Known(differences, axes[:, told], back[told] / strength[told, None])


def adjust(effect: float, on_effect: Floats, known: Known, users: int) -> tuple[float, Floats, float]:
    """The adjusted effect, the influences of the users on it, and the share of the variance that is gone.

    `on_effect` are influences, (users,); the sum of the squares of those handed back is the variance.
    """
    axes = known.axes
    if users < LEAST_USERS * axes.shape[1]:
        return effect, on_effect, 0.0
    along = axes.T @ on_effect
    rest = (on_effect - axes @ along) / (1 - np.sum(axes**2, axis=1))
    variance, left = float(np.sum(on_effect**2)), float(np.sum(rest**2))
    if left >= variance:
        return effect, on_effect, 0.0
    return effect - float(known.differences @ (known.back.T @ along)), rest, 1 - left / variance
