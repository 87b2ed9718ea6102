"""Loss of the thread: a reply that shares nothing with all that was said, in a conversation that hangs together."""

from __future__ import annotations

import re

from evalloop_assets.reward_model.breaks.words import HAN, normal

LEAST_REPLIES = 3
"""Replies that must have come before: fewer do not tell how far apart this conversation's replies are."""
LEAST_GRAMS = 24
"""Character trigrams that a reply must have to be judged."""
LANGUAGE = 0.7
"""Evidence of a reply in another script than everything before."""
GRAMS_KEPT = 4_000


class Thread:
    """The replies of one speaker with the messages that they answer, as sets of character trigrams."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._near: list[float] = []
        self._han: list[bool] = []

    def rupture(self, text: str, prompt: str) -> float:
        """Evidence that the reply has lost the thread."""
        if len(self._han) >= LEAST_REPLIES and _written(text):
            han = bool(HAN.search(text))
            if all(before != han for before in self._han) and bool(HAN.search(prompt)) != han and _written(prompt):
                return LANGUAGE
        grams = _grams(text)
        if len(self._near) < LEAST_REPLIES or len(grams) < LEAST_GRAMS:
            return 0.0
        near = self._nearness(grams, prompt)
        usual = sum(self._near) / len(self._near)
        spread = (sum((value - usual) ** 2 for value in self._near) / len(self._near)) ** 0.5
        below = usual - near
        if usual < 0.25 or below <= 0:
            return 0.0
        return min(0.9, max(0.0, 0.5 * below / max(3.5 * spread, 0.9 * usual)))

    def note(self, text: str, prompt: str) -> None:
        grams = _grams(text)
        if len(grams) >= LEAST_GRAMS:
            if self._seen:
                self._near.append(self._nearness(grams, prompt))
        if _written(text):
            self._han.append(bool(HAN.search(text)))
        if len(self._seen) < GRAMS_KEPT:
            self._seen |= grams | _grams(prompt)

    def _nearness(self, grams: set[str], prompt: str) -> float:
        return len(grams & (self._seen | _grams(prompt))) / len(grams)


def _written(text: str) -> bool:
    return bool(re.search("[a-z]{3,}.*[a-z]{3,}.*[a-z]{3,}", text.casefold())) or len(HAN.findall(text)) >= 4


def _grams(text: str) -> set[str]:
    letters = re.sub(r"[\W\d]+", " ", normal(text))
    size = 2 if HAN.search(letters) else 4
    return {letters[place : place + size] for place in range(len(letters) - size + 1)}
