"""What came before a reply: earlier exchanges with the real time since each, as indices into distinct texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_EXCHANGES = 8
"""Earlier exchanges that are looked at, the newest."""
NO_TEXT = -1

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Exchange(NamedTuple):
    """One earlier message and the reply that the user kept."""

    user_text: str | None
    reply: str | None
    seconds: float
    """From its reply to the reply that is valued, within a session or across the gap between two; not negative."""


History = Sequence[Exchange]
"""Earlier exchanges of one conversation, oldest first."""


class Situations(NamedTuple):
    """n replies, each in its place: the message that it answers and what was said before. H is MOST_EXCHANGES."""

    texts: list[str]
    """Distinct texts, which the indices point into."""
    message: Ints
    """[n]"""
    reply: Ints
    """[n]"""
    earlier_messages: Ints
    """[n, H], newest first; NO_TEXT where there is none."""
    earlier_replies: Ints
    """[n, H], likewise."""
    seconds: Floats
    """[n, H] since each earlier reply; infinite where there is none."""

    def rows(self, chosen: slice) -> Situations:
        """Those of some replies, with the same texts."""
        return Situations(
            self.texts,
            self.message[chosen],
            self.reply[chosen],
            self.earlier_messages[chosen],
            self.earlier_replies[chosen],
            self.seconds[chosen],
        )


def situations(
    user_texts: Sequence[str | None], replies: Sequence[str | None], histories: Sequence[History] | None = None
) -> Situations:
    """Places of n replies; without histories each stands at the start of a conversation.

    A missing text counts as an empty one. ValueError where the lengths differ or where seconds are no time that passed.
    """
    n = len(replies)
    if len(user_texts) != n or (histories is not None and len(histories) != n):
        raise ValueError(
            f"{len(user_texts)} messages but {n} replies"
            if len(user_texts) != n
            else f"{len(histories or ())} histories but {n} replies"
        )
    place: dict[str, int] = {}

    def index(text: str | None) -> int:
        return place.setdefault(text or "", len(place))

    message = np.fromiter((index(text) for text in user_texts), np.int64, n)
    reply = np.fromiter((index(text) for text in replies), np.int64, n)
    shape = (n, MOST_EXCHANGES)
    earlier_messages, earlier_replies = np.full(shape, NO_TEXT), np.full(shape, NO_TEXT)
    seconds = np.full(shape, np.inf)
    for row, history in enumerate(histories or ()):
        for back, exchange in enumerate(reversed(history[-MOST_EXCHANGES:])):
            earlier_messages[row, back] = index(exchange.user_text)
            earlier_replies[row, back] = index(exchange.reply)
            seconds[row, back] = exchange.seconds
    if (seconds < 0).any() or np.isnan(seconds).any():
        raise ValueError("seconds since an earlier exchange are negative or NaN")
    return Situations(list(place), message, reply, earlier_messages, earlier_replies, seconds)
