"""A product whose truth is known: it serves conversations for a day and delivers their log in the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.simulator import battles, rows, truth
from evalloop_assets.simulator.arrays import Bools, Floats
from evalloop_assets.simulator.arrow import arrow_schema, next_day_us
from evalloop_assets.simulator.behaviour import Habits
from evalloop_assets.simulator.conversations import Chats, Talk, converse
from evalloop_assets.simulator.day_plan import Moments, Openings, openings
from evalloop_assets.simulator.delivery import complete_through, deliver, write_table
from evalloop_assets.simulator.lexicons import LEXICON
from evalloop_assets.simulator.policies import Policy
from evalloop_assets.simulator.returning import ReturnHabits, remembered, return_probability, satisfaction_after
from evalloop_assets.simulator.rows import Dialogue
from evalloop_assets.simulator.state import DaySummary, ProductState, load, save
from evalloop_assets.simulator.traffic import Flags
from evalloop_assets.simulator.users import BASE_COHORT, Population, cohort, join, signup_label

POPULATION, COMING, WRITING, LIVING, BATTLING = range(5)
"""Streams of randomness; each is seeded by (seed, day, stream), so a day can be drawn again by itself."""


@dataclass(frozen=True)
class Scale:
    """How big the product is."""

    base_users: int = 4600
    """Users from before the first day; about four in ten come on a day."""
    new_users: int = 180
    """Mean signups a day."""
    battles: int = 1200
    """Choices between two models a day."""
    most_turns: int = 60
    """Replies after which a conversation is cut."""


class Product:
    """Serves days one after the other, from `first_day` on, each with the flags of its beginning.

    State lives under `folder`, truth under `truth`; the same seed, flags and policies give identical rows.
    """

    def __init__(
        self,
        folder: Path,
        truth: Path,
        seed: int,
        first_day: date,
        scale: Scale = Scale(),
        habits: Habits = Habits(),  # noqa: B008 - frozen
        returning: ReturnHabits = ReturnHabits(),  # noqa: B008 - frozen
    ) -> None:
        self._folder, self._truth, self._seed, self._first_day = folder, truth, seed, first_day
        self._scale, self._habits, self._returning = scale, habits, returning

    def serve_day(self, day: date, flags: Flags, policies: Mapping[str, Policy], out: Path) -> DaySummary:
        """Serves one UTC day and delivers it under `out`; a day delivered already is left as it is.

        Conversations take place between models that `flags` names, battles between all of `policies`. Order of
        writing: truth, state, log files, declaration of completeness; a kill at any moment leaves the day
        undeclared, and serving it again gives the same rows. UserError: a day out of order, a state of another
        product, flags or a policy that fail (then nothing is written).
        """
        done = self._done(day, out)
        if done is not None:
            return done
        before = self._before(day)
        people = self.population(day)
        satisfaction, last_day = self._known_so_far(people, before)
        new = people.signup_day == day.toordinal()
        plan = openings(people, satisfaction, day.toordinal() - last_day, new, self._returning, self._rng(day, COMING))
        dialogue = _dialogue(day, plan.chats, people, flags)
        talk = converse(
            dialogue.chats, people, policies, self._habits, self._rng(day, WRITING), self._rng(day, LIVING), LEXICON,
            self._scale.most_turns,
        )  # fmt: skip
        memory = remembered(talk.mean_utility, talk.recent_utility, self._returning)
        satisfaction = _satisfied(dialogue, memory, satisfaction, self._returning)
        last_day = np.where(plan.came, day.toordinal(), last_day)

        written = rows.turn_rows(dialogue, talk, people, policies, LEXICON)
        in_time, late = _by_midnight(day, pa.concat_tables([before.late_turns, written]))
        assignments, exposed = rows.assignment_rows(dialogue, people, before.exposed)
        tables = {
            **self._standing(day, policies, before),
            "signups": rows.signup_rows(day, plan.signups, people, LEXICON),
            "visits": rows.visit_rows(day, plan.visits, people),
            "assignments": assignments,
            "battles": self._battles(day, plan, people, policies),
            "turns": in_time,
        }
        summary = DaySummary(
            day=day,
            active_users=int(plan.came.sum()),
            new_users=int(new.sum()),
            conversations=len(dialogue.conversation_id),
            turns=len(talk.chat),
            battles=tables["battles"].num_rows,
            turns_by_model=dict(sorted(Counter(dialogue.chats.model[talk.chat].tolist()).items())),
        )
        state = ProductState(
            satisfaction=satisfaction,
            last_day=last_day,
            late_turns=late,
            exposed=before.exposed | frozenset(exposed),
            models=before.models | frozenset(policies),
        )
        self._write_truth(day, dialogue, talk, memory, people, plan, new, satisfaction)
        save(self._folder, state, summary, self._identity())
        deliver(out, day, tables)
        return summary

    def population(self, day: date) -> Population:
        """Everybody who has signed up by the end of `day`; earlier users keep their rows."""
        before = self._rng(self._first_day - timedelta(days=1), POPULATION)
        cohorts = [cohort(before, self._scale.base_users, BASE_COHORT, 0, self._returning.base_loyalty)]
        signup = self._first_day
        while signup <= day:
            rng = self._rng(signup, POPULATION)
            size = int(rng.poisson(self._scale.new_users))
            cohorts.append(cohort(rng, size, signup_label(signup), signup.toordinal(), self._returning.new_loyalty))
            signup += timedelta(days=1)
        return join(cohorts)

    def _rng(self, day: date, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, day.toordinal(), stream])

    def _identity(self) -> dict[str, Any]:
        """What a state belongs to; a JSON value."""
        return {
            "seed": self._seed,
            "first_day": self._first_day.isoformat(),
            "scale": asdict(self._scale),
            "habits": asdict(self._habits),
            "returning": asdict(self._returning),
        }

    def _done(self, day: date, out: Path) -> DaySummary | None:
        """The summary of a day that is delivered already."""
        through = complete_through(out)
        if through is None or through < day:
            return None
        kept = load(self._folder, day)
        if kept is None:
            raise UserError(f"day {day}", f"{out} is complete through {through}", "Serve a later day.")
        return kept[1]

    def _before(self, day: date) -> ProductState:
        """State after the day before; of the first day, a history that looks like any other day's."""
        if day == self._first_day:
            rng = self._rng(self._first_day - timedelta(days=1), COMING)
            n = self._scale.base_users
            return ProductState(
                satisfaction=0.3 * rng.standard_normal(n),
                last_day=day.toordinal() - rng.geometric(0.45, n),
                late_turns=arrow_schema(TURNS).empty_table(),
                exposed=frozenset(),
                models=frozenset(),
            )
        kept = load(self._folder, day - timedelta(days=1))
        if kept is None:
            raise UserError(
                f"day {day}", "the product has not served the day before", f"Serve from {self._first_day} on, in order."
            )
        if kept[2] != self._identity():
            raise UserError(
                f"product in {self._folder}", f"it was begun as {kept[2]}", "Open it so, or give another folder."
            )
        return kept[0]

    @staticmethod
    def _known_so_far(people: Population, before: ProductState) -> tuple[Floats, np.ndarray]:
        """Satisfaction and last day of everybody; new users start neutral."""
        new = len(people) - len(before.satisfaction)
        satisfaction = np.concatenate([before.satisfaction, np.zeros(new)])
        return satisfaction, np.concatenate([before.last_day, np.zeros(new, dtype=np.int64)])

    def _standing(self, day: date, policies: Mapping[str, Policy], before: ProductState) -> dict[str, pa.Table]:
        """Characters, on the first day, and models that no delivery has named yet."""
        fresh = [policies[name] for name in sorted(policies) if name not in before.models]
        characters = rows.character_rows(LEXICON)
        return {
            "characters": characters if day == self._first_day else characters.slice(0, 0),
            "models": rows.model_rows(day, fresh),
        }

    def _battles(self, day: date, plan: Openings, people: Population, policies: Mapping[str, Policy]) -> pa.Table:
        """Battles of users at moments when they have the app open; none where fewer than two models can fight."""
        rng = self._rng(day, BATTLING)
        visits = len(plan.visits.user)
        wanted = self._scale.battles if visits and len(policies) > 1 else 0
        picked = np.sort(rng.integers(0, max(visits, 1), wanted))
        second = np.minimum(plan.visits.second[picked] + rng.uniform(1, 4, wanted), 86_399.0)
        fought = battles.choices(plan.visits.user[picked], people, policies, self._habits, rng, LEXICON)
        return rows.battle_rows(day, fought, second, people)

    def _write_truth(
        self,
        day: date,
        dialogue: Dialogue,
        talk: Talk,
        memory: Floats,
        people: Population,
        plan: Openings,
        new: Bools,
        satisfaction: Floats,
    ) -> None:
        tomorrow = return_probability(
            people.loyalty, satisfaction, np.ones(len(people), dtype=np.int64), self._returning
        )
        for schema, table in (
            (truth.TRUTH_TURNS, truth.truth_of_turns(dialogue, talk, people)),
            (truth.TRUTH_CONVERSATIONS, truth.truth_of_conversations(dialogue, talk, memory, people)),
            (truth.TRUTH_USERS, truth.truth_of_users(dialogue, people, plan.came, new, satisfaction, tomorrow)),
        ):
            write_table(truth.truth_file(self._truth, schema, day), table)


