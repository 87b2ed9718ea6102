"""Best-of-n: the choice itself, and what it is expected to bring, from logged samples without drawing anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def best_of_n(scores: ArrayLike) -> NDArray[np.intp]:
    """Index of the best reply for each prompt, from scores [prompts, n]; the first of equals.

    NaN (nothing to judge, as in a blank reply) is never chosen. ValueError where a prompt has no score at all.
    """
    table = np.asarray(scores, np.float64)
    if table.ndim != 2:
        raise ValueError(f"scores have shape {table.shape}, [prompts, n] is needed")
    hopeless = np.flatnonzero(np.isnan(table).all(axis=1))
    if len(hopeless):
        raise ValueError(f"prompt {hopeless[0]} has no reply with a score")
    return np.asarray(np.nanargmax(table, axis=1), np.intp)


def choice_weights(scores: ArrayLike, n: int) -> Floats:
    """Probability that each of m samples is the best of n drawn among them without replacement, float64 [m].

    The sample of rank k (1 is the worst) is chosen with probability C(k-1, n-1) / C(m, n); equal scores share theirs.
    The weighted sum of anything about the samples is an unbiased estimate of its mean under best-of-n, since every n of
    m independent samples are n independent samples. ValueError unless 1 <= n <= m and all scores are finite.
    """
    samples = np.asarray(scores, np.float64)
    m = len(samples)
    if not 1 <= n <= m:
        raise ValueError(f"best of {n} cannot be estimated from {m} samples")
    if not np.isfinite(samples).all():
        raise ValueError("scores hold NaN or infinity")
    by_rank = np.zeros(m)
    by_rank[m - 1] = n / m
    for rank in range(m - 1, n - 1, -1):
        by_rank[rank - 1] = by_rank[rank] * (rank + 1 - n) / rank
    order = np.argsort(samples, kind="stable")
    weights = np.empty(m)
    weights[order] = by_rank
    _, equal, counts = np.unique(samples, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(equal, weights) / counts)[equal], np.float64)


def expected_best_of_n(scores: ArrayLike, n: int) -> float:
    """Unbiased estimate of the expected best score of n draws, from m >= n independent samples."""
    return float(choice_weights(scores, n) @ np.asarray(scores, np.float64))
