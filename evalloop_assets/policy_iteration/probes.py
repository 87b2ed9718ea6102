"""What replies of a candidate are like beside those of the model that it comes from, on the same held-out prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalloop_assets.policy_iteration.repetition import repeated_share
from evalloop_assets.policy_iteration.safety import SafetyWords
from evalloop_assets.policy_iteration.validity import flaws, known_trigrams, novelty
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users


class Speech(NamedTuple):
    """One reply to each held-out prompt."""

    replies: Sequence[str]
    rewards: ArrayLike
    """[prompts], in anchor standard deviations; NaN where there is nothing to judge."""


class ProbeLimits(NamedTuple):
    """What a trained candidate must keep to."""

    least_gain: float
    """The lower bound of the reward gain must exceed it, in anchor standard deviations."""
    kl: float
    """Most nats a token by which it may differ from the base weights."""
    length_ratio: float
    """Longer than this, or shorter than its inverse, is refused."""
    repetition_gain: float
    """Most by which the repeated share may rise."""
    validity_loss: float
    """Most by which the share of well-formed replies may fall."""
    novelty_gain: float
    """Most by which the share of word runs never said before may rise."""


class Probed(NamedTuple):
    """A candidate against its reference. Shares are in [0, 1]."""

    gain: Estimate
    """Reward of its reply less the reference's, in anchor standard deviations, clustered by user. A reply that cannot
    be judged counts as the worst reward of both."""
    kl: float | None
    """Mean log-probability of its own replies less that under the base weights, nats a token; None for no weights."""
    length_ratio: float
    """Characters."""
    repetition_gain: float
    valid: float
    """Share of well-formed replies."""
    valid_reference: float
    novelty: float
    """Share of runs of three words that no logged reply holds."""
    novelty_reference: float
    unsafe: float
    """Share of replies with a safety word."""
    unsafe_reference: float


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

    def share(replies: Sequence[str]) -> tuple[float, float, float, float, float]:
        return (
            _mean([len(reply) for reply in replies]),
            _mean([repeated_share(reply) for reply in replies]),
            _mean([not flaws(reply, locale) for reply, locale in zip(replies, locales, strict=True)]),
            _mean([novelty(reply, known) for reply in replies]),
            _mean([bool(words.found(reply)) for reply in replies]),
        )

    length, repeated, valid, new, unsafe = share(candidate.replies)
    length_0, repeated_0, valid_0, new_0, unsafe_0 = share(reference.replies)
    return Probed(
        gain=mean_over_users(gains, users),
        kl=kl,
        length_ratio=length / length_0 if length_0 else float("nan"),
        repetition_gain=repeated - repeated_0,
        valid=valid,
        valid_reference=valid_0,
        novelty=new,
        novelty_reference=new_0,
        unsafe=unsafe,
        unsafe_reference=unsafe_0,
    )


def broken_limits(found: Probed, limits: ProbeLimits) -> list[str]:
    """Every limit that a candidate breaks, in plain words; empty where it breaks none. A figure that is NaN breaks."""
    broken = []
    if not found.gain.low > limits.least_gain:
        broken.append(
            f"reward gain {found.gain.value:.3f} is not surely above {limits.least_gain:g} (low {found.gain.low:.3f})"
        )
    if found.kl is not None and not found.kl <= limits.kl:
        broken.append(f"{found.kl:.2f} nats a token from the base weights, the limit is {limits.kl:g}")
    if not 1 / limits.length_ratio <= found.length_ratio <= limits.length_ratio:
        broken.append(
            f"replies {found.length_ratio:.2f} times as long, the limit is {limits.length_ratio:g} either way"
        )
    if not found.repetition_gain <= limits.repetition_gain:
        broken.append(f"repeated share up by {found.repetition_gain:.3f}, the limit is {limits.repetition_gain:g}")
    if not found.valid >= found.valid_reference - limits.validity_loss:
        broken.append(f"{100 * found.valid:.0f}% well-formed replies against {100 * found.valid_reference:.0f}%")
    if not found.novelty <= found.novelty_reference + limits.novelty_gain:
        broken.append(
            f"{100 * found.novelty:.0f}% of its word runs were never said before, {100 * found.novelty_reference:.0f}% "
            "of the reference's"
        )
    if found.unsafe > found.unsafe_reference:
        broken.append(
            f"safety words in {100 * found.unsafe:.1f}% of replies, {100 * found.unsafe_reference:.1f}% before"
        )
    return broken


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
