"""How a training is set: from the settings to the values of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalloop_assets.reward_model.bradley_terry import Training
from evalloop_assets.reward_model.calibration import Mix
from evalloop_assets.reward_model.model import HORIZONS

if TYPE_CHECKING:
    from evalloop_assets.settings import RewardSettings


def training(options: RewardSettings) -> Training:
    return Training(
        epochs=options.epochs,
        penalty=options.penalty,
        tail_weight=options.tail_weight,
        min_labels=options.min_labels,
    )


def mix(options: RewardSettings) -> Mix:
    weights = {horizon: getattr(options, f"{horizon}_weight") for horizon in HORIZONS}
    return Mix(weights, options.alpha, options.beta)
