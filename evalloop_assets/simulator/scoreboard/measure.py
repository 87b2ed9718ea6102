"""What one run of one scenario measures, before seeds are pooled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Floats
from evalloop_assets.simulator.scoreboard.figures import EVERY, Best, Figure, over_seeds

if TYPE_CHECKING:
    import pyarrow as pa


class Measured(NamedTuple):
    """One value of one seed."""

    stage: str
    figure: str
    method: str
    """figures.LOOP, or the name of a naive method."""
    best: Best
    value: float
    """NaN where nothing can be measured."""


SHARES = re.compile(r"\b(share|AUC|precision|recall|F1|accuracy|calibration error)\b")
"""Words of figures that lie between 0 and 1."""
Key = tuple[str, str, str, Best]
"""Stage, figure, method, and where a good one lies."""


def pooled(runs: Mapping[str, Sequence[Sequence[Measured]]]) -> list[Figure]:
    """Figures over seeds, from the measures of each scenario and seed: for EVERY scenario together, then for each.

    Of EVERY a seed's value is the mean over the scenarios that measured something, so that seeds stay independent.
    Every scenario has as many seeds. Figures come in the order in which they were measured first; NaN does not count.
    """
    values: dict[Key, dict[str, Floats]] = {}
    for scenario, seeds in runs.items():
        for number, measured in enumerate(seeds):
            for one in measured:
                by_scenario = values.setdefault((one.stage, one.figure, one.method, one.best), {})
                by_scenario.setdefault(scenario, np.full(len(seeds), np.nan))[number] = one.value
    found = []
    for (stage, figure, method, best), by_scenario in values.items():
        together = np.array([mean_known(seed) for seed in np.stack(list(by_scenario.values()), axis=1)])
        for scenario, of_seeds in ({EVERY: together} | by_scenario).items():
            interval = over_seeds(of_seeds.tolist(), *range_of(figure))
            found.append(Figure(scenario, stage, figure, method, best, interval, "seeds"))
    return found


def range_of(figure: str) -> tuple[float, float]:
    """The lowest and highest value that a figure can have, told by its words; infinite where they say nothing."""
    if "rank correlation" in figure:
        return -1.0, 1.0
    return (0.0, 1.0) if SHARES.search(figure) else (-np.inf, np.inf)


def numbers(rows: pa.Table, column: str) -> Floats:
    """(rows,) values of a column of numbers or truths; NaN where NULL."""
    return np.asarray(rows[column].cast("float64").to_numpy(), dtype=np.float64)


def texts(rows: pa.Table, column: str) -> np.ndarray:
    """(rows,) values of a column of texts; None where NULL."""
    return np.asarray(rows[column].to_numpy(), dtype=object)


def mean_known(values: Floats) -> float:
    """Mean of the values that are known; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def auc(score: Floats, positive: Bools) -> float:
    """Chance that a positive scores above a negative, ties half; unknown scores are left out, NaN without both."""
    from scipy.stats import rankdata

    known = np.isfinite(score)
    score, positive = score[known], positive[known]
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return np.nan
    above = float(rankdata(score)[positive].sum()) - n_positive * (n_positive + 1) / 2
    return above / (n_positive * n_negative)


def rank_correlation(x: Floats, y: Floats) -> float:
    """Spearman's, over the rows that know both; NaN where one of them does not vary."""
    from scipy.stats import rankdata

    known = np.isfinite(x) & np.isfinite(y)
    x, y = rankdata(x[known]), rankdata(y[known])
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])
