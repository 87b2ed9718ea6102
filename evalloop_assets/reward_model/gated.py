"""The gate: time and preference earn a reward only once quality clears the bar (`design.md`, section 6).

    r = gate * max(r_temporal, 0) + min(r_temporal, 0),   gate = sigmoid((q - q0) / T) * penalty(a)

A closed gate withholds reward and never forgives a penalty, and r never falls as q rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalloop_assets.reward_model.encoder import Encoder
from evalloop_assets.reward_model.going_on import Readers
from evalloop_assets.reward_model.history import History

if TYPE_CHECKING:
    from evalloop_assets.settings import RewardSettings

Floats = NDArray[np.float64]

BLANK_REWARD = -5.0
"""What a blank reply gets where a number is needed: a policy that says nothing must lose."""


class Scores(Protocol):
    """A reward model, as far as the gate knows it (`model.RewardModel`)."""

    def score(
        self,
        user_texts: Sequence[str | None],
        replies: Sequence[str | None],
        encoder: Encoder | None = None,
        histories: Sequence[History] | None = None,
    ) -> Floats:
        """r_temporal per reply, float64 [n]; NaN where there is nothing to judge."""


class Gate(NamedTuple):
    """Where the gate stands."""

    threshold: float
    """q0: the quality at which half is let through."""
    temperature: float
    """T > 0: how much quality opens it."""
    novelty_tau: float
    """Seconds after which a phrase that was read counts 1/e."""

    @classmethod
    def of(cls, options: RewardSettings) -> Gate:
        """As the settings say."""
        return cls(options.quality_threshold, options.quality_temperature, options.novelty_hours * 3600.0)


class Gated(NamedTuple):
    """What replies are worth, float64 [n] each; NaN where a reply is missing or blank."""

    r_temporal: Floats
    q: Floats
    penalty: Floats
    gate: Floats
    reward: Floats


def gate(q: ArrayLike, penalty: ArrayLike, at: Gate) -> Floats:
    """sigmoid((q - q0) / T) * penalty, in [0, 1]."""
    opened = 0.5 * (1.0 + np.tanh(0.5 * (np.asarray(q, np.float64) - at.threshold) / at.temperature))
    return np.asarray(opened * np.asarray(penalty, np.float64), np.float64)


def gated(r_temporal: ArrayLike, gate: ArrayLike) -> Floats:
    """gate * max(r_temporal, 0) + min(r_temporal, 0); NaN where either is."""
    r = np.asarray(r_temporal, np.float64)
    return np.asarray(np.asarray(gate, np.float64) * np.maximum(r, 0.0) + np.minimum(r, 0.0), np.float64)


def through_gate(r_temporal: ArrayLike, q: ArrayLike, penalty: ArrayLike, at: Gate) -> Gated:
    """The gate over n replies; NaN where there was no text."""
    r, quality, discount = (np.asarray(one, np.float64) for one in (r_temporal, q, penalty))
    opened = gate(quality, discount, at)
    return Gated(r, quality, discount, opened, gated(r, opened))


def gated_rewards(
    model: Scores,
    messages: Sequence[str | None],
    replies: Sequence[str | None],
    histories: Sequence[History] | None = None,
    *,
    at: Gate,
    encoder: Encoder | None = None,
    readers: Readers | None = None,
) -> Gated:
    """What each reply would be worth as an answer to its message: what policies are chosen and trained by.

    Messages, replies and histories have one entry each a reply; ValueError where the lengths differ.
    `Gate.of(settings.reward)` is the gate of the settings. Whoever asks again as conversations go on gives a cache in
    front of the model's encoder and the readers of the last call.
    """
    if len(messages) != len(replies) or (histories is not None and len(histories) != len(replies)):
        raise ValueError(f"{len(messages)} messages, {len(replies)} replies: one of each is needed, and one history")
    read = (readers or Readers(at.novelty_tau, kept=0)).judged(messages, replies, histories)
    q = [np.nan if found is None else found.q for found in read]
    penalty = [np.nan if found is None else found.penalty.product for found in read]
    return through_gate(model.score(messages, replies, encoder, histories), q, penalty, at)
