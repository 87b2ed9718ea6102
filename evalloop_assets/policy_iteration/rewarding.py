"""The one place where this stage asks what a reply is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import find_encoder
from evalloop_assets.reward_model.gated import Gate, gated_rewards
from evalloop_assets.reward_model.going_on import LastRead, Readers
from evalloop_assets.reward_model.history import History
from evalloop_assets.reward_model.model import RewardModel
from evalloop_assets.reward_model.registry import load_version

if TYPE_CHECKING:
    from evalloop_assets.settings import Settings


class Rewards(Protocol):
    """What replies are worth."""

    def __call__(
        self, messages: Sequence[str], replies: Sequence[str], histories: Sequence[History] | None = None
    ) -> NDArray[np.float64]:
        """The reward of a reply to each message in anchor standard deviations, float64 [n]; NaN where it is blank.

        Without histories each reply stands at the start of its conversation.
        """


def gated_by(model: RewardModel, at: Gate) -> Rewards:
    """What the model says, behind the gate; from call to call conversations may go on."""
    encoder, readers = LastRead(find_encoder(model.config.encoder)), Readers(at.novelty_tau)

    def rewards(
        messages: Sequence[str], replies: Sequence[str], histories: Sequence[History] | None = None
    ) -> NDArray[np.float64]:
        return gated_rewards(model, messages, replies, histories, at=at, encoder=encoder, readers=readers).reward

    return rewards


def rewards_of(settings: Settings, reward_version: str) -> Rewards:
    """Those of a registered version, behind the gate of the settings; UserError where it is not registered."""
    return gated_by(load_version(settings, reward_version), Gate.of(settings.reward))
