"""What a policy would have brought, from the log of another one: for arms and best-of-n, whose weights are bounded.

Not for retrained weights: after a few turns the likelihood ratio of whole replies leaves a handful of effective rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalloop_assets.policy_iteration.best_of_n import choice_weights
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users

Floats = NDArray[np.float64]

LEAST_EFFECTIVE_SHARE = 0.05
"""Below this share of effective rows an estimate is refused: a few rows would decide it."""
FOLDS = 2


class OffPolicy(NamedTuple):
    """Mean outcome under the target policy, and what it gains over the policy that was logged."""

    value: Estimate
    """NaN where `refused`."""
    gain: Estimate
    effective_share: float
    """Kish's effective number of rows over all rows: (Σw)² / (n Σw²)."""
    refused: str
    """Why there is no estimate; empty where there is one."""


def snips(weights: ArrayLike, outcomes: ArrayLike, users: ArrayLike) -> OffPolicy:
    """Self-normalised inverse propensity scoring (Swaminathan and Joachims, NIPS 2015), clustered by user.

    `weights` [n] are probability of the logged act under the target over that under the logging policy, the latter
    above 0 wherever the former is. The variance is that of the ratio's linearisation. ValueError where a weight is
    negative or not finite, or an outcome not finite.
    """
    return doubly_robust(weights, outcomes, users, np.zeros(len(np.asarray(outcomes))), 0.0)


def doubly_robust(
    weights: ArrayLike, outcomes: ArrayLike, users: ArrayLike, predicted: ArrayLike, predicted_target: ArrayLike
) -> OffPolicy:
    """Doubly robust estimate (Dudík et al., *Statistical Science* 2014), its correction self-normalised.

    `predicted` [n] is a model's outcome of the logged act, `predicted_target` [n] its mean outcome under the target
    policy in the same place; the model must not have seen the row's user (`cross_fitted`). Right where either the
    weights or the model are. Errors as of `snips`.
    """
    w, y = np.asarray(weights, np.float64), np.asarray(outcomes, np.float64)
    q, target = np.asarray(predicted, np.float64), np.broadcast_to(np.asarray(predicted_target, np.float64), y.shape)
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise ValueError("weights must be finite and not negative")
    if not (np.isfinite(y).all() and np.isfinite(q).all() and np.isfinite(target).all()):
        raise ValueError("outcomes and predictions must be finite")
    nothing = mean_over_users([], [])
    share = effective_share(w)
    if not share >= LEAST_EFFECTIVE_SHARE:
        why = f"{100 * share:.1f}% of {len(w)} rows are effective, {100 * LEAST_EFFECTIVE_SHARE:g}% are needed"
        return OffPolicy(nothing, nothing, share, why if len(w) else "no logged row")
    correction = float(w @ (y - q) / w.sum())
    rows = target + correction + w / w.mean() * (y - q - correction)
    return OffPolicy(mean_over_users(rows, users), mean_over_users(rows - y, users), share, "")


def effective_share(weights: Floats) -> float:
    """Effective rows over all rows, in [0, 1]; 0 where no weight is above 0."""
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / (len(weights) * squares) if squares > 0 else 0.0


def arm_weights(arms: Sequence[str], propensities: ArrayLike, target: str) -> Floats:
    """Weights [n] of the policy that always takes one arm. ValueError unless every propensity is in (0, 1]."""
    p = np.asarray(propensities, np.float64)
    if not ((p > 0) & (p <= 1)).all():
        raise ValueError("propensities must be in (0, 1]")
    return np.where(np.asarray(arms) == target, 1 / p, 0.0)


def best_of_n_weights(groups: Sequence[Sequence[float]], n: int) -> Floats:
    """Weights [groups] of the policy that shows the best of n draws; each group's first score is the logged reply's.

    The others are draws that might have been shown in its place, so all of a group are alike before they are ranked:
    the weight of its first is the chance to be the best of n among them, over the chance to be any one of them.
    """
    return np.array([len(scores) * choice_weights(scores, min(n, len(scores)))[0] for scores in groups], np.float64)


def cross_fitted(feature: ArrayLike, outcomes: ArrayLike, users: Sequence[str], at: ArrayLike) -> tuple[Floats, Floats]:
    """A straight line of the outcome on one feature, fitted on other users' rows: its values at `feature` and `at`."""
    x, y, elsewhere = np.asarray(feature, np.float64), np.asarray(outcomes, np.float64), np.asarray(at, np.float64)
    _, cluster = np.unique(np.asarray(users), return_inverse=True)
    fold = cluster % FOLDS
    here, there = np.zeros(len(y)), np.zeros(len(y))
    for one in np.unique(fold):
        inside, outside = fold == one, fold != one
        if not outside.any():
            outside = inside
        centre, mean = x[outside].mean(), y[outside].mean()
        spread = float(((x[outside] - centre) ** 2).sum())
        slope = float((x[outside] - centre) @ (y[outside] - mean)) / spread if spread > 0 else 0.0
        here[inside] = mean + slope * (x[inside] - centre)
        there[inside] = mean + slope * (elsewhere[inside] - centre)
    return here, there
