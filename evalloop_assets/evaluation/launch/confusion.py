"""What a confusion matrix says: precision, recall, F1, their averages, kappa and Matthews, each with its interval.

Given how often a class was predicted, its precision is a binomial share; given how often it is true, so is its
recall; F1 = 2J/(1 + J) rises with J = TP/(TP + FP + FN), a binomial share of the rows in which the class is true or
predicted. So all three have Wilson's interval, F1 that of J carried over. Averages over classes that weigh the same
take their intervals from those of the classes; what mixes all cells (weighted averages, kappa, Matthews) takes it
from the delta method on the matrix with z² rows more, half of them right, as Agresti and Coull (1998) do for a share:
a matrix without an error is no proof that there will be none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.launch.figures import Z_95, Figure, mean_of, share, unknown

Cells = NDArray[np.float64]
"""(classes, classes), rows the truth, columns the prediction."""

NEVER_PREDICTED, NEVER_TRUE = "the class was never predicted", "the class never occurs in the truth"
ONE_CLASS = "there is one class only"


class ClassFigures(NamedTuple):
    """One class against all others."""

    precision: Figure
    recall: Figure
    f1: Figure
    support: int
    """Rows whose true label it is."""
    predicted: int


class Averages(NamedTuple):
    """Over the classes of which each is known."""

    precision: Figure
    recall: Figure
    f1: Figure


def class_figures(counts: NDArray[np.int64]) -> list[ClassFigures]:
    """Of each class, in the order of the matrix."""
    right, true, predicted = counts.diagonal().tolist(), counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    return [
        ClassFigures(
            precision=share(hits, named, NEVER_PREDICTED),
            recall=share(hits, support, NEVER_TRUE),
            f1=_f1(share(hits, support + named - hits, "the class never occurs")),
            support=support,
            predicted=named,
        )
        for hits, support, named in zip(right, true, predicted, strict=True)
    ]


def accuracy(counts: NDArray[np.int64]) -> Figure:
    return share(int(counts.trace()), int(counts.sum()))


def macro(counts: NDArray[np.int64], classes: list[ClassFigures]) -> Averages:
    """Every class weighs the same. A class of which a figure is unknown is left out of that figure's average."""
    n = int(counts.sum())
    precisions = [one.precision for one in classes if one.precision.known]
    recalls = [one.recall for one in classes if one.recall.known]
    place = [number for number, one in enumerate(classes) if one.f1.known]
    form = _correlation_of_f1(counts)[np.ix_(place, place)]
    return Averages(
        _average(mean_of(precisions), n),
        _average(mean_of(recalls), n),
        _average(mean_of([classes[number].f1 for number in place], form), n),
    )


def weighted(counts: NDArray[np.int64]) -> Averages:
    """Every class weighs as often as it is true; the weighted recall is the accuracy."""
    found = accuracy(counts)
    if counts.shape[0] == 1:
        return Averages(found, found, found)
    known = counts.sum(axis=0) > 0
    precision = unknown("a class that is true was never predicted", found.n)
    if known[counts.sum(axis=1) > 0].all():
        precision = _delta(counts, _weighted_precision)
    return Averages(precision, found, _delta(counts, _weighted_f1))


def kappa(counts: NDArray[np.int64]) -> Figure:
    """Cohen's kappa: agreement beyond that of the margins."""
    n = int(counts.sum())
    if (counts.sum(axis=1) == n).any() and (counts.sum(axis=0) == n).any():
        return unknown(ONE_CLASS, n)
    return _delta(counts, _kappa, -1.0)


def matthews(counts: NDArray[np.int64]) -> Figure:
    """Matthews' correlation of truth and prediction, for several classes as Gorodkin (2004) has it."""
    n = int(counts.sum())
    if (counts.sum(axis=1) == n).any():
        return unknown("one class only is true", n)
    if (counts.sum(axis=0) == n).any():
        return unknown("one class only was predicted", n)
    return _delta(counts, _matthews, -1.0)


