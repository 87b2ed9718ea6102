"""Batch ratings: the maximum a posteriori of TrueSkill's likelihood on counts, by Newton, with user-clustered variance.

The prior is each model's own N(25, (25/3)²); anchors are constants; the draw margin is fitted with the skills, its
prior the positive half of N(0, (25/3)²), which keeps it finite where all battles are draws; covariates (length,
position) shift the difference of two skills by their coefficient. Order does not enter. With g_u the score of user u, H
the negative Hessian, P the prior's precision, the covariance of all parameters is

    (H + P)⁻¹ (k Σ_u g_u g_uᵀ + P) (H + P)⁻¹,  k = U/(U − 1) · (t/z)²

without battles the prior's, with many users the plain sandwich. t and z are the 97.5% quantiles of Student's law with
U − 1 degrees of freedom and of the normal one: of few users the spread itself is uncertain, and so z standard errors
are t of the plain ones. A plain sigma covers too little where users have tastes (docs/statistics.md); a sandwich of a
few users may still be too small, so a contrast takes the larger of the two variances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import DRAW, Battles
from evalloop_assets.ranking.likelihood import BETA, MU, SIGMA, Floats, scale_of, slopes

ROUNDS, CLOSE, HALVINGS = 100, 1e-9, 40
MOST_SCORES = 16_000_000
"""Users times parameters up to which the scores are held densely, which is three times as fast: 128 MB."""
COVARIATE_SD = SIGMA
"""Prior standard deviation of a coefficient, skill points per unit of the covariate."""


class NotConverged(Exception):
    """Newton found no maximum: a mistake in the code, since the likelihood is concave."""


class Covariance(NamedTuple):
    """Two estimates of the covariance of the skills, (models, models); rows and columns of constants are 0."""

    clustered: Floats
    """The sandwich, with users as clusters."""
    independent: Floats
    """(H + P)⁻¹, as if every battle were a user's only one."""

    def variance(self, weights: Floats) -> float:
        """Variance of a weighted sum of skills, the larger of the two estimates."""
        return float(max(weights @ self.clustered @ weights, weights @ self.independent @ weights))

    def variances(self, weights: Floats) -> Floats:
        """The same of each row of weights, (sums, models)."""
        clustered, independent = (np.sum(weights @ one * weights, axis=1) for one in (self.clustered, self.independent))
        larger: Floats = np.maximum(clustered, independent)
        return larger


class Coefficient(NamedTuple):
    """What one unit of a covariate adds to side a, skill points."""

    value: float
    se: float


@dataclass(frozen=True)
class BatchFit:
    """Arrays have one value per model, in the order of the battles' `models`."""

    mu: Floats
    sigma: Floats
    """As if every battle were a user's only one; 0 for constants."""
    covariance: Covariance
    margin: float
    """Draw margin, skill points; 0 where nobody drew."""
    coefficients: dict[str, Coefficient]


