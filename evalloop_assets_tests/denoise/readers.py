"""Readers whose reading and absences are known, drawn by other rules than the simulator's, for measuring `reading`.

Reading times are log-normal about a pace of the reader's own; an absence is added to some of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

Draw = Callable[[np.random.Generator, int], np.ndarray]
LATIN_CPS, HAN_CPS = 15.0, 6.5
START = np.datetime64(datetime(2026, 5, 1, 8), "ms")


def exponential_absence(rng: np.random.Generator, n: int) -> np.ndarray:
    """Seconds, from 8 on, two minutes more in the mean."""
    return 8 + rng.exponential(120, n)


def short_absence(rng: np.random.Generator, n: int) -> np.ndarray:
    """Seconds, from 8 on, half a minute in the mean."""
    return 8 + rng.exponential(22, n)


def pareto_absence(rng: np.random.Generator, n: int) -> np.ndarray:
    """Seconds, from 15 on, with a tail so heavy that it has no mean; an hour at most."""
    return np.minimum(15 * (1 + rng.pareto(0.9, n)), 3600)


@dataclass(frozen=True)
class Readers:
    """A log to draw. Spreads are standard deviations of logarithms."""

    users: int = 120
    replies: int = 25
    """Per user, give or take a third."""
    pace: float = 1.0
    """Speed of the median reader by that of native readers; second-language readers are slower."""
    between: float = 0.3
    """Spread of the readers' speeds."""
    within: float = 0.3
    """Spread of one reader's times."""
    chars: float = 140.0
    """Median length of a reply in Latin script; in Chinese it holds as much in fewer characters."""
    away: float = 0.08
    """Share of replies with an absence."""
    absence: Draw = exponential_absence
    han: float = 0.5
    """Share of the users who read Chinese."""
    idle: bool = False
    """The app stays in front while its user is away."""
    scrolling: bool = True
    """The app counts scrolls, one about every eight seconds of reading; else it has none."""


class Drawn(NamedTuple):
    """A log, and the truth of each of its rows."""

    turns: pd.DataFrame
    read_s: np.ndarray
    away: np.ndarray


def drawn(who: Readers, seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    count = rng.integers(who.replies * 2 // 3, who.replies * 4 // 3 + 1, who.users)
    user = np.repeat(np.arange(who.users), count)
    n = len(user)
    han = (rng.random(who.users) < who.han)[user]
    language = np.where(han, HAN_CPS / LATIN_CPS, 1.0)
    chars = np.maximum(who.chars * language * np.exp(0.5 * rng.standard_normal(n)), 1).astype(int)
    speed = LATIN_CPS * language * who.pace * np.exp(who.between * rng.standard_normal(who.users))[user]
    read_s = (1.0 + chars / speed) * np.exp(who.within * rng.standard_normal(n))
    message = np.maximum(rng.geometric(1 / 25, n) * language, 1).astype(int)
    typing_s = message / (4.0 * language) * np.exp(0.4 * rng.standard_normal(n))
    away = rng.random(n) < who.away
    away_s = np.where(away, who.absence(rng, n), 0.0)
    front_s = read_s + typing_s + (away_s if who.idle else 0)
    dwell_s = read_s + typing_s + away_s
    last = np.append(np.diff(user) != 0, True)
    elapsed = np.cumsum(dwell_s + 2.0)
    began = np.append(0.0, elapsed[:-1])
    shown = began - began[np.searchsorted(user, user)]
    turns = pd.DataFrame(
        {
            "event_id": [f"e{number}" for number in range(n)],
            "user_id": [f"u{number}" for number in user],
            "conversation_id": [f"c{number}" for number in user],
            "model_id": "m",
            "shown_at": START + (shown * 1000).astype("timedelta64[ms]"),
            "user_text": ["x" * length for length in np.append(1, message[:-1])],
            "reply_text": [("读" if chinese else "r") * length for chinese, length in zip(han, chars, strict=True)],
            "dwell_ms": np.round(1000 * (dwell_s - np.where(last, typing_s, 0))),
            "typing_ms": np.round(1000 * np.where(last, 0, typing_s)),
            "foreground_ms": np.round(1000 * (front_s - np.where(last, typing_s, 0))),
            "scrolls": rng.poisson(read_s / 8) if who.scrolling else 0,
            "clicks": 0,
        }
    )
    return Drawn(turns, read_s, away)
