"""A simulated experiment as the pipeline reads it: what `experiment_users.sql` makes of such a log, and the truth.

For each metric these are rows of user, arm, units and total over the days of one window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.online_ab.results import EXPOSURE, Units
from evalloop_assets.simulator.scoreboard.experiments import WINDOW, Chats, Effects, Floats, Ints, World, chats

RETURN = "daily_return"
SENT = "chat_send"
FROM_DAY: Mapping[str, int] = {RETURN: 1, "week_return": 7}
"""Metric of coming back to the first day since the assignment that it counts."""
FLAGS = ("regeneration", "complaint", "padding")
METRICS = (SENT, "chat_duration", "drop_off", *FLAGS, *FROM_DAY, EXPOSURE)


@dataclass(frozen=True)
class Experiment:
    """One simulated experiment, read day by day as the pipeline reads it."""

    world: World
    effects: Effects
    chats: Chats
    crossed: float = 0.0
    """Share of the units of each arm that are seen in the other too."""
    silent_from: int | None = None
    """Day from which on nothing is logged; None where the log goes on."""
    _sums: dict[str, Floats] = field(default_factory=dict, repr=False)
    """Name to the sums up to and without a day, (days + 1, columns). A column is a user; or a user in one arm."""

    def rows(self, last: int, metrics: tuple[str, ...] = METRICS) -> Units:
        """What the 14 days up to `last` add, as known at its end: whether anyone came on `last` is not known yet.

        Of `exposure` only the counts are read, so that it has one row an arm.
        """
        pieces = []
        for number, metric in enumerate(metrics):
            for epoch, (begin, end) in enumerate(self.world.epochs):
                first, stop = max(begin, last - WINDOW + 1), min(end, self._logged(last + 1))
                found = self._known(metric, first, stop, last) if first < stop else None
                if found is not None:
                    user, treated, units, total, eligible = found
                    kept = np.flatnonzero(eligible > 0)
                    same = np.ones(len(kept), np.int64)
                    numbers = (units[kept], total[kept], eligible[kept])
                    pieces.append((same * number, same * epoch, user[kept], treated[kept], *numbers))
        metric_of, *others = (np.concatenate(column) for column in zip(*pieces, strict=True))
        epoch_of, user_of, treated_of, units_of, total_of, eligible_of = others
        names = [f"weight_{round(1e4 * self.world.weights[begin]):05}" for begin, _ in self.world.epochs]
        return Units(metrics, metric_of, names, epoch_of, user_of, treated_of, units_of, total_of, eligible_of)

    def difference(self, metric: str, last: int) -> float:
        """Treatment's mean less the control's, of one epoch and without its error; NaN where an arm is empty."""
        found = self._known(metric, max(0, last - WINDOW + 1), self._logged(last + 1), last)
        if found is None:
            return np.nan
        _, treated, units, total, _ = found
        n, s, n1, s1 = (float(one.sum()) for one in (units, total, units * treated, total * treated))
        return s1 / n1 - (s - s1) / (n - n1) if 0 < n1 < n else np.nan

    def is_seen(self, day: int) -> bool:
        """Whether the log of the day has any conversation."""
        return bool(self._between("conversations", day, self._logged(day + 1)).any())

    def truth(self, last: int) -> dict[str, float]:
        """The true effect on each metric over the user-days, or conversations, that `rows` counts.

        Where users are randomised, that on replies and seconds follows from the chances to come of this experiment's
        users, both arms together.
        """
        effects, world = self.effects, self.world
        constant = {"drop_off": 0.0, EXPOSURE: 0.0}
        constant |= {name: getattr(effects, name) for name in FLAGS}
        if world.unit == "conversation":
            return constant | {"chat_send": 0.0, "chat_duration": world.seconds * effects.duration}
        starting = np.bincount(self.chats.start, minlength=world.days)
        likely = np.bincount(self.chats.start, self.chats.chance, world.days)
        by_age = effects.by_age(WINDOW)
        days, came, more = 0, 0.0, 0.0
        matured, lost = np.zeros(WINDOW), np.zeros(WINDOW)
        for age in range(WINDOW):
            cohorts = slice(max(last - WINDOW + 1 - age, 0), max(last + 1 - age, 0))
            people = int(starting[cohorts].sum())
            days += people
            came += float(likely[cohorts].sum()) if age else people
            more += by_age[age] * people
            matured[age] = starting[cohorts.start : max(last - age, 0)].sum()
            lost[age] = by_age[age] * matured[age]
        longer = 1 + effects.duration
        return constant | {
            **{name: lost[first:].sum() / max(matured[first:].sum(), 1) for name, first in FROM_DAY.items()},
            "chat_send": world.conversations * world.replies * more / days,
            "chat_duration": world.conversations * world.seconds * ((came + more) * longer - came) / days,
        }

    def _known(
        self, metric: str, first: int, stop: int, last: int
    ) -> tuple[Ints, NDArray[np.bool_], Floats, Floats, Floats] | None:
        """User, arm, units, total and eligible of the days from `first` to before `stop`."""
        if metric == EXPOSURE:
            units = self._exposed(first, stop)
            return np.arange(2), np.array([False, True]), units, self.crossed * units, units
        by_user = self.world.unit == "user"
        if metric in FROM_DAY:
            if not by_user:
                return None
            matured, youngest = min(stop, last), FROM_DAY[metric]
            units = self._user_days(first, matured, youngest)
            return (
                *self._columns(),
                units,
                self._between(metric, first, matured),
                self._user_days(first, stop, youngest),
            )
        total, units_of = {
            "chat_send": ("replies", None if by_user else "conversations"),
            "chat_duration": ("seconds", None if by_user else "conversations"),
            "drop_off": ("abrupt", "conversations"),
            "regeneration": ("regenerations", "replies"),
            "complaint": ("complaints", "replies"),
            "padding": ("padded", "replies"),
        }[metric]
        units = self._user_days(first, stop, 0) if units_of is None else self._between(units_of, first, stop)
        return *self._columns(), units, self._between(total, first, stop), units

    def _logged(self, stop: int) -> int:
        return stop if self.silent_from is None else min(stop, self.silent_from)

    def _columns(self) -> tuple[Ints, NDArray[np.bool_]]:
        people = len(self.chats.start)
        if self.world.unit == "user":
            return np.arange(people), self.chats.arm
        return np.arange(2 * people) // 2, np.arange(2 * people) % 2 == 1

    def _exposed(self, first: int, stop: int) -> Floats:
        """(2,) units of each arm first exposed from `first` to before `stop`."""
        people = self.world.unit == "user"
        day, arm = (self.chats.start, self.chats.arm) if people else (self.chats.day, self.chats.treated)
        counts: Ints = np.bincount(arm[(day >= first) & (day < stop)], minlength=2)
        return counts.astype(np.float64)

    def _user_days(self, first: int, stop: int, youngest: int) -> Floats:
        """(users,) days from `first` to before `stop` that are `youngest` to 13 days after the assignment."""
        start = self.chats.start
        days: Ints = np.minimum(start + WINDOW, stop) - np.maximum(start + youngest, first)
        return np.maximum(days, 0).astype(np.float64)

    def _between(self, name: str, first: int, stop: int) -> Floats:
        """(columns,) sums of the days from `first` to before `stop`."""
        if name not in self._sums:
            self._sums[name] = self._cumulated(name)
        sums = self._sums[name]
        found: Floats = sums[max(stop, first)] - sums[first]
        return found

    def _cumulated(self, name: str) -> Floats:
        log, days = self.chats, self.world.days
        column = log.user if self.world.unit == "user" else 2 * log.user + log.treated
        columns = len(self._columns()[0])
        if name in FROM_DAY:
            came = log.opening & (log.day - log.start[log.user] >= FROM_DAY[name])
            value, column, day = None, column[came], log.day[came]
        else:
            value, day = None if name == "conversations" else getattr(log, name), log.day
        sums = np.zeros((days + 1, columns))
        np.cumsum(np.bincount(day * columns + column, value, days * columns).reshape(days, columns), 0, out=sums[1:])
        return sums


def experiment(world: World, effects: Effects, rng: np.random.Generator) -> Experiment:
    return Experiment(world, effects, chats(world, effects, rng))
