"""The people: drawn in cohorts by the day they signed up, so that a product of any age has new users every day."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.packs import EN, ZH
from evalloop_assets.simulator.requirements import require_number, require_share

TASTE_DIMENSIONS = 4
READING_CHARS_PER_S = 16.5
"""Median reading speed of the published natural stories corpus, English characters per second."""
READING_SPREAD = 0.25
"""Standard deviation of the logarithm of users' reading speeds."""
CHINESE_CHARS = 0.42
"""Characters read per second in Chinese relative to English: a character holds more."""
TYPING_CHARS_PER_S = 4.5
EAST, WEST = (0, 60, 120), (-300, -360, -480)
"""Minutes of local time less UTC of English speakers. Waking hours (8 to 24 local) of the first, and of Chinese
speakers, lie inside one UTC day; those of the second run over into the next, with which their rows are delivered."""
CHINA = 480
CHANNELS = ("organic", "ads", "friend")
MOST_ACTIVITY = 20
BASE_COHORT = "base"
"""Users from before the first simulated day: their signup is in no log."""


@dataclass(frozen=True)
class People:
    """What the users of a product are like, on the whole."""

    english: float = 0.7
    """Share that writes English; the rest writes Chinese."""
    west: float = 0.0
    """Share of the English speakers who live west of Greenwich."""
    icc: float = 0.1
    """Intra-class correlation of the replies of a conversation, users as classes: how much the conversations of one
    user are alike (below 0.5)."""
    activity: float = 1.4
    """Mean conversations on a day in the app, from 1 to MOST_ACTIVITY."""

    def __post_init__(self) -> None:
        for name in ("english", "west"):
            require_share(f"people: {name}", getattr(self, name))
        require_number("people: icc", self.icc, 0, 0.5)
        if self.icc == 0.5:
            raise UserError("people: icc", "0.5 would take users of endless patience", "Choose, say, 0.3.")
        require_number("people: activity", self.activity, 1, MOST_ACTIVITY)

    @property
    def patience_spread(self) -> float:
        """Standard deviation of the users' patience that gives the correlation.

        A conversation's length is about geometric, so that its standard deviation is its mean m; users' means are
        log-normal with squared coefficient of variation v, and ICC = v / (v + 1 + v).
        """
        return float(np.sqrt(np.log1p(self.icc / (1 - 2 * self.icc))))


@dataclass(frozen=True)
class Population:
    """Users, one entry each; nothing here changes from day to day."""

    user_id: np.ndarray
    """(users,) str."""
    signup_day: Ints
    """(users,) ordinal of the UTC day of signup; 0 for users from before the first day."""
    pack: Ints
    """Language, a pack of LEXICON."""
    offset_minutes: Ints
    reading_speed: Floats
    """Characters per second of an attentive reader, in the user's own language."""
    typing_speed: Floats
    activity: Floats
    """Mean conversations on a day in the app, at least 1."""
    patience: Floats
    """Taken off the logit of ending a conversation after every reply."""
    loyalty: Floats
    """Own part of the logit of coming back."""
    position_bias: Floats
    """How much better the reply shown first looks in a battle."""
    taste: Floats
    """(users, TASTE_DIMENSIONS) what the user likes in a voice, standard normal."""
    character: Ints
    """Favourite character of the pack."""
    character_taste: Floats
    """(users, characters) how much the user likes each, standard normal."""
    channel: np.ndarray
    """(users,) str, where the user came from."""

    def __len__(self) -> int:
        return len(self.user_id)


def cohort(
    rng: np.random.Generator, size: int, label: str, signup_day: int, loyalty: float, people: People, characters: int
) -> Population:
    """`size` users who signed up on one day; `label` makes their ids, `loyalty` is the mean of theirs."""
    pack = np.where(rng.random(size) < people.english, EN, ZH)
    east, west = rng.choice(EAST, size), rng.choice(WEST, size)
    offset = np.where(pack == ZH, CHINA, np.where(rng.random(size) < people.west, west, east))
    language = np.where(pack == EN, 1.0, CHINESE_CHARS)
    return Population(
        user_id=np.array([f"u-{label}-{number:05d}" for number in range(size)], dtype=object),
        signup_day=np.full(size, signup_day, dtype=np.int64),
        pack=pack,
        offset_minutes=offset,
        reading_speed=READING_CHARS_PER_S * language * np.exp(READING_SPREAD * rng.standard_normal(size)),
        typing_speed=TYPING_CHARS_PER_S * language * np.exp(0.3 * rng.standard_normal(size)),
        activity=1.0 + rng.gamma(1.5, (people.activity - 1) / 1.5, size),
        patience=people.patience_spread * rng.standard_normal(size),
        loyalty=loyalty + 0.5 * rng.standard_normal(size),
        position_bias=0.15 + 0.1 * rng.standard_normal(size),
        taste=rng.standard_normal((size, TASTE_DIMENSIONS)),
        character=rng.integers(0, characters, size),
        character_taste=rng.standard_normal((size, characters)),
        channel=rng.choice(np.array(CHANNELS, dtype=object), size, p=(0.5, 0.3, 0.2)),
    )


def join(cohorts: Sequence[Population]) -> Population:
    """One population of several cohorts, in their order."""
    columns: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in cohorts]) for field in fields(Population)
    }
    return Population(**columns)


def signup_label(day: date) -> str:
    return f"{day:%Y%m%d}"


def voice(family: str) -> Floats:
    """(TASTE_DIMENSIONS,) unit vector of a model's voice, from its name alone; taste · voice is standard normal."""
    seed = int.from_bytes(hashlib.sha256(family.encode()).digest()[:8], "big")
    direction = np.random.default_rng(seed).standard_normal(TASTE_DIMENSIONS)
    return np.asarray(direction / np.linalg.norm(direction))