class Cells(NamedTuple):
    """Choices of one kind: the same sides, the same outcome, the same covariates."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    outcome: NDArray[np.int64]
    covariates: Floats
    """(cells, covariates)."""
    place: NDArray[np.int64]
    """Cell of each battle."""


def cells(fought: Battles) -> Cells:
    """The battles by kind."""
    kind = (fought.a * len(fought.models) + fought.b) * 3 + fought.outcome
    for values in fought.covariates.values():
        known, code = np.unique(values, return_inverse=True)
        kind = np.unique(kind * len(known) + code, return_inverse=True)[1]
    known_kinds = np.flatnonzero(np.bincount(kind))
    number = np.zeros(int(kind.max(initial=0)) + 1, dtype=np.int64)
    number[known_kinds] = np.arange(len(known_kinds))
    place = number[kind]
    first = np.empty(len(known_kinds), dtype=np.int64)
    first[place[::-1]] = np.arange(len(place))[::-1]
    columns = [values[first] for values in fought.covariates.values()]
    covariates = np.column_stack(columns) if columns else np.empty((len(first), 0))
    return Cells(fought.a[first], fought.b[first], fought.outcome[first], covariates, place)


@dataclass(frozen=True)
class _Problem:
    """The log posterior over skills, then coefficients, then the margin where anybody drew."""

    cells: Cells
    weight: Floats
    """Battles in each cell."""
    models: int
    free: NDArray[np.bool_]
    """Of all parameters."""
    prior: Floats
    """Precision of each parameter."""
    centre: Floats
    margin_at: int | None

    def difference(self, at: Floats) -> Floats:
        skills, coefficients = at[: self.models], at[self.models : self.models + self.cells.covariates.shape[1]]
        return skills[self.cells.a] - skills[self.cells.b] + self.cells.covariates @ coefficients

    def margin(self, at: Floats) -> float:
        return float(at[self.margin_at]) if self.margin_at is not None else 0.0

    def value(self, at: Floats) -> float:
        if self.margin_at is not None and at[self.margin_at] <= 0:
            return -np.inf
        found = slopes(self.difference(at), self.cells.outcome, self.margin(at))
        return float(self.weight @ found.log - (self.prior * (at - self.centre) ** 2).sum() / 2)

    def derivatives(self, at: Floats) -> tuple[Floats, Floats]:
        """Gradient and negative Hessian of the log posterior, all parameters."""
        found = slopes(self.difference(at), self.cells.outcome, self.margin(at))
        a, b, x, weight = self.cells.a, self.cells.b, self.cells.covariates, self.weight
        gradient = -self.prior * (at - self.centre)
        by_d = weight * found.by_d
        gradient[: self.models] += np.bincount(a, by_d, self.models) - np.bincount(b, by_d, self.models)
        extra = slice(self.models, self.models + x.shape[1])
        gradient[extra] += x.T @ by_d
        curvature = np.diag(self.prior).astype(np.float64)
        by_dd = -weight * found.by_dd
        pairs = np.bincount(a * self.models + b, by_dd, self.models**2).reshape(self.models, self.models)
        block = np.diag(pairs.sum(axis=0) + pairs.sum(axis=1)) - pairs - pairs.T
        curvature[: self.models, : self.models] += block
        curvature[extra, extra] += x.T @ (by_dd[:, None] * x)
        for column in range(x.shape[1]):
            self._fill(curvature, self.models + column, by_dd * x[:, column])
        if self.margin_at is not None:
            gradient[self.margin_at] += weight @ found.by_m
            curvature[self.margin_at, self.margin_at] -= weight @ found.by_mm
            by_dm = -weight * found.by_dm
            self._fill(curvature, self.margin_at, by_dm)
            cross = x.T @ by_dm
            curvature[self.margin_at, extra] += cross
            curvature[extra, self.margin_at] += cross
        return gradient, curvature

    def _fill(self, curvature: Floats, column: int, values: Floats) -> None:
        """Add the mixed second derivatives of one parameter and the skills."""
        mixed = np.bincount(self.cells.a, values, self.models) - np.bincount(self.cells.b, values, self.models)
        curvature[column, : self.models] += mixed
        curvature[: self.models, column] += mixed


def fit(fought: Battles, anchors: Mapping[str, float]) -> BatchFit:
    """Fit all skills at once."""
    kinds = cells(fought)
    problem, at = _maximum(fought, kinds, anchors, None, None)
    size = len(fought.models)
    _, curvature = problem.derivatives(at)
    free = problem.free
    bread = np.linalg.inv(curvature[np.ix_(free, free)])
    spread = _spread(fought, problem, at)[np.ix_(free, free)]
    clustered, independent = np.zeros_like(curvature), np.zeros_like(curvature)
    clustered[np.ix_(free, free)] = bread @ (spread + np.diag(problem.prior[free])) @ bread
    independent[np.ix_(free, free)] = bread
    both = Covariance(clustered, independent)
    coefficients = {}
    for index, name in enumerate(fought.covariates, start=size):
        weights = np.zeros(len(at))
        weights[index] = 1
        coefficients[name] = Coefficient(float(at[index]), float(np.sqrt(both.variance(weights))))
    return BatchFit(
        mu=at[:size],
        sigma=np.sqrt(np.diag(independent)[:size]),
        covariance=Covariance(clustered[:size, :size], independent[:size, :size]),
        margin=problem.margin(at),
        coefficients=coefficients,
    )


def skills(fought: Battles, kinds: Cells, anchors: Mapping[str, float], start: Floats, weight: Floats) -> Floats:
    """The skills alone where each battle counts `weight` times, from a near guess: what a bootstrap repeats."""
    return _maximum(fought, kinds, anchors, start, weight)[1][: len(fought.models)]


def _maximum(
    fought: Battles, kinds: Cells, anchors: Mapping[str, float], start: Floats | None, weight: Floats | None
) -> tuple[_Problem, Floats]:
    counts = np.bincount(kinds.place, weight, len(kinds.a)).astype(np.float64)
    size, extra = len(fought.models), len(fought.covariates)
    drawn = bool((counts[kinds.outcome == DRAW] > 0).any())
    number = size + extra + drawn
    prior = np.full(number, 1 / SIGMA**2)
    prior[size : size + extra] = 1 / COVARIATE_SD**2
    centre = np.zeros(number)
    centre[:size] = MU
    at = centre.copy()
    at[:size] = [anchors.get(name, MU) for name in fought.models] if start is None else start
    free = np.ones(number, dtype=bool)
    free[:size] = [name not in anchors for name in fought.models]
    if drawn:
        at[-1] = max(scale_of(fought).margin, BETA / 100)
    prior[~free] = 0.0
    problem = _Problem(kinds, counts, size, free, prior, centre, number - 1 if drawn else None)
    value = problem.value(at)
    for _ in range(ROUNDS):
        gradient, curvature = problem.derivatives(at)
        step = np.zeros(number)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        if np.abs(step).max(initial=0.0) < CLOSE:
            return problem, at
        for _ in range(HALVINGS):
            reached = problem.value(at + step)
            if reached >= value - 1e-12 * abs(value):
                break
            step /= 2
        at, value = at + step, reached
    raise NotConverged(f"no maximum after {ROUNDS} rounds over {len(fought.a)} battles")


def _spread(fought: Battles, problem: _Problem, at: Floats) -> Floats:
    """k Σ_u g_u g_uᵀ over users, (parameters, parameters); g_u adds up the derivatives of the user's choices."""
    kinds, size = problem.cells, len(at)
    found = slopes(problem.difference(at), kinds.outcome, problem.margin(at))
    parts = [(kinds.a, found.by_d), (kinds.b, -found.by_d)]
    for index in range(kinds.covariates.shape[1]):
        column = np.full(len(kinds.a), problem.models + index)
        parts.append((column, found.by_d * kinds.covariates[:, index]))
    if problem.margin_at is not None:
        parts.append((np.full(len(kinds.a), problem.margin_at), found.by_m))
    column = np.concatenate([columns[kinds.place] for columns, _ in parts])
    value = np.concatenate([values[kinds.place] for _, values in parts])
    user = np.tile(fought.user, len(parts))
    if fought.users * size <= MOST_SCORES:
        scores = np.bincount(user * size + column, value, fought.users * size).reshape(fought.users, size)
        total = np.asarray(scores.T @ scores)
    else:
        from scipy.sparse import coo_array

        sparse = coo_array((value, (user, column)), shape=(fought.users, size)).tocsr()
        total = np.asarray((sparse.T @ sparse).todense())
    return total * _few(fought.users)


def _few(users: int) -> float:
    """k: how much more the scores of so many users vary than they show."""
    from scipy.special import ndtri, stdtrit

    others = max(users - 1, 1)
    return float(users / others * (stdtrit(others, 0.975) / ndtri(0.975)) ** 2)
