"""Whether a user opens the app on a day: caused by what the user has experienced so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.requirements import require_number, require_share
from evalloop_assets.simulator.text import sigmoid


@dataclass(frozen=True)
class ReturnHabits:
    """Strengths of the effects on the logit of coming."""

    satisfaction: float = 2.6
    """Per unit of satisfaction."""
    learning: float = 0.6
    """Weight of the latest day in satisfaction; 1 forgets all before."""
    absence: float = 1.0
    """Loss after a day away."""
    fading: float = 0.12
    """Further loss per day away."""
    peak_end: float = 0.4
    """Weight of a conversation's last replies in how it is remembered."""
    base_loyalty: float = 0.2
    """Mean loyalty of users from before the first day."""
    new_loyalty: float = -0.45
    """Mean loyalty of new users."""

    def __post_init__(self) -> None:
        for name in ("learning", "peak_end"):
            require_share(f"returning: {name}", getattr(self, name))
        for name in ("satisfaction", "absence", "fading", "base_loyalty", "new_loyalty"):
            require_number(f"returning: {name}", getattr(self, name))


def return_probability(loyalty: Floats, satisfaction: Floats, days_since: Ints, habits: ReturnHabits) -> Floats:
    """Probability of opening the app today; `days_since` the last day in it is 1 for yesterday."""
    away = np.maximum(days_since - 1, 0)
    logit = (
        loyalty
        + habits.satisfaction * satisfaction
        - habits.absence * (away > 0)
        - habits.fading * np.minimum(away, 30)
    )
    return sigmoid(np.asarray(logit))


def remembered(mean_utility: Floats, last_utility: Floats, habits: ReturnHabits) -> Floats:
    """(conversations,) value of a conversation in memory: its mean and its end."""
    return np.asarray((1 - habits.peak_end) * mean_utility + habits.peak_end * last_utility)


def satisfaction_after(before: Floats, day_value: Floats, habits: ReturnHabits) -> Floats:
    """Satisfaction of users after a day on which they talked, from the mean of what they remember of it."""
    return np.asarray((1 - habits.learning) * before + habits.learning * day_value)
