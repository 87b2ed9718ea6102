"""Replies valued again and again as conversations go on: what the last call has read is not read anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evalloop_assets.reward_model.encoder import Encoder, Matrix, require_sound
from evalloop_assets.reward_model.history import History
from evalloop_assets.reward_model.reader import Judgement, Reader

SAME_S = 1e-6
"""Seconds by which two accounts of one moment may differ."""
MOST_EXCHANGES_KEPT = 5_000
"""Exchanges that are remembered from call to call, of all histories together: a memory holds every phrase."""

Said = tuple[tuple[str | None, str | None], ...]


class Readers:
    """Judges replies after their histories, and keeps the memory of those of the last call.

    A history that was there in the last call, or has grown by one exchange since, is taken up where it stood. What is
    found is what a fresh reader of each history would find, but for rounding of the times.
    """

    def __init__(self, novelty_tau: float, kept: int = MOST_EXCHANGES_KEPT) -> None:
        """`novelty_tau`: seconds after which a phrase that was read counts 1/e; `kept`: exchanges that are remembered
        for the next call, those of the histories that come first.
        """
        self._tau, self._most = novelty_tau, kept
        self._kept: dict[Said, _Read] = {}

    def judged(
        self,
        messages: Sequence[str | None],
        replies: Sequence[str | None],
        histories: Sequence[History] | None = None,
    ) -> list[Judgement | None]:
        """Each reply judged after its own history; without histories each is the first of its conversation.

        Replies that follow each other here and share one history object are held against one memory of it.
        """
        found: list[Judgement | None] = []
        met: dict[Said, _Read] = {}
        room = self._most
        history: History = ()
        reader, now = Reader(self._tau), 0.0
        for at, (message, reply) in enumerate(zip(messages, replies, strict=True)):
            if histories is not None and histories[at] is not history:
                history = histories[at]
                said: Said = tuple((exchange.user_text, exchange.reply) for exchange in history)
                read = self._reader_of(history, said)
                reader, now = read.reader, history[0].seconds if history else 0.0
                if len(said) <= room:
                    met[said], room = read, room - len(said)
            found.append(reader.judge(message, reply, now))
        self._kept = met
        return found

    def _reader_of(self, history: History, said: Said) -> _Read:
        """Who has read the history, on a clock that began with its first exchange."""
        told = tuple(history[0].seconds - exchange.seconds for exchange in history)
        for known in (said, said[:-1]):
            read = self._kept.get(known)
            if read is not None and all(abs(one - other) < SAME_S for one, other in zip(read.told, told, strict=False)):
                del self._kept[known]
                break
        else:
            read = _Read(Reader(self._tau), ())
        for exchange, seconds in list(zip(history, told, strict=True))[len(read.told) :]:
            read.reader.remember(exchange.user_text, exchange.reply, seconds)
        return _Read(read.reader, told)


class _Read(NamedTuple):
    reader: Reader
    told: tuple[float, ...]
    """Seconds from the first exchange to each that it remembers."""


class LastRead:
    """An encoder that keeps the vectors of the texts of its last call."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.dimension, self._encoder = encoder.name, encoder.dimension, encoder
        self._place: dict[str, int] = {}
        self._vectors: Matrix = np.zeros((0, encoder.dimension), np.float32)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row per text, as the encoder itself gives it; UserError where it gives unsound vectors."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._place]
        new = (
            require_sound(self._encoder.encode(missing), self._encoder, len(missing)) if missing else self._vectors[:0]
        )
        both = np.concatenate([self._vectors, new])
        place = self._place | {text: len(self._vectors) + at for at, text in enumerate(missing)}
        vectors = both[[place[text] for text in texts]]
        self._place, self._vectors = {text: at for at, text in enumerate(texts)}, vectors
        return vectors
