"""How often the intervals of a report card hold the truth of the population that its rows are drawn from: 2 minutes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalloop_assets.evaluation.launch import confusion
from evalloop_assets.evaluation.launch.figures import Figure
from evalloop_assets.evaluation.launch.shrinkage import shrunk_means, shrunk_shares

POPULATIONS = {
    "balanced": [[0.25, 0.05, 0.03], [0.04, 0.22, 0.07], [0.06, 0.03, 0.25]],
    "rare class": [[0.80, 0.01, 0.01], [0.02, 0.09, 0.01], [0.01, 0.01, 0.04]],
    "nearly right": [[0.49, 0.01], [0.005, 0.495]],
}
"""Shares of the cells of the confusion matrix."""

DRAWS, SEED = 4_000, 1


def lines() -> Iterator[str]:
    yield f"share of 95% intervals that hold the truth, {DRAWS:,} draws a line"
    for name, cells in POPULATIONS.items():
        for rows in (40, 150, 1_000):
            found = card_coverage(cells, rows, DRAWS, SEED)
            yield f"{name}, {rows:,} rows: " + ", ".join(f"{figure} {share:.3f}" for figure, share in found.items())
    for slices in (3, 8, 20):
        for rows in ((5, 60), (200, 2_000)):
            held = share_coverage(slices, rows, DRAWS // 4, SEED)
            yield f"shrunk shares of {slices} slices of {rows[0]} to {rows[1]:,} rows: {held:.3f}"
        for spread in (0.0, 0.5, 1.0, 3.0):
            held = mean_coverage(slices, spread, DRAWS // 4, SEED)
            yield f"shrunk means of {slices} slices, true SD {spread:g}, errors 0.3 to 2: {held:.3f}"


def card_coverage(cells: list[list[float]], rows: int, draws: int, seed: int) -> dict[str, float]:
    """By figure the share of draws whose interval holds the population's value, of those in which it is known."""
    population = np.array(cells)
    truth = _figures((population * 1e9).round().astype(np.int64))
    held: dict[str, list[bool]] = {name: [] for name in truth}
    random = np.random.default_rng(seed)
    for drawn in random.multinomial(rows, population.ravel(), draws):
        for name, figure in _figures(drawn.reshape(population.shape)).items():
            if figure.known:
                held[name].append(figure.low - 1e-9 <= truth[name].value <= figure.high + 1e-9)
    return {name: float(np.mean(hits)) for name, hits in held.items()}


def share_coverage(slices: int, rows: tuple[int, int], draws: int, seed: int) -> float:
    """Of intervals of shrunk shares over slices whose true shares are spread by a beta distribution."""
    random = np.random.default_rng(seed)
    held = []
    for _ in range(draws):
        truth, n = random.beta(14, 6, slices), random.integers(*rows, slices)
        found = shrunk_shares(random.binomial(n, truth), n)
        held += ((found.low <= truth) & (truth <= found.high)).tolist()
    return float(np.mean(held))


def mean_coverage(slices: int, spread: float, draws: int, seed: int) -> float:
    """Of intervals of shrunk means over slices whose true means have this standard deviation."""
    random = np.random.default_rng(seed)
    held = []
    for _ in range(draws):
        truth, error = random.normal(0, spread, slices), random.uniform(0.3, 2, slices)
        found = shrunk_means(random.normal(truth, error), error)
        held += ((found.low <= truth) & (truth <= found.high)).tolist()
    return float(np.mean(held))


def _figures(counts: np.ndarray) -> dict[str, Figure]:
    occurs = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts = counts[np.ix_(occurs, occurs)]
    classes = confusion.class_figures(counts)
    macro, weighted = confusion.macro(counts, classes), confusion.weighted(counts)
    named = {f"macro {name}": figure for name, figure in macro._asdict().items()}
    named |= {f"weighted {name}": figure for name, figure in weighted._asdict().items()}
    named |= {f"first class {name}": getattr(classes[0], name) for name in ("precision", "recall", "f1")}
    return named | {"kappa": confusion.kappa(counts), "matthews": confusion.matthews(counts)}


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
