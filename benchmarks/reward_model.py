"""Trajectories scored and pair rows trained per processor second, from cached embeddings and n-grams; one thread.

A trajectory is a reply with eight earlier exchanges; what is cached are the encoder's vectors and the n-grams of each
text. A pair row is one pair in one pass: every step of the fit looks at all pairs once or more, and all looks count.
`python -m benchmarks.reward_model`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.measure import cost
from evalloop_assets.reward_model import bradley_terry
from evalloop_assets.reward_model.bradley_terry import Training, fit
from evalloop_assets.reward_model.calibration import Anchors, Mix, assemble
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.features import Cached, features, features_of, width
from evalloop_assets.reward_model.history import MOST_EXCHANGES, Situations
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.pairs import Pairs

PAIRS, TEXTS, TRAJECTORIES = 40_000, 4_000, 40_000
WORDS = np.array([f"word{number}" for number in range(800)])


def lines() -> Iterator[str]:
    rng = np.random.default_rng(1)
    pairs = drawn_pairs(rng)
    looks = [0]
    loss = bradley_terry._loss

    def counted(*args: object) -> object:
        looks[0] += 1
        return loss(*args)  # type: ignore[arg-type]

    bradley_terry._loss = counted  # type: ignore[assignment]
    try:
        found = []
        nobody = pairs.where(slice(0))
        spent = cost(lambda: found.append(fit(pairs, nobody, Training(threads=1))))
    finally:
        bradley_terry._loss = loss
    rows = looks[0] * len(pairs.ids)
    yield (
        f"reward model: {rows / spent.cpu:,.0f} pair rows trained per CPU-second ({len(pairs.ids):,} pairs, "
        f"{width(HashedNgrams.dimension)} features, {looks[0]} looks at each; promised 150,000)"
    )
    texts = [" ".join(rng.choice(WORDS, 20)) for _ in range(TEXTS)]
    places = drawn_places(texts, rng)
    cached = Cached.of(texts, HashedNgrams())
    anchors = Anchors.of(features(places.rows(slice(2_000)), HashedNgrams()))
    model = assemble(found[0], nobody, anchors, Mix(dict.fromkeys(HORIZONS, 1.0)), HashedNgrams.name, "benchmark")
    spent = cost(lambda: [model.reward_parts(model.parts(part)) for _, part in features_of(places, cached)])
    yield (
        f"reward model: {TRAJECTORIES / spent.cpu:,.0f} trajectories of {MOST_EXCHANGES + 1} replies scored per "
        f"CPU-second from cached embeddings (promised 40,000)"
    )
    spent = cost(lambda: Cached.of(texts, HashedNgrams()))
    yield f"reward model: {TEXTS / spent.cpu:,.0f} texts of 20 words encoded per CPU-second, vectors and n-grams"


def drawn_pairs(rng: np.random.Generator, count: int = PAIRS) -> Pairs:
    """Random pairs whose labels go by a planted preference."""
    difference = rng.normal(0, 0.05, (count, width(HashedNgrams.dimension))).astype(np.float32)
    chance = 1 / (1 + np.exp(-difference @ rng.normal(0, 1, (difference.shape[1], len(HORIZONS)))))
    names = np.array([f"{number:06}" for number in range(count)])
    nothing = np.zeros(count)
    return Pairs(
        ids=names,
        users=names,
        sources=np.full(count, "tail"),
        days=np.full(count, np.datetime64("2026-03-01")),
        difference=difference,
        log_length_ratio=nothing,
        position_lead=nothing,
        targets=(rng.random(chance.shape) < chance).astype(np.float64),
    )


def drawn_places(texts: Sequence[str], rng: np.random.Generator) -> Situations:
    shape = (TRAJECTORIES, MOST_EXCHANGES)
    one, many = (lambda: rng.integers(0, TEXTS, TRAJECTORIES)), (lambda: rng.integers(0, TEXTS, shape))
    return Situations(list(texts), one(), one(), many(), many(), np.cumsum(rng.exponential(30, shape), axis=1))


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
