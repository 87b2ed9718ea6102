"""Who comes on a day, when, and for how many conversations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.returning import ReturnHabits, return_probability
from evalloop_assets.simulator.users import Population

WAKING_FROM_MIN, WAKING_TO_MIN = 8 * 60 + 10, 24 * 60
EVENING = 0.45
"""Share of openings drawn from the evening, the rest from the whole waking day."""
MOST_CONVERSATIONS = 6
GAP_MIN = 100
"""Least minutes between the starts of two conversations of a user."""
ONLY_LOOKS = 0.06
"""Probability of opening the app without talking."""
FURTHER_VISITS = 0.3
"""Mean number of further openings without a conversation."""


@dataclass(frozen=True)
class Moments:
    """Users and seconds after midnight UTC, in order of user and time."""

    user: Ints
    second: Floats


@dataclass(frozen=True)
class Openings:
    """The day's traffic before any reply is written."""

    came: Bools
    """(users,)"""
    chats: Moments
    visits: Moments
    signups: Moments


def openings(
    people: Population,
    satisfaction: Floats,
    days_since: Ints,
    new: Bools,
    habits: ReturnHabits,
    rng: np.random.Generator,
) -> Openings:
    """Draws the day. `days_since` counts from the user's last day in the app; new users come for certain."""
    n = len(people)
    came = new | (rng.random(n) < return_probability(people.loyalty, satisfaction, days_since, habits))
    conversations = 1 + np.minimum(rng.poisson(people.activity - 1), MOST_CONVERSATIONS - 1)
    conversations = np.where(~new & (rng.random(n) < ONLY_LOOKS), 0, conversations)
    conversations = np.where(came, conversations, 0)
    evening = rng.triangular(18 * 60, 21 * 60, WAKING_TO_MIN, n)
    anytime = rng.uniform(WAKING_FROM_MIN, WAKING_TO_MIN, n)
    first_min = np.where(rng.random(n) < EVENING, evening, anytime) - people.offset_minutes
    end_min = WAKING_TO_MIN - people.offset_minutes

    number = np.arange(MOST_CONVERSATIONS)
    pauses = GAP_MIN + 120 * rng.random((n, MOST_CONVERSATIONS))
    starts = first_min[:, None] + np.where(number > 0, np.cumsum(pauses, axis=1) - pauses[:, :1], 0.0)
    held = (number < conversations[:, None]) & (starts < end_min[:, None])
    chat_user, chat_number = np.nonzero(held)
    chats = Moments(chat_user, np.asarray(60 * starts[chat_user, chat_number], dtype=np.float64))

    lead = rng.uniform(5, 90, len(chat_user))
    more = np.where(came, rng.poisson(FURTHER_VISITS, n), 0)
    more = np.where(came & ~held.any(axis=1), np.maximum(more, 1), more)
    more_user = np.repeat(np.arange(n), more)
    spread = rng.random(len(more_user))
    begin_min = first_min[more_user]
    more_s = 60 * (begin_min + spread * (end_min[more_user] - begin_min))
    visits = _ordered(np.concatenate([chat_user, more_user]), np.concatenate([chats.second - lead, more_s]))
    first = np.concatenate([[True], np.diff(visits.user) > 0]) if len(visits.user) else np.zeros(0, dtype=bool)
    signing = first & new[visits.user]
    signups = Moments(visits.user[signing], visits.second[signing] - rng.uniform(30, 300, int(signing.sum())))
    return Openings(came, chats, visits, signups)


def _ordered(user: Ints, second: Floats) -> Moments:
    order = np.lexsort((second, user))
    return Moments(user[order], second[order])
