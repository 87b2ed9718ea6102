"""The people: drawn in cohorts by the day they signed up, so that a product of any age has new users every day."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np

from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.lexicons import EN, LEXICON, ZH

TASTE_DIMENSIONS = 4
READING_CHARS_PER_S = 16.5
"""Median reading speed of the published natural stories corpus, English characters per second."""
READING_SPREAD = 0.25
"""Standard deviation of the logarithm of users' reading speeds."""
CHINESE_CHARS = 0.42
"""Characters read per second in Chinese relative to English: a character holds more."""
TYPING_CHARS_PER_S = 4.5
OFFSETS = {EN: (0, 60, 120), ZH: (480,)}
"""Minutes of local time less UTC. Waking hours (8 to 24 local) of these lie inside one UTC day, so that a user's local
day is served in one piece; users west of Greenwich would need two."""
CHANNELS = ("organic", "ads", "friend")
BASE_COHORT = "base"
"""Users from before the first simulated day: their signup is in no log."""


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
    """Added to the logit of staying after every reply."""
    loyalty: Floats
    """Own part of the logit of coming back."""
    position_bias: Floats
    """How much better the reply shown first looks in a battle."""
    taste: Floats
    """(users, TASTE_DIMENSIONS) what the user likes in a voice, standard normal."""
    character: Ints
    """Favourite character of the pack."""
    channel: np.ndarray
    """(users,) str, where the user came from."""

    def __len__(self) -> int:
        return len(self.user_id)


def cohort(rng: np.random.Generator, size: int, label: str, signup_day: int, loyalty: float) -> Population:
    """`size` users who signed up on one day; `label` makes their ids, `loyalty` is the mean of theirs."""
    pack = np.where(rng.random(size) < 0.7, EN, ZH)
    offset = np.where(pack == EN, rng.choice(OFFSETS[EN], size), rng.choice(OFFSETS[ZH], size))
    language = np.where(pack == EN, 1.0, CHINESE_CHARS)
    return Population(
        user_id=np.array([f"u-{label}-{number:05d}" for number in range(size)], dtype=object),
        signup_day=np.full(size, signup_day, dtype=np.int64),
        pack=pack,
        offset_minutes=offset,
        reading_speed=READING_CHARS_PER_S * language * np.exp(READING_SPREAD * rng.standard_normal(size)),
        typing_speed=TYPING_CHARS_PER_S * language * np.exp(0.3 * rng.standard_normal(size)),
        activity=1.0 + rng.gamma(1.5, 0.27, size),
        patience=0.35 * rng.standard_normal(size),
        loyalty=loyalty + 0.5 * rng.standard_normal(size),
        position_bias=0.15 + 0.1 * rng.standard_normal(size),
        taste=rng.standard_normal((size, TASTE_DIMENSIONS)),
        character=rng.integers(0, LEXICON.n_characters, size),
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
