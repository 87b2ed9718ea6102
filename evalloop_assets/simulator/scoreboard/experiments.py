"""Experiments simulated at the level of what users add to a metric, with known effects: thousands of them a minute.

A user comes on a day with a chance of their own, has conversations, reads them for a while and asks for some replies
again. What a pipeline reads of it, day by day, is in `experiment_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW = 14
"""Days that results look back on, and days that a user is followed from the assignment on."""
LEAST_CHANCE = 0.06
"""Nobody's chance to come lies nearer to 0 or 1 than this, so that effects of up to 6 points add up exactly."""


@dataclass(frozen=True)
class World:
    """What the users of one experiment are like, without treatment."""

    users: int
    """Users who may come; one who never does is not assigned."""
    days: int = 28
    existing: float = 0.5
    """Share who use the product already and are assigned when they next come; the others sign up evenly by day."""
    base_return: float = 0.45
    """Mean chance of being in the app on a day."""
    return_spread: float = 1.0
    """SD between users of the log odds of that chance."""
    conversations: float = 1.6
    """Per day on which the user comes; one is sure, the others are Poisson."""
    seconds: float = 240.0
    """Effective reading per conversation."""
    seconds_variation: float = 0.8
    """Squared coefficient of variation of a conversation's seconds, users and conversations together."""
    icc: float = 0.3
    """Intra-class correlation: share of the variance of a conversation's seconds that lies between users."""
    replies: float = 6.0
    """Per conversation; one is sure, the others are Poisson."""
    regeneration: float = 0.06
    """Per reply, mean over users, who differ (squared coefficient of variation 0.5); complaints alike."""
    complaint: float = 0.005
    padding: float = 0.1
    """Padded replies per reply, alike."""
    abrupt: float = 0.15
    """Abrupt exits per conversation."""
    unit: Literal["user", "conversation"] = "user"
    weight: float = 0.5
    """Share of treatment."""
    ramp: tuple[float, ...] = ()
    """Share of treatment on each day, instead of `weight`; only where conversations are randomised."""
    weekend: float = 0.0
    """Relative rise of seconds on the sixth and seventh day of a week."""
    taste: float = 0.0
    """SD between users of the relative effect of the treatment on seconds, around the mean effect."""

    def __post_init__(self) -> None:
        if self.ramp and (self.unit == "user" or len(self.ramp) != self.days):
            raise ValueError("a ramp needs conversations as units and a share for each day")

    @property
    def followed(self) -> int:
        """Days on which a user counts, from the first on."""
        return WINDOW if self.unit == "user" else self.days

    @property
    def weights(self) -> Floats:
        """(days,) share of treatment."""
        return np.array(self.ramp or [self.weight] * self.days)

    @property
    def epochs(self) -> list[tuple[int, int]]:
        """Spans of constant weights as first day and day after the last."""
        edges = [0, *(np.flatnonzero(np.diff(self.weights)) + 1).tolist(), self.days]
        return list(pairwise(edges))


@dataclass(frozen=True)
class Effects:
    """What the treatment changes, for every user alike."""

    duration: float = 0.0
    """Relative, on the seconds of a conversation."""
    returning: tuple[float, ...] = (0.0,)
    """On the chance to come (a share), 1, 2, … days after the assignment; the last value stays."""
    regeneration: float = 0.0
    """On regenerations per reply."""
    complaint: float = 0.0
    padding: float = 0.0
    """On padded replies per reply."""

    def by_age(self, days: int) -> Floats:
        """(days,) effect on the chance to come 0, 1, … days after the assignment."""
        later = (*self.returning, *[self.returning[-1]] * days)
        return np.array((0.0, *later))[:days]


def ramping(full: float, days: int) -> tuple[float, ...]:
    """An effect on coming back that grows evenly and is full after so many days."""
    return tuple(full * (day + 1) / days for day in range(days))


@dataclass(frozen=True)
class Chats:
    """Every conversation of one experiment; arrays of one length but for those of users."""

    day: Ints
    user: Ints
    treated: NDArray[np.bool_]
    later: NDArray[np.bool_]
    """True on a day after the user's first."""
    opening: NDArray[np.bool_]
    """True for the first of the user's day."""
    came_next_day: Floats
    """1 where the user came on the next day, 0 where not, NaN where the user is followed no longer."""
    seconds: Floats
    abrupt: Floats
    replies: Ints
    regenerations: Ints
    complaints: Ints
    padded: Ints
    start: Ints
    """(users,) day of the assignment, or the first day."""
    chance: Floats
    """(users,) chance to come on a day without treatment."""
    arm: NDArray[np.bool_]
    """(users,) arm of the user, where users are randomised."""
    before: Floats
    """(users,) days on which the user came in the 14 before the assignment, NaN for a new one."""


