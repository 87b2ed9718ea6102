"""Confidence that means what it says: fitted on people's verdicts, each item by a fit that has not seen it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from evalloop_assets.evaluation.judges.estimate import Estimate, Floats, unknown

FOLDS = 5
LEAST_ITEMS = 50
"""Items with people's verdict below which no confidence is calibrated."""
ISOTONIC_ITEMS = 1_000
"""Items from which on the fit is isotonic; below, Platt's two parameters (Niculescu-Mizil and Caruana 2005)."""
BINS = 10
SAMPLES = 500
EPSILON = 1e-6

Curve = Callable[[Floats], Floats]


def fold_of(item_ids: Iterable[str], folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """The fold of each item, by its id alone, so that it stays in it whatever else is there."""
    return np.array([int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % folds for name in item_ids], dtype=int)


def calibrated(confidence: Floats, correct: Floats, fold: npt.NDArray[np.int64]) -> Floats:
    """Calibrated confidence of each item: out of fold where `correct` is known (0 or 1), else by the mean of all fits.

    `correct` is NaN where people have not said. NaN throughout with fewer than 50 known items, or where all of them
    are right or all wrong.
    """
    known = ~np.isnan(correct)
    if known.sum() < LEAST_ITEMS or len(set(correct[known])) < 2:
        return np.full(len(confidence), np.nan)
    found, curves = np.empty(len(confidence)), []
    for part in sorted(set(fold)):
        train = known & (fold != part)
        curve = fitted(confidence[train], correct[train])
        curves.append(curve)
        held = known & (fold == part)
        found[held] = curve(confidence[held])
    if known.all():
        return found
    found[~known] = np.mean([curve(confidence[~known]) for curve in curves], axis=0)
    return found


def fitted(confidence: Floats, correct: Floats) -> Curve:
    """Share that is right as a function of the confidence: isotonic on many items, Platt's on fewer."""
    if len(confidence) >= ISOTONIC_ITEMS:
        x, y = isotonic(confidence, correct)
        return lambda asked: np.interp(asked, x, y)
    slope, offset = platt(confidence, correct)
    return lambda asked: _sigmoid(slope * _logit(asked) + offset)


def isotonic(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Steps of the least squares fit of y that never falls with x (pool adjacent violators): x and value at each."""
    levels, place = np.unique(x, return_inverse=True)
    weight = np.bincount(place).astype(float)
    value = np.bincount(place, weights=y) / weight
    blocks: list[list[float]] = []
    for mean, mass in zip(value, weight, strict=True):
        blocks.append([float(mean), float(mass), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            last, before = blocks.pop(), blocks.pop()
            mass_of_both = last[1] + before[1]
            blocks.append(
                [(last[0] * last[1] + before[0] * before[1]) / mass_of_both, mass_of_both, last[2] + before[2]]
            )
    return levels, np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])


def platt(confidence: Floats, correct: Floats) -> tuple[float, float]:
    """Slope and offset of the logit of being right on the logit of the confidence.

    Targets are Platt's (1999), one item of each kind short of certainty, so that separable items give finite figures;
    the slope is not below 0.
    """
    right = float(correct.sum())
    target = np.where(correct > 0, (right + 1) / (right + 2), 1 / (len(correct) - right + 2))
    design = np.column_stack([_logit(confidence), np.ones(len(confidence))])
    weights = np.zeros(2)
    for _ in range(100):
        share = _sigmoid(design @ weights)
        spread = np.maximum(share * (1 - share), 1e-9)
        hessian = (design * spread[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - share) - 1e-6 * weights)
        weights = weights + np.clip(step, -4, 4)
        if float(np.abs(step).max()) < 1e-9:
            break
    if weights[0] >= 0:
        return float(weights[0]), float(weights[1])
    return 0.0, float(_logit(np.array([target.mean()]))[0])


def expected_calibration_error(confidence: Floats, correct: Floats, seed: int, bins: int = BINS) -> Estimate:
    """Mean distance between confidence and share that is right, over bins of equally many items.

    Its bounds are those of a bootstrap of the items, moved by the bias that the bootstrap shows: with few items a
    perfectly calibrated confidence has an error above 0 by chance.
    """
    if len(confidence) < LEAST_ITEMS:
        return unknown(f"fewer than {LEAST_ITEMS} items with confidence and people's verdict", len(confidence))
    value = _binned_error(confidence, correct, bins)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(confidence), (SAMPLES, len(confidence)))
    again = np.array([_binned_error(confidence[draw], correct[draw], bins) for draw in draws])
    bias = float(again.mean()) - value
    low, high = np.quantile(again, [0.025, 0.975]) - 2 * bias
    return Estimate(value, max(0.0, min(float(low), value)), max(float(high), value), len(confidence))


def _binned_error(confidence: Floats, correct: Floats, bins: int) -> float:
    order = np.argsort(confidence, kind="stable")
    gap = (confidence - correct)[order]
    return float(sum(abs(part.sum()) for part in np.array_split(gap, bins)) / len(gap))


def _logit(share: Floats) -> Floats:
    clipped = np.clip(share, EPSILON, 1 - EPSILON)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))
