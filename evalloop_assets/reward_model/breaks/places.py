"""Places that people come from, coarse enough that two names of one region are one: provinces, states, countries."""

from __future__ import annotations

import re
from functools import cache

from evalloop_assets.reward_model.breaks.lexicon import word_lists


def place_of(text: str) -> str:
    """The region that a text names first; empty where it names none that is known."""
    region, pattern = _regions()
    found = pattern.search(text)
    return region[found[0]] if found else ""


@cache
def _regions() -> tuple[dict[str, str], re.Pattern[str]]:
    region = {place: name for name, places in word_lists()["regions"].items() for place in places}
    longest_first = sorted(region, key=len, reverse=True)
    return region, re.compile("|".join(place if place[0] > "\u3000" else rf"\b{place}\b" for place in longest_first))
