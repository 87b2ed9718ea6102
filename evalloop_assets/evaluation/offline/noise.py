"""What the models are truly worth, offline and online, given estimates of either with their errors.

The true pairs (x, y) of the models are normal with unknown means, spreads and correlation, and an estimate adds an
error of known size. Spreads and correlation have flat priors on a grid, the means flat ones and are integrated out.
Draws from the posterior order the models anew: their rank correlation is that of the true values, where that of the
estimates is pulled towards zero by the noise, and that of a bootstrap of these further still. Up to the grid this is
the normal-normal hierarchical model of Gelman et al., Bayesian Data Analysis, section 5.4, for two outcomes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalloop_assets.evaluation.offline.scores import Floats, Scores

CORRELATIONS = np.linspace(-0.98, 0.98, 29)
SPREADS = np.linspace(0.05, 2.0, 12)
"""Of true values, in standard deviations of the estimates."""
LEAST = 1e-9
"""Variance that stands for none, in squared standard deviations of the estimates."""


class Drawn(NamedTuple):
    """Draws from the posterior."""

    offline: Floats
    """(draws, models), standardised."""
    online: Floats
    """(draws, models), standardised."""
    correlation: Floats
    """(draws,) of the models at large, of which these are a sample: what a further model would follow."""


def true_values(offline: Scores, online: Scores, draws: int, rng: np.random.Generator) -> Drawn:
    """Both for the same models in the same order, three or more, with values that vary.

    An unknown standard error counts as none.
    """
    (x, error_x), (y, error_y) = (_standardised(scores) for scores in (offline, online))
    correlation, spread_x, spread_y = (
        grid.ravel()[:, None] for grid in np.meshgrid(CORRELATIONS, SPREADS, SPREADS, indexing="ij")
    )
    true_xx, true_yy, true_xy = spread_x**2, spread_y**2, correlation * spread_x * spread_y
    seen_xx, seen_yy = true_xx + error_x + LEAST, true_yy + error_y + LEAST
    determinant = seen_xx * seen_yy - true_xy**2
    p_xx, p_yy, p_xy = seen_yy / determinant, seen_xx / determinant, -true_xy / determinant
    sum_xx, sum_yy, sum_xy = (part.sum(axis=1) for part in (p_xx, p_yy, p_xy))
    pull_x, pull_y = (p_xx * x + p_xy * y).sum(axis=1), (p_xy * x + p_yy * y).sum(axis=1)
    whole = sum_xx * sum_yy - sum_xy**2
    mean_x, mean_y = (sum_yy * pull_x - sum_xy * pull_y) / whole, (sum_xx * pull_y - sum_xy * pull_x) / whole
    square = (p_xx * x * x + 2 * p_xy * x * y + p_yy * y * y).sum(axis=1) - mean_x * pull_x - mean_y * pull_y
    log_weight = -0.5 * (np.log(determinant).sum(axis=1) + np.log(whole) + square)
    weight = np.exp(log_weight - log_weight.max())
    at = rng.choice(len(weight), draws, p=weight / weight.sum())

    centre_x, centre_y = _pair(mean_x[at], mean_y[at], sum_yy[at], sum_xx[at], -sum_xy[at], whole[at], rng)
    off_x, off_y = x - centre_x[:, None], y - centre_y[:, None]
    left_x, left_y = p_xx[at] * off_x + p_xy[at] * off_y, p_xy[at] * off_x + p_yy[at] * off_y
    expected_x = centre_x[:, None] + true_xx[at] * left_x + true_xy[at] * left_y
    expected_y = centre_y[:, None] + true_xy[at] * left_x + true_yy[at] * left_y
    # The true values given the estimates have the precision of the errors and of the models at large added up.
    apart = true_xx[at] * true_yy[at] * (1 - correlation[at] ** 2)
    given_xx = true_yy[at] / apart + 1 / (error_x + LEAST)
    given_yy = true_xx[at] / apart + 1 / (error_y + LEAST)
    given_xy = -true_xy[at] / apart
    drawn_x, drawn_y = _pair(
        expected_x, expected_y, given_yy, given_xx, -given_xy, given_xx * given_yy - given_xy**2, rng
    )
    return Drawn(drawn_x, drawn_y, correlation[at, 0])


def reliability(scores: Scores) -> float:
    """Share of the variance between the models that is no error of measurement, in [0, 1]; NaN without any error known.

    A correlation of the scores is pulled towards zero by the root of it, on either side.
    """
    variance = float(scores.value.var(ddof=1))
    known = scores.se[np.isfinite(scores.se)]
    if variance <= 0 or not len(known):
        return float("nan")
    return float(np.clip(1 - (known**2).mean() / variance, 0, 1))


def _standardised(scores: Scores) -> tuple[Floats, Floats]:
    """Values less their mean by their standard deviation, and the errors' variances in that unit."""
    spread = float(scores.value.std(ddof=1))
    return (scores.value - scores.value.mean()) / spread, (np.nan_to_num(scores.se, nan=0.0) / spread) ** 2


def _pair(
    mean_x: Floats, mean_y: Floats, xx: Floats, yy: Floats, xy: Floats, by: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """A normal pair with these means and the covariance (xx, yy, xy) / by."""
    root = np.sqrt(xx / by)
    slope = xy / xx
    rest = np.sqrt(np.maximum(yy / by - slope**2 * xx / by, 0.0))
    first, second = rng.standard_normal(mean_x.shape), rng.standard_normal(mean_x.shape)
    return mean_x + root * first, mean_y + slope * root * first + rest * second
