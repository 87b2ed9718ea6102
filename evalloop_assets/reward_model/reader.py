"""What one user has read so far, reply by reply: the measure of what is new, worn or too much for this reader."""

from __future__ import annotations

from typing import NamedTuple

from evalloop_assets.reward_model import penalty as discounts
from evalloop_assets.reward_model.penalty import Penalty
from evalloop_assets.reward_model.quality import (
    Phrase,
    Wording,
    density,
    new_content,
    progress,
    quality,
    read,
    repeated_share,
)

RECENT = 4
"""Exchanges back to which a content word counts as just said, and a phrase as repeated."""


class Judgement(NamedTuple):
    """One reply, judged by its text after all that was read before it."""

    density: float
    non_repetition: float
    progress: float
    penalty: Penalty

    @property
    def q(self) -> float:
        """In [0, 1]."""
        return quality(self.density, self.non_repetition, self.progress)


class Reader:
    """The memory of one user. Feed it the exchanges in the order in which they were read.

    Memory grows with the phrases that it has met; what is to be bounded is the log that it is fed.
    """

    def __init__(self, novelty_tau: float) -> None:
        """`novelty_tau`: seconds after which a phrase that was met counts 1/e."""
        self._tau = novelty_tau
        self._exchanges = 0
        self._arc = 0.0
        self._said: dict[str, int] = {}
        """Content word: the exchange in which it was said last."""
        self._met: dict[Phrase, tuple[float, float, int]] = {}
        """Phrase: its uses, faded to the time at which it was met last; that time; that exchange."""

    def judge(self, message: str | None, reply: str | None, seconds: float) -> Judgement | None:
        """The reply as an answer to the message at that time (never before what was taken); None if blank."""
        said = _Text.of(reply)
        return self._judged(_Text.of(message), said, self._uses(said.wording, seconds))

    def take(self, message: str | None, reply: str | None, seconds: float) -> Judgement | None:
        """Judges the reply, then remembers the exchange."""
        asked, said = _Text.of(message), _Text.of(reply)
        uses = self._uses(said.wording, seconds)
        found = self._judged(asked, said, uses)
        self._remember(asked, said, uses, seconds)
        return found

    def remember(self, message: str | None, reply: str | None, seconds: float) -> None:
        """The exchange was read; what it was worth does not matter."""
        said = _Text.of(reply)
        self._remember(_Text.of(message), said, self._uses(said.wording, seconds), seconds)

    def _uses(self, wording: Wording, seconds: float) -> dict[Phrase, float]:
        """How often those phrases of the text that were met before were met, faded."""
        uses: dict[Phrase, float] = {}
        left: dict[float, float] = {}
        for phrase in filter(self._met.__contains__, dict.fromkeys(wording.phrases)):
            count, at, _ = self._met[phrase]
            if at not in left:
                left[at] = discounts.faded(1.0, seconds - at, self._tau)
            uses[phrase] = count * left[at]
        return uses

    def _remember(self, asked: _Text, said: _Text, uses: dict[Phrase, float], seconds: float) -> None:
        self._exchanges += 1
        self._said.update(dict.fromkeys(asked.wording.content | said.wording.content, self._exchanges))
        self._met.update(dict.fromkeys(said.wording.phrases, (1.0, seconds, self._exchanges)))
        self._met.update({phrase: (count + 1.0, seconds, self._exchanges) for phrase, count in uses.items()})
        self._arc = discounts.moved_arc(self._arc, asked.intensity, said.intensity)

    def _judged(self, asked: _Text, said: _Text, uses: dict[Phrase, float]) -> Judgement | None:
        if said.blank:
            return None
        wording, since = said.wording, self._exchanges - RECENT
        known = {word for word in wording.content if self._said.get(word, since) > since}
        repeated = {phrase for phrase, count in uses.items() if count and self._met[phrase][2] > since}
        news, again = new_content(wording, known | asked.wording.content), repeated_share(wording, repeated)
        return Judgement(
            density(wording),
            1.0 - again,
            progress(news),
            Penalty(
                discounts.low_information(news, len(wording.words)),
                discounts.repetition(again),
                discounts.soothing(wording),
                discounts.novelty_decay(discounts.wear(uses.values(), len(set(wording.phrases)))),
                discounts.overdraft(said.intensity, asked.intensity, self._arc),
            ),
        )


class _Text(NamedTuple):
    """A message or a reply as it is read."""

    blank: bool
    wording: Wording
    intensity: float

    @classmethod
    def of(cls, text: str | None) -> _Text:
        wording = read(text or "")
        return cls(not (text or "").strip(), wording, discounts.intensity(text or "", wording))
