"""The offline gate of a best-of-n candidate: what it would gain, how it would speak, who vouches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalloop_assets.policy_iteration.best_of_n import choice_weights
from evalloop_assets.policy_iteration.manner import Manner, broken_manners, manner_of
from evalloop_assets.policy_iteration.probes import Limits, unsure_gain
from evalloop_assets.policy_iteration.safety import SafetyWords
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users


class Group(NamedTuple):
    """Replies of the base model that could have answered one prompt."""

    user_id: str
    """Who wrote the prompt."""
    replies: tuple[str, ...]
    rewards: tuple[float, ...]
    """By the reward model that the candidate chooses with; NaN where there is nothing to judge."""
    locale: str = ""
    """BCP 47; empty where it is unknown."""


class Screening(NamedTuple):
    """What the candidate would do, and the verdict."""

    gain: Estimate
    """Expected reward of its choice less that of one draw, in anchor standard deviations, clustered by user."""
    manner: Manner
    """Of its choice, in expectation."""
    reference: Manner
    """Of one draw."""
    broken: list[str]
    """Every limit that was broken, in plain words."""

    @property
    def passed(self) -> bool:
        return not self.broken


def screen(
    groups: Sequence[Group], n: int, accuracy_low: float | None, limits: Limits, words: SafetyWords
) -> Screening:
    """Judges best-of-n on logged groups; one smaller than n counts as the best of all it has: an understatement.

    `accuracy_low` is the lower bound of the reward model's held-out accuracy: a choice by a model that is no better
    than chance gains nothing, whatever that model says, so without a bound above 0.5 the candidate is refused. Novelty
    and variety are the base's own, since every choice is one of its replies.
    """
    gains, users = [], []
    replies: list[str] = []
    locales: list[str] = []
    chances, shares = [np.zeros(0)], [np.zeros(0)]
    for group in groups:
        judged = [
            (reply, reward) for reply, reward in zip(group.replies, group.rewards, strict=True) if reward == reward
        ]
        if len(judged) < 2:
            continue
        rewards = np.array([reward for _, reward in judged])
        chances.append(choice_weights(rewards, min(n, len(judged))))
        shares.append(np.full(len(judged), 1 / len(judged)))
        gains.append(float(chances[-1] @ rewards - rewards.mean()))
        users.append(group.user_id)
        replies += [reply for reply, _ in judged]
        locales += [group.locale] * len(judged)
    gain = mean_over_users(gains, users)
    chosen = manner_of(replies, locales, words, weights=np.concatenate(chances))
    drawn = manner_of(replies, locales, words, weights=np.concatenate(shares))
    if not gains:
        return Screening(gain, chosen, drawn, ["no logged prompt of a held-out user has two replies to choose from"])
    broken = [
        *distrusted(accuracy_low),
        *unsure_gain(gain, limits.least_gain),
        *broken_manners(chosen, drawn, limits.manner),
    ]
    return Screening(gain, chosen, drawn, broken)


def distrusted(accuracy_low: float | None) -> list[str]:
    """Why the reward model's opinion counts for nothing; empty where its accuracy is surely above a coin's."""
    if accuracy_low is not None and accuracy_low > 0.5:
        return []
    told = "is unknown" if accuracy_low is None else f"may be {accuracy_low:.3f}"
    return [f"the reward model's held-out accuracy {told}, above 0.5 is needed"]
