"""penalty(a) in (0, 1]: five discounts on what a reply may earn, one for each sign of hollowness.

`design.md`, section 6.

Each factor turns a badness in [0, 1] into 1 - (1 - floor) * badness, so that no factor is ever 0 and a spotless reply
keeps everything. Their product is the penalty. Text only, English and Chinese.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp
from typing import NamedTuple

from evalloop_assets.reward_model.quality import Wording
from evalloop_assets.reward_model.wording import LOUD, SOOTHING, SOOTHING_HAN, SOOTHING_WORDS

FLOOR = 0.4
"""Least value of one factor."""
ENOUGH_GAIN = 0.25
"""New content words per word of the reply from which it gains enough."""
TOLERATED_REPEAT = 0.1
"""Share of repeated phrases that any language has."""
HALF_WORN = 2.0
"""Recent uses of a phrase, faded ones less, after which it is half worn."""
HEADROOM = 0.25
"""Intensity above the arc's that a scene may always rise by."""
ARC_MEMORY = 0.3
"""Weight of the newest exchange in the arc of a conversation."""


class Penalty(NamedTuple):
    """The five factors, each in [FLOOR, 1]."""

    low_information: float
    repetition: float
    soothing: float
    novelty_decay: float
    overdraft: float

    @property
    def product(self) -> float:
        """penalty(a), in (0, 1]."""
        return self.low_information * self.repetition * self.soothing * self.novelty_decay * self.overdraft


def discount(badness: float) -> float:
    """1 for 0, FLOOR for 1, straight between."""
    return 1.0 - (1.0 - FLOOR) * min(1.0, max(0.0, badness))


def low_information(news: float, words: int) -> float:
    """Factor of low information gain: `news` new content words among `words`; none from ENOUGH_GAIN on."""
    return discount(1.0 - news / (ENOUGH_GAIN * words)) if words else discount(1.0)


def repetition(repeated: float) -> float:
    """Factor of repetition, from the repeated share of the phrases (`quality.repeated_share`)."""
    return discount((repeated - TOLERATED_REPEAT) / (1.0 - TOLERATED_REPEAT))


def soothing(reply: Wording) -> float:
    """Factor of template soothing: the share of sentences that would comfort anybody about anything."""
    if not reply.sentences:
        return 1.0
    pattern = SOOTHING_HAN if 2 * reply.han > len(reply.words) else SOOTHING
    if pattern is SOOTHING and SOOTHING_WORDS.isdisjoint(reply.words):
        return 1.0
    return discount(sum(1 for sentence in reply.sentences if pattern.search(sentence)) / len(reply.sentences))


def wear(uses: Iterable[float], phrases: int) -> float:
    """Mean over the `phrases` of a reply of uses / (uses + HALF_WORN), in [0, 1); 0 without phrases.

    `uses` counts how often the reader met a phrase before, each time faded by exp(-elapsed / tau) (`faded`); one that
    was never met may be left out.
    """
    return sum([count / (count + HALF_WORN) for count in uses]) / phrases if phrases else 0.0


def faded(uses: float, seconds: float, tau: float) -> float:
    """What `seconds` later remains of `uses`; `tau` in seconds."""
    return uses * exp(-seconds / tau)


def novelty_decay(wear: float) -> float:
    """Factor of a stimulus that wears out: likeness to all replies before it, over days too."""
    return discount(wear)


def intensity(text: str, wording: Wording) -> float:
    """Emotion in a text, in [0, 1): signs of it per sentence, s, as s / (s + 1); 0 for a blank text."""
    signs = wording.charged + len(LOUD.findall(text))
    return signs / (signs + max(1, len(wording.sentences)))


def moved_arc(arc: float, message: float, reply: float) -> float:
    """The arc after one exchange: a running mean of the intensity of both sides, which starts from 0, calm."""
    return arc + ARC_MEMORY * ((message + reply) / 2 - arc)


def overdraft(reply: float, message: float, arc: float) -> float:
    """Factor of emotional overdraft: the reply's intensity above what the arc sustains.

    The arc sustains the greater of its own level and of the message answered, and HEADROOM above it.
    """
    return discount((reply - max(arc, message) - HEADROOM) / (1.0 - HEADROOM))
