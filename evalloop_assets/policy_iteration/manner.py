"""How a model speaks, whatever its replies are worth: length, repetition, variety, form, novelty, safety."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalloop_assets.policy_iteration.repetition import repeated_share
from evalloop_assets.policy_iteration.safety import SafetyWords
from evalloop_assets.policy_iteration.validity import flaws, novelty, trigrams

ROUNDING = 1e-9
"""Of weighted means that are equal."""


class Manner(NamedTuple):
    """Means over replies; shares are in [0, 1]; NaN where there is no reply."""

    length: float
    """Characters."""
    repeated: float
    """Share of a reply's runs of four characters that occurred in it before."""
    variety: float
    """Share of all runs of three words that are different ones (distinct-3, Li et al., NAACL 2016). It falls with the
    number of replies: compare equally many."""
    valid: float
    """Share of well-formed replies."""
    novelty: float
    """Share of runs of three words that no known reply holds."""
    unsafe: float
    """Share of replies with a safety word."""


class MannerLimits(NamedTuple):
    """How far a candidate's manner may be from that of the model that it comes from."""

    length_ratio: float
    """Longer than this, or shorter than its inverse, is refused."""
    repetition_gain: float
    """Most by which the repeated share may rise."""
    variety_loss: float
    """Most by which the variety may fall, as a share of the reference's."""
    validity_loss: float
    """Most by which the share of well-formed replies may fall."""
    novelty_gain: float
    """Most by which the share of word runs never said before may rise."""


def manner_of(
    replies: Sequence[str],
    locales: Sequence[str],
    words: SafetyWords,
    known: frozenset[str] | None = None,
    weights: ArrayLike | None = None,
) -> Manner:
    """The manner of replies; `known` are the runs of three words said before, without which nothing is new.

    Weighted by `weights` [replies] all but the variety, which has no mean over replies: it counts each reply once.
    """
    if not replies:
        return Manner(*[float("nan")] * len(Manner._fields))

    share = np.ones(len(replies)) if weights is None else np.asarray(weights, np.float64)

    def mean(values: Sequence[float]) -> float:
        return float(np.average(np.asarray(values, np.float64), weights=share))

    return Manner(
        length=mean([len(reply) for reply in replies]),
        repeated=mean([repeated_share(reply) for reply in replies]),
        variety=variety(replies),
        valid=mean([not flaws(reply, locale) for reply, locale in zip(replies, locales, strict=True)]),
        novelty=0.0 if known is None else mean([novelty(reply, known) for reply in replies]),
        unsafe=mean([bool(words.found(reply)) for reply in replies]),
    )


def variety(replies: Sequence[str]) -> float:
    """Different runs of three words over all runs; a reply too short for one counts as a run of its own."""
    runs: Counter[str] = Counter()
    for reply in replies:
        runs.update(trigrams(reply) or {reply.strip()})
    return len(runs) / runs.total() if runs else float("nan")


def broken_manners(candidate: Manner, reference: Manner, limits: MannerLimits) -> list[str]:
    """Every limit that a manner breaks, in plain words; empty where it breaks none. A figure that is NaN breaks."""
    broken = []
    ratio = length_ratio(candidate, reference)
    if not 1 / limits.length_ratio <= ratio <= limits.length_ratio:
        broken.append(f"replies {ratio:.2f} times as long, the limit is {limits.length_ratio:g} either way")
    repetition = candidate.repeated - reference.repeated
    if not repetition <= limits.repetition_gain:
        broken.append(f"repeated share up by {repetition:.3f}, the limit is {limits.repetition_gain:g}")
    if not candidate.variety >= reference.variety * (1 - limits.variety_loss):
        broken.append(
            f"{100 * candidate.variety:.1f}% of its word runs are different ones, {100 * reference.variety:.1f}% of "
            "the reference's: it says the same to everybody"
        )
    if not candidate.valid >= reference.valid - limits.validity_loss:
        broken.append(f"{100 * candidate.valid:.0f}% well-formed replies against {100 * reference.valid:.0f}%")
    if not candidate.novelty <= reference.novelty + limits.novelty_gain:
        broken.append(
            f"{100 * candidate.novelty:.0f}% of its word runs were never said before, {100 * reference.novelty:.0f}% "
            "of the reference's"
        )
    if not candidate.unsafe <= reference.unsafe + ROUNDING:
        broken.append(f"safety words in {100 * candidate.unsafe:.1f}% of replies, {100 * reference.unsafe:.1f}% before")
    return broken


def length_ratio(candidate: Manner, reference: Manner) -> float:
    """Of mean lengths; NaN where the reference says nothing."""
    return candidate.length / reference.length if reference.length else float("nan")
