"""One training from pairs to a model with its evaluation, or the reason why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.bradley_terry import Fitted, Training, fit, learnable, scale_of
from evalloop_assets.reward_model.calibration import Anchors, Mix, assemble
from evalloop_assets.reward_model.directions import Labelled, directions
from evalloop_assets.reward_model.evaluation import Reading, evaluate
from evalloop_assets.reward_model.incomparable import without_incomparable
from evalloop_assets.reward_model.model import HORIZONS, RewardModel
from evalloop_assets.reward_model.pairs import Pairs, Split, is_fitted, last_fitted_day, split_by_user


class Skipped(NamedTuple):
    """No model was trained; the champion stays."""

    reason: str


class Trained(NamedTuple):
    """A model with what is known about it."""

    model: RewardModel
    readings: list[Reading]
    """On held-out users only."""
    split: Split
    replies: Labelled | None
    """Those that were learned from."""
    fitted: Fitted
    length_coefficients: dict[str, float]
    """Per learned horizon: how much the labels go by length, which the reward does not."""
    direction_coefficients: dict[str, float]
    """Per learned horizon: how much the fit goes by what labels of single replies say; 0 where there were none."""
    incomparable: int
    """Directions of texts that no pair compares, which are worth nothing (`incomparable.py`)."""


def train(
    pairs: Pairs,
    anchors: Anchors,
    training: Training,
    mix: Mix,
    encoder: str,
    trained_through: str,
    checkpoints: Path | None = None,
    replies: Labelled | None = None,
) -> Trained | Skipped:
    """Fits on most users, calibrates on some, evaluates on the held-out ones.

    Of labelled `replies`, those of the fitted users and days say where the fit looks first (`directions.py`), and what
    no pair compares, which is to be worth nothing (`incomparable.py`).

    Skipped where there are no pairs, where every label is a tie or censored, or where there are too few of the others.
    """
    split = split_by_user(pairs)
    reason = _no_training(pairs, split, anchors, training, mix)
    if reason:
        return Skipped(reason)
    taught = None if replies is None else _fitted_on(replies, pairs)
    fitted, apart = taught_fit(split.fit, split.tune, training, taught, checkpoints)
    model = assemble(fitted, split.tune, anchors, mix, encoder, trained_through)
    length = _by_horizon(fitted, fitted.length)
    along = {} if taught is None else _by_horizon(fitted, fitted.along[:, 0])
    return Trained(model, evaluate(model, split.held_out), split, taught, fitted, length, along, apart)


def taught_fit(
    pairs: Pairs, tune: Pairs, training: Training, replies: Labelled | None, checkpoints: Path | None = None
) -> tuple[Fitted, int]:
    """The fit (`bradley_terry.fit`) with what labelled replies, if any, say of it: where it looks first, and how many
    directions are worth nothing because its pairs do not compare them.
    """
    if replies is None:
        return fit(pairs, tune, training, checkpoints), 0
    fitted = fit(pairs, tune, training, checkpoints, directions(replies, scale_of(pairs.difference)))
    labelled = np.isfinite(pairs.targets).any(axis=1)
    return without_incomparable(fitted, pairs.difference[labelled], replies)


def _by_horizon(fitted: Fitted, values: NDArray[np.float64]) -> dict[str, float]:
    return {horizon: float(values[at]) for at, horizon in enumerate(HORIZONS) if fitted.learned[at]}


def _fitted_on(replies: Labelled, pairs: Pairs) -> Labelled:
    """Those of the users and days on which the pairs are fitted."""
    return replies.where(is_fitted(replies.users.tolist()) & (replies.days <= last_fitted_day(pairs.days)))


def _no_training(pairs: Pairs, split: Split, anchors: Anchors, training: Training, mix: Mix) -> str:
    if not len(pairs.ids):
        return "no pairs in the window"
    if not pairs.decided.any():
        return f"all labels of {len(pairs.ids)} pairs are ties or censored"
    enough = learnable(split.fit, training.min_labels)
    if not any(enough):
        most = int(split.fit.decided.sum(axis=0).max())
        return f"at most {most} decided labels of one horizon among the fitted users, {training.min_labels} are needed"
    if not any(enough[at] and mix.horizons[horizon] > 0 for at, horizon in enumerate(HORIZONS)):
        return "every horizon with enough labels has weight 0 in the settings"
    if len(anchors.features) < 2:
        return "fewer than two replies to standardise on"
    return ""
