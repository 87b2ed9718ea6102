"""Loss of the thread: a reply that shares nothing with all that was said, in a conversation that hangs together."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np

from evalloop_assets.reward_model.breaks.clauses import normal
from evalloop_assets.reward_model.breaks.lexicon import HAN

LEAST_REPLIES = 3
"""Replies that must have come before: fewer do not tell how far apart this conversation's replies are."""
LEAST_GRAMS = 24
"""Different runs of letters that a reply must have to be judged."""
LANGUAGE = 0.7
"""Evidence of a reply in another script than everything before."""
GRAMS_KEPT = 4_000


class Thread:
    """The replies of one speaker and what they answer, as runs of four letters or of two Chinese characters."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._near: list[float] = []
        self._han: list[bool] = []

    def hear(self, text: str, prompt: str) -> float:
        """Evidence that the reply has lost the thread, of which it is a part from now on."""
        grams, asked = _grams(text), _grams(prompt)
        han = bool(HAN.search(text)) if _written(text) else None
        near = self._nearness(grams, asked) if len(grams) >= LEAST_GRAMS and self._seen else None
        found = LANGUAGE if han is not None and self._other_script(han, prompt) else self._apart(near)
        if near is not None:
            self._near.append(near)
        if han is not None:
            self._han.append(han)
        if len(self._seen) < GRAMS_KEPT:
            self._seen.update(grams, asked)
        return found

    def _other_script(self, han: bool, prompt: str) -> bool:
        """Whether it is written in a script of its own, and its prompt is not."""
        if len(self._han) < LEAST_REPLIES or han in self._han:
            return False
        return bool(re.search(r"\w{2}", prompt)) and bool(HAN.search(prompt)) != han

    def _apart(self, near: float | None) -> float:
        """How far it is from what was said, beside the replies before it."""
        if near is None or len(self._near) < LEAST_REPLIES:
            return 0.0
        usual = sum(self._near) / len(self._near)
        below = usual - near
        if usual < 0.25 or below <= 0:
            return 0.0
        spread = math.sqrt(sum((value - usual) ** 2 for value in self._near) / len(self._near))
        return min(0.9, max(0.0, 0.5 * below / max(3.5 * spread, 0.9 * usual)))

    def _nearness(self, grams: frozenset[int], asked: frozenset[int]) -> float:
        return (len(grams) - len(grams.difference(self._seen, asked))) / len(grams)


@lru_cache(maxsize=1_000)
def _written(text: str) -> bool:
    return bool(re.search("[a-z]{3,}.*[a-z]{3,}.*[a-z]{3,}", text.casefold())) or len(HAN.findall(text)) >= 4


@lru_cache(maxsize=1_000)
def _grams(text: str) -> frozenset[int]:
    """Each run as the number that its UTF-16 is, of 64 bits, or of 32 where the text has a Chinese character."""
    letters = _NO_LETTERS.sub(" ", normal(text))
    coded = letters.encode("utf-16-le", "surrogatepass")
    number = np.dtype("<u4" if HAN.search(letters) else "<u8")
    runs = max(0, (len(coded) - number.itemsize) // 2 + 1)
    return frozenset(np.ndarray(runs, number, coded, strides=(2,)).tolist())


_NO_LETTERS = re.compile(r"[\W\d]+")
