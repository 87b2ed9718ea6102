"""Two static benchmarks of the simulated product's models, scored item by item before anybody is served.

Whether a model solves an item follows from its latent qualities and the item's difficulty (one-parameter logistic item
response, Rasch 1960). `first-impression` rewards what pleases at a glance: taking up what was said, and length, padding
among it. `long-story` rewards what users come back for. Its order of the models is the users' but for the noise of the
items; that of `first-impression` is not.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from evalloop_assets.logs.evaluation_contract import BENCHMARK_SCORES
from evalloop_assets.simulator.arrays import Floats
from evalloop_assets.simulator.arrow import day_start_us, table
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.policies import Policy

ITEMS = 400
STEEPNESS = 4.0
"""Logits per unit of ability."""


class Benchmark(NamedTuple):
    """A fixed set of items of one kind."""

    name: str
    ability: Callable[[ModelSpec], float]
    """What the items measure; differs by about 1 between a poor and a good model."""
    typical: float
    """Ability at which half of the items are solved."""

    def difficulty(self) -> Floats:
        """(ITEMS,) the same for every model, product and day."""
        draw = np.random.default_rng(zlib.crc32(self.name.encode()))
        return self.typical + 0.3 * draw.standard_normal(ITEMS)


def _at_a_glance(spec: ModelSpec) -> float:
    return 0.9 * spec.instant + 0.1 * spec.momentum + 0.05 * spec.padding + 0.05 * spec.extra


def _over_a_story(spec: ModelSpec) -> float:
    kept = 0.45 * spec.momentum + 0.35 * spec.payoff + 0.45 * spec.freshness + 0.5 * spec.stability
    return 0.2 * spec.instant + kept - 0.12 * spec.padding


FIRST_IMPRESSION = Benchmark("first-impression", _at_a_glance, 0.6)
LONG_STORY = Benchmark("long-story", _over_a_story, 1.2)
BENCHMARKS = (FIRST_IMPRESSION, LONG_STORY)


def benchmark_rows(day: date, policies: Sequence[Policy], seed: int) -> pa.Table:
    """Rows of `benchmark_scores` for models that are new on this day: 1 for an item that the model solves, else 0."""
    cells = [(policy.spec, benchmark) for policy in policies for benchmark in BENCHMARKS]
    solved = [_solved(spec, benchmark, seed) for spec, benchmark in cells]
    n = len(cells) * ITEMS
    columns = {
        "model_id": np.repeat(np.array([spec.model_id for spec, _ in cells], dtype=object), ITEMS),
        "benchmark": np.repeat(np.array([benchmark.name for _, benchmark in cells], dtype=object), ITEMS),
        "item_id": np.tile(np.array([f"{number:03d}" for number in range(ITEMS)], dtype=object), len(cells)),
        "score": np.concatenate(solved) if solved else np.zeros(0),
        "scored_at": np.full(n, day_start_us(day)),
    }
    return table(BENCHMARK_SCORES, columns, n)


def _solved(spec: ModelSpec, benchmark: Benchmark, seed: int) -> Floats:
    draw = np.random.default_rng([seed, zlib.crc32(f"{benchmark.name} {spec.model_id}".encode())])
    logits = STEEPNESS * (benchmark.ability(spec) - benchmark.difficulty())
    return (draw.random(ITEMS) < 1 / (1 + np.exp(-logits))).astype(np.float64)
