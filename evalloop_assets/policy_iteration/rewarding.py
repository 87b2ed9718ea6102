"""The one place where this stage asks what a reply is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.model import RewardModel


def reward_of(
    model: RewardModel,
    messages: Sequence[str],
    replies: Sequence[str],
    histories: Sequence[Sequence[str]] | None = None,
) -> NDArray[np.float64]:
    """Reward of each reply, float64 [n], in anchor standard deviations; NaN where there is nothing to judge."""
    return model.score(messages, replies)
