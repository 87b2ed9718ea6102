"""The offline gate of a best-of-n candidate: what it would gain, how long and repetitive it would be, who vouches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalloop_assets.policy_iteration.best_of_n import choice_weights
from evalloop_assets.policy_iteration.repetition import repeated_share
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users


class Group(NamedTuple):
    """Replies of the base model that could have answered one prompt."""

    user_id: str
    """Who wrote the prompt."""
    replies: tuple[str, ...]
    rewards: tuple[float, ...]
    """By the reward model that the candidate chooses with; NaN where there is nothing to judge."""


class Limits(NamedTuple):
    """What a candidate must keep to."""

    least_gain: float
    """The lower bound of the reward gain must exceed it, in anchor standard deviations."""
    length_ratio: float
    """Longer than this, or shorter than its inverse, is refused."""
    repetition_gain: float
    """Most by which the repeated share may rise."""


class Screening(NamedTuple):
    """What the candidate would do, and the verdict."""

    gain: Estimate
    """Expected reward of its choice less that of one draw, in anchor standard deviations, clustered by user."""
    length_ratio: float
    """Expected length of its choice over that of one draw."""
    repetition_gain: float
    """Repeated share of its choice less that of one draw."""
    broken: list[str]
    """Every limit that was broken, in plain words."""

    @property
    def passed(self) -> bool:
        return not self.broken


def screen(groups: Sequence[Group], n: int, accuracy_low: float | None, limits: Limits) -> Screening:
    """Judges best-of-n on logged groups; one smaller than n counts as the best of all it has: an understatement.

    `accuracy_low` is the lower bound of the reward model's held-out accuracy: a choice by a model that is no better
    than chance gains nothing, whatever that model says, so without a bound above 0.5 the candidate is refused.
    """
    gains, users = [], []
    lengths, repeats = np.zeros(2), np.zeros(2)
    for group in groups:
        judged = [
            (reply, reward) for reply, reward in zip(group.replies, group.rewards, strict=True) if reward == reward
        ]
        if len(judged) < 2:
            continue
        rewards = np.array([reward for _, reward in judged])
        weights = choice_weights(rewards, min(n, len(judged)))
        gains.append(float(weights @ rewards - rewards.mean()))
        users.append(group.user_id)
        length = np.array([len(reply) for reply, _ in judged], np.float64)
        repeated = np.array([repeated_share(reply) for reply, _ in judged])
        lengths += weights @ length, length.mean()
        repeats += weights @ repeated, repeated.mean()
    gain = mean_over_users(gains, users)
    if not gains:
        return Screening(gain, float("nan"), float("nan"), ["no logged prompt has two replies to choose from"])
    ratio = float(lengths[0] / lengths[1])
    repetition = float(repeats[0] - repeats[1]) / len(gains)
    broken = distrusted(accuracy_low)
    if not gain.low > limits.least_gain:
        broken.append(f"reward gain {gain.value:.3f} is not surely above {limits.least_gain:g} (low {gain.low:.3f})")
    if not 1 / limits.length_ratio <= ratio <= limits.length_ratio:
        broken.append(f"replies {ratio:.2f} times as long, the limit is {limits.length_ratio:g} either way")
    if repetition > limits.repetition_gain:
        broken.append(f"repeated share up by {repetition:.3f}, the limit is {limits.repetition_gain:g}")
    return Screening(gain, ratio, repetition, broken)


def distrusted(accuracy_low: float | None) -> list[str]:
    """Why the reward model's opinion counts for nothing; empty where its accuracy is surely above a coin's."""
    if accuracy_low is not None and accuracy_low > 0.5:
        return []
    told = "is unknown" if accuracy_low is None else f"may be {accuracy_low:.3f}"
    return [f"the reward model's held-out accuracy {told}, above 0.5 is needed"]
