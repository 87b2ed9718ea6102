"""How hard each item is and how well it tells models apart: the two-parameter logistic model.

Model m solves item j with probability sigmoid(a_j θ_m + d_j), θ_m ~ N(0, 1); a_j is the discrimination, b_j = -d_j/a_j
the difficulty. Estimated is the maximum of the marginal posterior by the EM algorithm of Bock and Aitkin (1981,
Psychometrika 46) with normal priors on a and d, which few models need; a may be negative, as of an item with a wrong
reference. Standard errors are from the observed information of each item (Louis, 1982, J. R. Stat. Soc. B 44).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NODES = 31
ROUNDS = 500
TOLERANCE = 1e-5
PRIOR_MEAN = np.array([1.0, 0.0])
PRIOR_SD = np.array([1.0, 2.5])
"""Of a and d."""
Z_95 = 1.959963984540054


class ItemParameters(NamedTuple):
    """Of J items, arrays [J]; bounds are of 95%."""

    discrimination: Floats
    discrimination_low: Floats
    discrimination_high: Floats
    difficulty: Floats
    """In standard deviations of the models' ability; NaN, like its bounds, where the discrimination may be 0."""
    difficulty_low: Floats
    difficulty_high: Floats
    solved: Floats
    """Mean score of the models that were scored."""
    solved_low: Floats
    """Wilson's bound."""
    solved_high: Floats
    models: NDArray[np.int64]
    """Models that were scored on it."""


def item_parameters(scores: Floats) -> ItemParameters:
    """Fit scores [M models, J items] in [0, 1], NaN where a model was not scored; a score between counts in part.

    Raises ValueError where a score is outside [0, 1].
    """
    if np.nanmin(scores, initial=0.0) < 0 or np.nanmax(scores, initial=1.0) > 1:
        raise ValueError("scores lie in [0, 1]")
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    log_weights = np.log(weights / weights.sum())
    known = ~np.isnan(scores)
    right = np.where(known, scores, 0.0)
    told = known.astype(np.float64)
    found = np.tile(PRIOR_MEAN, (scores.shape[1], 1))
    posterior = np.zeros((len(scores), NODES))
    for _ in range(ROUNDS):
        posterior = _posterior(found, right, told, nodes, log_weights)
        moved = _newton(found, told.T @ posterior, right.T @ posterior, nodes)
        found = found + moved
        if np.abs(moved).max(initial=0.0) < TOLERANCE:
            break
    return _described(found, _covariances(found, posterior, right, told, nodes), right, told)


def _posterior(found: Floats, right: Floats, told: Floats, nodes: Floats, log_weights: Floats) -> Floats:
    """Of each model over the nodes [M, Q]."""
    logit = found[:, :1] * nodes + found[:, 1:]
    of_right, of_wrong = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    log = right @ of_right + (told - right) @ of_wrong + log_weights
    log -= log.max(axis=1, keepdims=True)
    weight = np.exp(log)
    found_posterior: Floats = weight / weight.sum(axis=1, keepdims=True)
    return found_posterior


def _newton(found: Floats, expected: Floats, solved: Floats, nodes: Floats) -> Floats:
    """One step for each item, at most 1 long in either parameter; `expected` and `solved` are [J, Q]."""
    p = _logistic(found[:, :1] * nodes + found[:, 1:])
    basis = np.stack([nodes, np.ones_like(nodes)])
    gradient = (solved - expected * p) @ basis.T - (found - PRIOR_MEAN) / PRIOR_SD**2
    information = np.einsum("jq,kq,lq->jkl", expected * p * (1 - p), basis, basis) + np.diag(PRIOR_SD**-2)
    step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
    clipped: Floats = np.clip(step, -1.0, 1.0)
    return clipped


def _covariances(found: Floats, posterior: Floats, right: Floats, told: Floats, nodes: Floats) -> Floats:
    """Of (a, d) of each item [J, 2, 2]: the information of the complete data less that of the unknown abilities."""
    p = _logistic(found[:, :1] * nodes + found[:, 1:])
    basis = np.stack([nodes, np.ones_like(nodes)])
    complete = np.einsum("jq,kq,lq->jkl", (told.T @ posterior) * p * (1 - p), basis, basis)
    missing = np.zeros_like(complete)
    for item in range(len(found)):
        score = (right[:, item, None] - told[:, item, None] * p[item])[:, None, :] * basis
        mean = np.einsum("mkq,mq->mk", score, posterior)
        missing[item] = np.einsum("mkq,mlq,mq->kl", score, score, posterior) - mean.T @ mean
    covariances: Floats = np.linalg.inv(complete - missing + np.diag(PRIOR_SD**-2))
    return covariances


def _described(found: Floats, covariance: Floats, right: Floats, told: Floats) -> ItemParameters:
    """With Student's quantile of models - 2, since few models tell their own spread badly."""
    from scipy.special import stdtrit

    a, d = found.T
    models = told.sum(axis=0)
    quantile = stdtrit(np.maximum(models - 2, 1), 0.975)
    a_error = np.sqrt(covariance[:, 0, 0])
    low, high = a - quantile * a_error, a + quantile * a_error
    tells = (low > 0) | (high < 0)
    safe = np.where(tells, a, np.nan)
    difficulty = -d / safe
    slope = np.stack([d / safe**2, -1 / safe], axis=1)
    reach_b = quantile * np.sqrt(np.einsum("jk,jkl,jl->j", slope, covariance, slope))
    solved = np.divide(right.sum(axis=0), models, out=np.full(len(a), np.nan), where=models > 0)
    reach = Z_95**2 / np.maximum(models, 1)
    middle = (solved + reach / 2) / (1 + reach)
    half = np.sqrt(reach * solved * (1 - solved) + reach**2 / 4) / (1 + reach)
    return ItemParameters(
        a, low, high,
        difficulty, difficulty - reach_b, difficulty + reach_b,
        solved, np.maximum(0.0, middle - half), np.minimum(1.0, middle + half),
        models.astype(np.int64),
    )  # fmt: skip


def _logistic(value: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0, -value))
    return found
