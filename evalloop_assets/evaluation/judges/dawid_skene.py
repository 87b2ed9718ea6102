"""The truth behind several raters who err, and how each of them errs (Dawid and Skene 1979)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalloop_assets.evaluation.judges.estimate import Floats

MOST_STEPS = 500
CONVERGED = 1e-8
"""Mean change of a class probability below which the steps end."""


class Raters(NamedTuple):
    """What the ratings say together."""

    posterior: Floats
    """Probability of each class, shape (items, classes)."""
    prior: Floats
    """Share of each class, shape (classes,)."""
    confusion: Floats
    """Probability that a rater says the last index where the middle one is true, shape (raters, classes, classes)."""
    log_likelihood: float


def dawid_skene(counts: Floats, known: npt.NDArray[np.int64] | None = None, smoothing: float = 0.0) -> Raters:
    """Maximum likelihood by expectation maximisation, begun at the shares of the ratings.

    `counts` has shape (raters, items, classes): how often a rater gave an item each class. `known` holds the class of
    items whose truth is given, -1 of the others. `smoothing` is added to every cell of every rater's table, and is
    needed where raters are few or rate little. Raters are taken to err independently of each other: those that do not
    make the posterior too sure.
    """
    votes = counts.sum(axis=0)
    classes = votes.shape[1]
    total = votes.sum(axis=1, keepdims=True)
    posterior = np.where(total > 0, votes / np.maximum(total, 1), 1 / classes)
    given = np.zeros(len(votes), dtype=bool) if known is None else known >= 0
    if known is not None:
        posterior[given] = np.eye(classes)[known[given]]
    prior, confusion, likelihood = posterior.mean(axis=0), np.empty(0), 0.0
    for _ in range(MOST_STEPS):
        prior = posterior.mean(axis=0)
        table = np.einsum("ic,rik->rck", posterior, counts) + smoothing
        sums = table.sum(axis=2, keepdims=True)
        confusion = np.where(sums > 0, table / np.maximum(sums, 1e-300), 1 / classes)
        logs = np.log(np.maximum(prior, 1e-300)) + np.einsum(
            "rik,rck->ic", counts, np.log(np.maximum(confusion, 1e-300))
        )
        most = logs.max(axis=1, keepdims=True)
        scaled = np.exp(logs - most)
        among = scaled.sum(axis=1, keepdims=True)
        likelihood = float((most + np.log(among)).sum())
        before, posterior = posterior, scaled / among
        if known is not None:
            posterior[given] = np.eye(classes)[known[given]]
        if len(posterior) == 0 or float(np.abs(posterior - before).mean()) < CONVERGED:
            break
    return Raters(posterior, prior, confusion, likelihood)