def chats(world: World, effects: Effects, rng: np.random.Generator) -> Chats:
    """The conversations of one experiment."""
    if world.unit == "conversation" and any(effects.returning):
        raise ValueError("an effect on coming back has no arm where each conversation is randomised")
    chance = _chances(world.base_return, world.return_spread, rng.standard_normal(world.users))
    known = rng.random(world.users) < world.existing
    start = np.where(known, rng.geometric(chance) - 1, rng.integers(0, world.days, world.users))
    assigned = start < world.days
    start, chance = start[assigned], chance[assigned]
    people = len(start)
    arm = rng.random(people) < world.weight

    ages = world.followed
    likely = chance + np.multiply.outer(effects.by_age(ages), arm)
    came = rng.random((ages, people)) < likely
    came[0] = True
    came &= start + np.arange(ages)[:, None] < world.days
    age, visitor = np.nonzero(came)
    next_day = np.where(age < ages - 1, came[np.minimum(age + 1, ages - 1), visitor], np.nan)

    count = 1 + rng.poisson(world.conversations - 1, len(age))
    visit = np.repeat(np.arange(len(age)), count)
    opening = np.zeros(len(visit), np.bool_)
    opening[np.cumsum(count) - count] = True
    user, day = visitor[visit], (start[visitor] + age)[visit]
    treated = arm[user] if world.unit == "user" else rng.random(len(user)) < world.weights[day]

    between = world.icc * world.seconds_variation
    within = (world.seconds_variation - between) / (1 + between)
    own = _positive(rng, between, people)
    liking = effects.duration + world.taste * rng.standard_normal(people) if world.taste else effects.duration
    level = own * world.seconds
    seconds = level[user] * np.where(treated, (1 + np.broadcast_to(liking, people))[user], 1.0)
    seconds *= _positive(rng, within, len(user)) * np.where(day % 7 >= 5, 1 + world.weekend, 1.0)

    replies = 1 + rng.poisson(world.replies - 1, len(user))
    again, annoyed, padded = (
        rate * _positive(rng, 0.5, people) for rate in (world.regeneration, world.complaint, world.padding)
    )
    return Chats(
        day=day,
        user=user,
        treated=treated,
        later=(age > 0)[visit],
        opening=opening,
        came_next_day=next_day[visit],
        seconds=seconds,
        abrupt=(rng.random(len(user)) < world.abrupt).astype(np.float64),
        replies=replies,
        regenerations=rng.binomial(replies, np.clip(again[user] + effects.regeneration * treated, 0, 1)),
        complaints=rng.binomial(replies, np.clip(annoyed[user] + effects.complaint * treated, 0, 1)),
        padded=rng.binomial(replies, np.clip(padded[user] + effects.padding * treated, 0, 1)),
        start=start,
        chance=chance,
        arm=arm,
        before=np.where(known[assigned], rng.binomial(WINDOW, chance), np.nan),
    )


def _positive(rng: np.random.Generator, variance: float, size: int) -> Floats:
    """Gamma variables of mean 1."""
    return rng.standard_gamma(1 / variance, size) * variance if variance > 0 else np.ones(size)


def _chances(base: float, spread: float, z: Floats) -> Floats:
    return np.clip(1 / (1 + np.exp(-(_log_odds(base, spread) + spread * z))), LEAST_CHANCE, 1 - LEAST_CHANCE)


@cache
def _log_odds(base: float, spread: float) -> float:
    """The middle of the log odds at which the mean chance is `base`, by bisection."""
    z, weight = np.polynomial.hermite_e.hermegauss(200)
    low, high = -10.0, 10.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        chance = np.clip(1 / (1 + np.exp(-(middle + spread * z))), LEAST_CHANCE, 1 - LEAST_CHANCE)
        low, high = (middle, high) if chance @ weight / weight.sum() < base else (low, middle)
    return (low + high) / 2
