"""Dynamic evaluation: how often a slope, a contrast of slopes or a robustness is found where there is none, and where
there is one. `python -m benchmarks.dynamic`, a minute of one core.

Each conversation has a level and a slope of its own, and noise in each turn; eight turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.dynamic.curves import Figure, mean, paired_difference, slope, slope_difference
from evalloop_assets.lake.picture import wilson

RUNS = 2_000
TURNS = 8
LEVEL, OWN_SLOPE, NOISE = 1.0, 0.1, 0.5
DECAY = -0.1
LEAST = 2
Floats = NDArray[np.float64]
SIZES = (8, 12, 84)
"""Conversations: the least that has a figure, a cell of role type and intent, a role type of both languages."""


class Talks(NamedTuple):
    """Scores, turns and names."""

    scores: Floats
    turns: Floats
    names: NDArray[np.object_]


def talks(draw: np.random.Generator, conversations: int, decay: float) -> Talks:
    group = np.repeat(np.arange(conversations), TURNS)
    turn = np.tile(np.arange(1.0, TURNS + 1), conversations)
    own = draw.normal(decay, OWN_SLOPE, conversations)[group] * turn
    scores = draw.normal(0, LEVEL, conversations)[group] + own + draw.normal(0, NOISE, len(turn))
    return Talks(scores, turn, group.astype(str).astype(object))


def of_slope(draw: np.random.Generator, conversations: int, decay: float) -> Figure:
    return slope(*talks(draw, conversations, decay), LEAST).figure


def of_difference(draw: np.random.Generator, conversations: int, decay: float) -> Figure:
    one, other = (slope(*talks(draw, conversations, trend), LEAST) for trend in (decay, 0.0))
    return slope_difference(one, other, LEAST)


def of_robustness(draw: np.random.Generator, conversations: int, loss: float) -> Figure:
    plain = draw.normal(0, LEVEL, conversations)
    hard = plain + loss + draw.normal(0, NOISE, conversations)
    return paired_difference(plain, hard, LEAST)


def of_mean(draw: np.random.Generator, conversations: int, level: float) -> Figure:
    one = talks(draw, conversations, 0.0)
    return mean(one.scores + level, one.names, LEAST)


def of_least_squares(draw: np.random.Generator, conversations: int, decay: float) -> Figure:
    """The naive way: turns as if they were independent."""
    from scipy.stats import linregress, t

    one = talks(draw, conversations, decay)
    fit = linregress(one.turns, one.scores)
    half = float(t.ppf(0.975, len(one.scores) - 2)) * fit.stderr
    return Figure(fit.slope, fit.slope - half, fit.slope + half, conversations)


def found(figure: Callable[[np.random.Generator, int, float], Figure], conversations: int, effect: float) -> str:
    """Share of runs whose interval leaves out zero, with its interval."""
    draw = np.random.default_rng(1)
    seen = (figure(draw, conversations, effect) for _ in range(RUNS))
    hits = sum(not one.low <= 0 <= one.high for one in seen)
    low, high = wilson(hits, RUNS)
    return f"{hits / RUNS:.3f} ({low:.3f} to {high:.3f})"


def lines() -> Iterator[str]:
    figures = (
        ("slope", of_slope),
        ("difference of slopes", of_difference),
        ("robustness", of_robustness),
        ("mean", of_mean),
        ("slope by plain least squares", of_least_squares),
    )
    for name, figure in figures:
        for conversations in SIZES:
            none, some = (found(figure, conversations, effect) for effect in (0.0, DECAY))
            yield f"{name}, {conversations} conversations: found where there is none {none}, at {DECAY} {some}"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
