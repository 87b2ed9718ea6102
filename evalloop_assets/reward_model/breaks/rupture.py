"""Loss of the thread: a reply that shares nothing with all that was said, in a conversation that hangs together."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from evalloop_assets.reward_model.breaks.lexicon import HAN

LEAST_REPLIES = 3
"""Replies that must have come before: fewer do not tell how far apart this conversation's replies are."""
LANGUAGE = 0.7
"""Evidence of a reply in another script than everything before."""


class Thread:
    """The replies of one speaker, and how near each was to what had been said."""

    def __init__(self) -> None:
        self._near: list[float] = []
        self._han: list[bool] = []

    def hear(self, text: str, prompt: str, near: float | None) -> float:
        """Evidence that the reply has lost the thread, of which it is a part from now on; `near` by `nearness`."""
        han = bool(HAN.search(text)) if _written(text) else None
        found = LANGUAGE if han is not None and self._other_script(han, prompt) else self._apart(near)
        if near is not None:
            self._near.append(near)
        if han is not None:
            self._han.append(han)
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


@lru_cache(maxsize=1_000)
def _written(text: str) -> bool:
    return bool(re.search("[a-z]{3,}.*[a-z]{3,}.*[a-z]{3,}", text.casefold())) or len(HAN.findall(text)) >= 4
