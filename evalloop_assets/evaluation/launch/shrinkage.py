"""Estimates of many slices at once: a small slice is drawn towards the others, by as much as they are alike.

Both models are hierarchical and weigh their two unknowns, the slices' mean and how alike they are, over a grid with a
prior on the weight of the others in a slice of typical size (hyper-g with a = 3: Liang et al., 2008, *JASA* 103), under
which little weight is likelier than much. So the interval of a slice knows that both are estimated, which one with the
best fit plugged in does not. `python -m benchmarks.report_card` prints how often it holds the truth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalloop_assets.evaluation.launch.figures import Z_95, Figure

WEIGHTS = ((np.arange(40) + 0.5) / 40) ** 2
"""Weight of the others in a slice of typical size: quantiles of its prior."""
PLACES = (np.arange(200) + 0.5) / 200
"""Grid of the mean share of the slices."""


class Shrunk(NamedTuple):
    """One estimate a slice, in their order."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    """Lower 95% bound."""
    high: NDArray[np.float64]

    def figure(self, number: int, n: int) -> Figure:
        """The slice of this number, of n rows or users."""
        return Figure(float(self.value[number]), float(self.low[number]), float(self.high[number]), n)


def shrunk_shares(hits: ArrayLike, rows: ArrayLike) -> Shrunk:
    """Shares of slices of independent rows, beta-binomial; each has a row at least.

    The posterior of a share, mixed over the grid, is told by the beta distribution of its mean and variance.
    """
    from scipy.special import betaincinv, betaln

    k, n = np.asarray(hits, np.float64), np.asarray(rows, np.float64)
    typical = float(np.median(n))
    alike = typical * WEIGHTS / (1 - WEIGHTS)
    a = (PLACES[:, None] * alike[None, :]).ravel()
    b = ((1 - PLACES)[:, None] * alike[None, :]).ravel()
    evidence = (betaln(a + k[:, None], b + (n - k)[:, None]) - betaln(a, b)).sum(axis=0)
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    whole = a + b + n[:, None]
    means = (a + k[:, None]) / whole
    mean = means @ weight
    variance = (means * (1 - means) / (whole + 1)) @ weight + ((means - mean[:, None]) ** 2) @ weight
    size = mean * (1 - mean) / variance - 1
    low, high = (betaincinv(mean * size, (1 - mean) * size, tail) for tail in (0.025, 0.975))
    return Shrunk(mean, low, high)


def shrunk_means(values: ArrayLike, errors: ArrayLike) -> Shrunk:
    """Means of slices with their standard errors, normal; each error is above 0.

    The posterior of a mean, mixed over the grid, is told by the normal distribution of its mean and variance.
    """
    y, variance = np.asarray(values, np.float64), np.asarray(errors, np.float64) ** 2
    typical = 1 / float(np.mean(1 / variance))
    between = typical * (1 - WEIGHTS) / WEIGHTS
    precision = 1 / (variance[:, None] + between)
    centre = (precision * y[:, None]).sum(axis=0) / precision.sum(axis=0)
    fit = ((y[:, None] - centre) ** 2 * precision).sum(axis=0)
    evidence = 0.5 * (np.log(precision).sum(axis=0) - np.log(precision.sum(axis=0)) - fit)
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    pull = variance[:, None] * precision
    means = (1 - pull) * y[:, None] + pull * centre
    mean = means @ weight
    within = variance[:, None] * (1 - pull) + pull**2 / precision.sum(axis=0)
    spread = np.sqrt(within @ weight + ((means - mean[:, None]) ** 2) @ weight)
    return Shrunk(mean, mean - Z_95 * spread, mean + Z_95 * spread)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values: of those below a limit, a share of at most the limit is wrong (Benjamini, Hochberg, 1995).

    NaN stays NaN and is no test.
    """
    p = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    adjusted = np.full(len(p), np.nan)
    order = known[np.argsort(-p[known], kind="stable")]
    ranks = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(order) / ranks))
    return adjusted