def _average(found: tuple[float, float, float], n: int) -> Figure:
    value, low, high = found
    return Figure(value, max(0.0, low), min(1.0, high), n)


def _f1(jaccard: Figure) -> Figure:
    value, low, high = (2 * one / (1 + one) for one in jaccard[:3])
    return jaccard._replace(value=value, low=low, high=high)


def _correlation_of_f1(counts: NDArray[np.int64]) -> Cells:
    """Of the estimates of F1, by the delta method: two classes move together where they are taken for one another."""
    p = counts / counts.sum()
    right, both = p.diagonal(), _safe(p.sum(axis=1) + p.sum(axis=0))
    missed, hit = 2 * right / both**2, 2 / both - 4 * right / both**2
    covariance = np.outer(missed, missed) * (p + p.T)
    wrong = p.sum(axis=1) + p.sum(axis=0) - 2 * right
    variance = missed**2 * wrong + hit**2 * right
    scale = np.sqrt(np.outer(variance, variance))
    found: Cells = np.divide(covariance, scale, out=np.zeros_like(p), where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return found


class _Slope(NamedTuple):
    value: float
    cells: Cells
    """Derivative by the share of each cell."""


def _delta(counts: NDArray[np.int64], figure: Callable[[Cells], _Slope], least: float = 0.0) -> Figure:
    n = int(counts.sum())
    value = figure(counts / n).value
    filled = _filled(counts)
    whole = filled.sum()
    centre, slopes = figure(filled / whole)
    p = filled / whole
    mean = float((p * slopes).sum())
    half = Z_95 * float(np.sqrt(max(0.0, (p * slopes**2).sum() - mean**2) / whole))
    return Figure(value, max(least, min(value, centre - half)), min(1.0, max(value, centre + half)), n)


def _filled(counts: NDArray[np.int64]) -> Cells:
    """The matrix with z² rows more, half of them right, spread as the classes occur."""
    n = counts.sum()
    occurs = (counts.sum(axis=1) + counts.sum(axis=0)) / (2 * n)
    wrong = np.outer(occurs, occurs)
    np.fill_diagonal(wrong, 0.0)
    found: Cells = counts + Z_95**2 / 2 * (np.diag(occurs) + wrong / wrong.sum())
    return found


def _weighted_precision(p: Cells) -> _Slope:
    true, predicted, right = p.sum(axis=1), _safe(p.sum(axis=0)), p.diagonal()
    precision = right / predicted
    slopes = precision[:, None] - (true * right / predicted**2)[None, :] + np.diag(true / predicted)
    return _Slope(float(true @ precision), slopes)


def _weighted_f1(p: Cells) -> _Slope:
    true, right = p.sum(axis=1), p.diagonal()
    both = _safe(true + p.sum(axis=0))
    f1, loss = 2 * right / both, 2 * true * right / both**2
    return _Slope(float(true @ f1), (f1 - loss)[:, None] - loss[None, :] + np.diag(2 * true / both))


def _kappa(p: Cells) -> _Slope:
    true, predicted, agreed = p.sum(axis=1), p.sum(axis=0), float(p.trace())
    beyond = 1 - float(true @ predicted)
    chance = predicted[:, None] + true[None, :]
    slopes = (np.eye(len(p)) * beyond - (1 - agreed) * chance) / beyond**2
    return _Slope(1 - (1 - agreed) / beyond, slopes)


def _matthews(p: Cells) -> _Slope:
    true, predicted = p.sum(axis=1), p.sum(axis=0)
    together = float(p.trace() - true @ predicted)
    left, right = 1 - float(true @ true), 1 - float(predicted @ predicted)
    scale = np.sqrt(left * right)
    slopes = np.eye(len(p)) - predicted[:, None] - true[None, :]
    slopes = slopes + together * (true[:, None] / left + predicted[None, :] / right)
    return _Slope(together / scale, slopes / scale)


def _safe(sums: Cells) -> Cells:
    return np.where(sums > 0, sums, 1.0)