def _dialogue(day: date, chats: Moments, people: Population, flags: Flags) -> Dialogue:
    """Asks the flags once for every conversation of the day."""
    names = [f"c-{day:%Y%m%d}-{number:05d}" for number in range(len(chats.user))]
    midnight = datetime(day.year, day.month, day.day)
    assigned = [
        flags.resolve(user_id, name, midnight + timedelta(seconds=second))
        for user_id, name, second in zip(people.user_id[chats.user], names, chats.second.tolist(), strict=True)
    ]
    model = np.array([one.model_id for one in assigned], dtype=object)
    return Dialogue(day, names, chats.second, assigned, Chats(chats.user, model, people.character[chats.user]))


def _by_midnight(day: date, turns: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Turns shown by the end of the UTC day, and those shown after it, both in order of time."""
    turns = turns.sort_by([("shown_at", "ascending"), ("event_id", "ascending")])
    midnight = pa.scalar(next_day_us(day), pa.int64()).cast(pa.timestamp("us"))
    in_time = pc.less(turns["shown_at"], midnight)
    return turns.filter(in_time), turns.filter(pc.invert(in_time))


def _satisfied(dialogue: Dialogue, memory: Floats, before: Floats, habits: ReturnHabits) -> Floats:
    """Satisfaction of all users after the day; who did not talk keeps it."""
    user, n = dialogue.chats.user, len(before)
    talks = np.bincount(user, minlength=n)
    value = np.bincount(user, weights=memory, minlength=n) / np.maximum(talks, 1)
    return np.where(talks > 0, satisfaction_after(before, value, habits), before)
