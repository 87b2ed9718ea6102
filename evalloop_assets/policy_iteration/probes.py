"""What replies of a candidate are like beside those of the model that it comes from, on the same held-out prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalloop_assets.policy_iteration.manner import Manner, MannerLimits, broken_manners, manner_of
from evalloop_assets.policy_iteration.safety import SafetyWords
from evalloop_assets.policy_iteration.validity import known_trigrams
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users

if TYPE_CHECKING:
    from evalloop_assets.settings import PolicySettings


class Speech(NamedTuple):
    """One reply to each held-out prompt."""

    replies: Sequence[str]
    rewards: ArrayLike
    """[prompts], in anchor standard deviations; NaN where there is nothing to judge."""


class Limits(NamedTuple):
    """What a candidate must keep to."""

    least_gain: float
    """The lower bound of the reward gain must exceed it, in anchor standard deviations."""
    kl: float
    """Most nats a token by which trained weights may differ from their base."""
    manner: MannerLimits

    @classmethod
    def of(cls, options: PolicySettings) -> Limits:
        """As the settings say."""
        return cls(
            options.min_reward_gain,
            options.max_kl,
            MannerLimits(
                length_ratio=options.max_length_ratio,
                repetition_gain=options.max_repetition_gain,
                variety_loss=options.max_variety_loss,
                validity_loss=options.max_validity_loss,
                novelty_gain=options.max_novelty_gain,
            ),
        )


class Probed(NamedTuple):
    """A candidate against its reference."""

    gain: Estimate
    """Reward of its reply less the reference's, in anchor standard deviations, clustered by user. A reply that cannot
    be judged counts as the worst reward of both."""
    kl: float | None
    """Mean log-probability of its own replies less that under the base weights, nats a token; None for no weights."""
    manner: Manner
    reference: Manner


def probed(
    users: Sequence[str],
    locales: Sequence[str],
    candidate: Speech,
    reference: Speech,
    logged: Sequence[str],
    words: SafetyWords,
    kl: float | None = None,
) -> Probed:
    """Compares two models on the same prompts; `users` wrote them, `logged` are replies shown before."""
    ours, theirs = np.asarray(candidate.rewards, np.float64), np.asarray(reference.rewards, np.float64)
    both = np.concatenate([ours, theirs])
    worst = np.nanmin(both) if np.isfinite(both).any() else 0.0
    gains = np.where(np.isnan(ours), worst, ours) - np.where(np.isnan(theirs), worst, theirs)
    known = known_trigrams(logged)
    return Probed(
        gain=mean_over_users(gains, users),
        kl=kl,
        manner=manner_of(candidate.replies, locales, words, known),
        reference=manner_of(reference.replies, locales, words, known),
    )


def broken_limits(found: Probed, limits: Limits) -> list[str]:
    """Every limit that a candidate breaks, in plain words; empty where it breaks none. A figure that is NaN breaks."""
    broken = unsure_gain(found.gain, limits.least_gain)
    if found.kl is not None and not found.kl <= limits.kl:
        broken.append(f"{found.kl:.2f} nats a token from the base weights, the limit is {limits.kl:g}")
    return [*broken, *broken_manners(found.manner, found.reference, limits.manner)]


def unsure_gain(gain: Estimate, least: float) -> list[str]:
    """Why a gain does not count; empty where its lower bound is above the least one."""
    if gain.low > least:
        return []
    return [f"reward gain {gain.value:.3f} is not surely above {least:g} (low {gain.low:.3f})"]
