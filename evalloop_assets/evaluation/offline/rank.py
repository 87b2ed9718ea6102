"""Rank correlations of few models, and the chance of as good an order among all orders."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.offline.scores import Floats

MOST_ENUMERATED = 8
"""Models up to which every order is counted: 8! is 40,320."""
DRAWN_ORDERS = 19_999


def spearman(x: Floats, y: Floats) -> float:
    """Correlation of the mid-ranks; NaN where one side does not vary."""
    from scipy.stats import rankdata

    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (x, y))
    spread = float((a @ a) * (b @ b)) ** 0.5
    return float(a @ b) / spread if spread > 0 else float("nan")


def kendall(x: Floats, y: Floats) -> float:
    """Tau-b: concordant less discordant pairs, by those that neither side ties; NaN where one side does not vary."""
    upper = np.triu_indices(len(x), 1)
    a, b = (np.sign(values[:, None] - values[None, :])[upper] for values in (x, y))
    spread = float((a @ a) * (b @ b)) ** 0.5
    return float(a @ b) / spread if spread > 0 else float("nan")


def spearman_of_draws(x: Floats, y: Floats) -> Floats:
    """(draws,) of (draws, models) values without ties."""
    n = x.shape[1]
    apart = _places(x) - _places(y)
    return np.asarray(1 - 6 * (apart**2).sum(axis=1) / (n * (n * n - 1)))


def kendall_of_draws(x: Floats, y: Floats) -> Floats:
    """(draws,) of (draws, models) values without ties."""
    first, second = np.triu_indices(x.shape[1], 1)
    return np.asarray((np.sign(x[:, first] - x[:, second]) * np.sign(y[:, first] - y[:, second])).mean(axis=1))


def chance_of_as_good(x: Floats, y: Floats, rng: np.random.Generator) -> float:
    """One-sided: share of all orders of the models with a Spearman as high or higher.

    Exact up to MOST_ENUMERATED models, ties kept; beyond, over DRAWN_ORDERS random ones, the observed among them.
    NaN where one side does not vary.
    """
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    reached = float(a @ b) - 1e-9
    if len(a) <= MOST_ENUMERATED:
        return float((b[_orders(len(b))] @ a >= reached).mean())
    drawn = rng.permuted(np.broadcast_to(b, (DRAWN_ORDERS, len(b))), axis=1)
    return float((1 + (drawn @ a >= reached).sum()) / (1 + DRAWN_ORDERS))


@cache
def _orders(n: int) -> NDArray[np.int64]:
    """(n!, n) every order."""
    return np.array(list(permutations(range(n))))


def _places(values: Floats) -> Floats:
    return np.asarray(values.argsort(axis=1).argsort(axis=1), dtype=np.float64)
