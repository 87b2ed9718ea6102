"""How far a rating would be another one: with the battles in another order, with other users, by another engine.

Shuffles show whether order matters (it should not), not how sure a rating is: their spread is a twentieth of that. The
bootstrap draws users, with all their votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.batch import cells, skills
from evalloop_assets.ranking.battles import Battles
from evalloop_assets.ranking.graph import components
from evalloop_assets.ranking.likelihood import Floats, Scale
from evalloop_assets.ranking.logistic import strengths
from evalloop_assets.ranking.online import State


class Stability(NamedTuple):
    """Arrays have one value per model."""

    shuffle_sd: Floats
    """Standard deviation over shuffles of the online mu against the mean of all, skill points."""
    rank_low: NDArray[np.int64]
    """The rank that 97.5% of the bootstrap's samples reach at least: the best it may be."""
    rank_high: NDArray[np.int64]
    best: Floats
    """Share of the samples in which the model comes first."""
    bradley_terry_rank: NDArray[np.int64]


def stability(
    fought: Battles,
    mu: Floats,
    anchors: Mapping[str, float],
    scale: Scale,
    shuffles: int,
    samples: int,
    seed: int,
    threads: int = 2,
) -> Stability:
    """All of it for one set of battles; `mu` is the batch fit, `anchors` its constants."""
    shuffled = shuffled_mu(fought, scale, anchors, shuffles, seed, threads)
    drawn = bootstrapped_mu(fought, mu, anchors, samples, seed)
    component = components(fought, anchors)
    ranks = np.array([ranks_of(one, component) for one in drawn]).reshape(samples, len(fought.models))
    low, high = np.quantile(ranks, (0.025, 0.975), axis=0, method="inverted_cdf").astype(np.int64)
    return Stability(
        shuffle_sd=(shuffled - shuffled.mean(axis=1, keepdims=True)).std(axis=0, ddof=1),
        rank_low=low,
        rank_high=high,
        best=(ranks == 1).mean(axis=0),
        bradley_terry_rank=ranks_of(strengths(fought), component),
    )


def shuffled_mu(
    fought: Battles, scale: Scale, anchors: Mapping[str, float], shuffles: int, seed: int, threads: int = 2
) -> Floats:
    """mu after a pass over each of so many random orders, (shuffles, models); rows of choices count as pairs."""
    from evalloop_assets.ranking.shuffle import shuffle

    kinds = cells(fought)
    place = kinds.place.astype(np.min_scalar_type(len(kinds.a)))  # a small array shuffles in the cache

    def one(own_seed: np.uint64) -> Floats:
        state, order = State(fought.models, scale, anchors), place.copy()
        shuffle(order, own_seed)
        state.take(kinds, order)
        return state.mu

    seeds = np.random.SeedSequence(seed).generate_state(shuffles, np.uint64) | np.uint64(1)
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(one, seeds))).reshape(shuffles, len(fought.models))


def bootstrapped_mu(fought: Battles, mu: Floats, anchors: Mapping[str, float], samples: int, seed: int) -> Floats:
    """Batch mu with users drawn with replacement, (samples, models)."""
    rng, kinds = np.random.default_rng(seed), cells(fought)
    out = np.empty((samples, len(fought.models)))
    for sample in range(samples):
        times = np.bincount(rng.integers(0, fought.users, fought.users), minlength=fought.users)
        out[sample] = skills(fought, kinds, anchors, mu, times[fought.user].astype(np.float64))
    return out


def ranks_of(values: Floats, component: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 is the highest of component 0; ties go by place, and models of other components come last."""
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.lexsort((-values, component))] = np.arange(1, len(values) + 1)
    return rank
