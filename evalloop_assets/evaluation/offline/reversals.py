"""Pairs of models that the offline score orders the other way round than the users do, both beyond doubt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.offline.scores import Floats, Scores


class Reversal(NamedTuple):
    """One pair."""

    preferred: str
    """The model that the offline score prefers."""
    over: str
    """The model that is better online."""
    offline: float
    """Contrast of the offline scores, above 0."""
    online: float
    """Contrast of the online values, below 0."""
    p_value: float
    """The larger of both contrasts' two-sided p-values, adjusted over all pairs (Holm)."""


def reversals(offline: Scores, online: Scores, alpha: float) -> tuple[Reversal, ...]:
    """Surest first. A contrast of a score without a standard error is never beyond doubt.

    Both contrasts must be significant (intersection-union: the larger p-value counts), and the chance that any pair is
    named which is not reversed is at most alpha (Holm, over all pairs of models).
    """
    first, second = np.triu_indices(len(offline.models), 1)
    apart = [scores.value[first] - scores.value[second] for scores in (offline, online)]
    p = np.maximum(*(_p_values(scores, first, second) for scores in (offline, online)))
    against = np.sign(apart[0]) * np.sign(apart[1]) < 0
    adjusted = _holm(np.where(against, p, 1.0))
    named = np.flatnonzero(against & (adjusted <= alpha))
    found = []
    for k in named[np.argsort(adjusted[named], kind="stable")].tolist():
        i, j = (first[k], second[k]) if apart[0][k] > 0 else (second[k], first[k])
        found.append(
            Reversal(
                offline.models[i],
                offline.models[j],
                float(offline.value[i] - offline.value[j]),
                float(online.value[i] - online.value[j]),
                float(adjusted[k]),
            )
        )
    return tuple(found)


def _p_values(scores: Scores, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
    """(pairs,) two-sided, normal; 1 where an error is unknown or both values are equal."""
    from scipy.special import ndtr

    apart = np.abs(scores.value[first] - scores.value[second])
    error = np.sqrt(scores.se[first] ** 2 + scores.se[second] ** 2)
    z = np.divide(apart, error, out=np.where(apart > 0, np.inf, 0.0), where=error > 0)
    return np.where(np.isnan(error), 1.0, 2 * ndtr(-z))


def _holm(p: Floats) -> Floats:
    """Step-down adjusted p-values."""
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted
