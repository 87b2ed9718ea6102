"""What each model scored somewhere, offline or online, with its error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """One score a model; arrays of shape (models,)."""

    models: tuple[str, ...]
    value: Floats
    """Higher is better."""
    se: Floats
    """Standard error such that that of a contrast is the root of the sum of both squares; NaN where nobody tells it,
    as of a published score without an interval."""


def paired(one: Scores, other: Scores) -> tuple[Scores, Scores]:
    """Both for the models that both know, in order of their names."""
    names = sorted(set(one.models) & set(other.models))
    return _of(one, names), _of(other, names)


def quasi_variances(covariance: Floats) -> Floats:
    """(models,) q such that q_i + q_j is nearest to the variance of each contrast, by least squares; never negative.

    Firth and de Menezes, "Quasi-variances", Biometrika 91 (2004): contrasts are read from errors of single models,
    whatever the models share (days, users, items). Exact for up to three models. ValueError for fewer than two.
    """
    n = len(covariance)
    if n < 2:
        raise ValueError("a contrast needs two models")
    variance = np.diag(covariance)
    contrasts = variance[:, None] + variance[None, :] - 2 * covariance
    sums = contrasts.sum(axis=1)
    q = sums / 2 if n == 2 else (sums - sums.sum() / (2 * (n - 1))) / (n - 2)
    return np.asarray(np.maximum(q, 0.0))


def _of(scores: Scores, names: list[str]) -> Scores:
    place = [scores.models.index(name) for name in names]
    return Scores(tuple(names), scores.value[place], scores.se[place])
