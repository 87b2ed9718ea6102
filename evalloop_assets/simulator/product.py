"""A product whose truth is known: it serves conversations for a day and delivers their log in the contract."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator import battles, rows, truth
from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.behaviour import Habits
from evalloop_assets.simulator.benchmarks import benchmark_rows
from evalloop_assets.simulator.conditions import Conditions, Drift
from evalloop_assets.simulator.conversations import Chats, converse
from evalloop_assets.simulator.day_plan import Moments, Openings, openings
from evalloop_assets.simulator.delivery import complete_through
from evalloop_assets.simulator.dirt import TRUTH_DIRT, OtherDevice
from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.policies import Policy
from evalloop_assets.simulator.returning import ReturnHabits, remembered, return_probability, satisfaction_after
from evalloop_assets.simulator.rows import Dialogue
from evalloop_assets.simulator.shipment import Shipment, Soil
from evalloop_assets.simulator.soiling import HeldBack, Soiled, joined, soil
from evalloop_assets.simulator.state import DaySummary, ProductState, load, save
from evalloop_assets.simulator.strangers import StrangerRows, stranger_rows, strangers
from evalloop_assets.simulator.traffic import Flags
from evalloop_assets.simulator.users import BASE_COHORT, Population, cohort, join, signup_label

POPULATION, COMING, WRITING, LIVING, BATTLING, SOILING, STRANGERS = range(7)
"""Streams of randomness; each is seeded by (seed, day, stream, part), so a day can be drawn again by itself."""
PART = 20_000
"""Conversations held at once: what bounds the memory of a day."""
LAST_PART = 1_000_000
"""Number of the part that holds all but the turns of people."""
OWN_CHARACTER = 0.8
"""Probability that a conversation is with the user's favourite character."""
FAMILIAR = 2.5
"""Mean uses of a phrase that users from before the first day remember."""


class Product:
    """Serves days one after the other, from `first_day` on, each with the flags of its beginning.

    State lives under `folder`, truth under `truth`; the same seed, flags and policies give identical rows. `plan` says
    in words what is served to whom: a product that was begun under another one is refused.
    """

    def __init__(
        self,
        folder: Path,
        truth: Path,
        seed: int,
        first_day: date,
        conditions: Conditions = Conditions(),
        lexicon: Lexicon = LEXICON,
        plan: str = "",
    ) -> None:
        self._folder, self._truth, self._seed, self._first_day = folder, truth, seed, first_day
        self._conditions, self._lexicon, self._plan = conditions, lexicon, plan

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
        people = self._wanting(day, self.population(day))
        habits, returning = self._habits(day), self._conditions.returning
        known = _Known(people, before)
        new = people.signup_day == day.toordinal()
        away = day.toordinal() - known.last_day
        plan = openings(people, known.satisfaction, away, new, returning, self._rng(day, COMING))
        flags = OtherDevice(flags, self._conditions.dirt.both_arms, self._seed)
        dialogue = self._dialogue(day, plan.chats, people, flags)
        automatic = self._automatic(day, plan, flags, policies)
        assignments, exposed = rows.assignment_rows(dialogue, people, before.exposed)
        fought = self._battles(day, plan, people, policies, habits)
        told: Counter[str] = Counter()
        with Shipment(out, self._truth, day, before.held, self._soil(day)) as shipment:
            for number, part in enumerate(_parts(dialogue)):
                writing, living = self._rng(day, WRITING, number), self._rng(day, LIVING, number)
                talk = converse(
                    part.chats, people, policies, habits, writing, living, self._lexicon,
                    self._conditions.scale.most_turns, known.seen,
                )  # fmt: skip
                memory = remembered(talk.mean_utility, talk.recent_utility, returning)
                known.learn(part.chats.user, memory, talk.uses)
                told.update(part.chats.model[talk.chat].tolist())
                shipment.add({"turns": rows.turn_rows(part, talk, people, policies, self._lexicon)}, number)
                shipment.add_truth(truth.TRUTH_TURNS, truth.truth_of_turns(part, talk, people))
                conversations = truth.truth_of_conversations(part, talk, memory, people, self._lexicon)
                shipment.add_truth(truth.TRUTH_CONVERSATIONS, conversations)
            satisfaction = known.satisfied(returning)
            battle_rows, battle_truth = fought
            shipment.add_truth(truth.TRUTH_BATTLES, battle_truth)
            tomorrow = return_probability(people.loyalty, satisfaction, np.ones(len(people), dtype=np.int64), returning)
            users = truth.truth_of_users(dialogue, people, plan.came, new, satisfaction, tomorrow)
            shipment.add_truth(truth.TRUTH_USERS, users)
            people_rows = {
                **self._standing(day, policies, before),
                "signups": rows.signup_rows(day, plan.signups, people, self._lexicon),
                "visits": rows.visit_rows(day, plan.visits, people),
                "assignments": assignments,
                "battles": battle_rows,
            }
            shipment.add(joined(people_rows, automatic.tables), LAST_PART)
            shipment.add_truth(TRUTH_DIRT, automatic.truth)
            summary = DaySummary(
                day=day,
                active_users=int(plan.came.sum()),
                new_users=int(new.sum()),
                conversations=len(dialogue.conversation_id),
                turns=sum(told.values()),
                battles=battle_rows.num_rows,
                turns_by_model=dict(sorted(told.items())),
            )
            state = ProductState(
                satisfaction=satisfaction,
                last_day=np.where(plan.came, day.toordinal(), known.last_day),
                seen=known.remembered(habits.phrase_kept),
                held=shipment.held,
                exposed=before.exposed | frozenset(exposed),
                models=before.models | frozenset(policies),
            )
            shipment.settle_truth()
            save(self._folder, state, summary, self._identity())
            shipment.deliver()
        return summary

    def population(self, day: date) -> Population:
        """Everybody who has signed up by the end of `day`; earlier users keep their rows."""
        scale, people, returning = self._conditions.scale, self._conditions.people, self._conditions.returning
        characters = self._lexicon.n_characters
        before = self._rng(self._first_day - timedelta(days=1), POPULATION)
        cohorts = [cohort(before, scale.base_users, BASE_COHORT, 0, returning.base_loyalty, people, characters)]
        signup = self._first_day
        while signup <= day:
            rng = self._rng(signup, POPULATION)
            size, label, loyalty = int(rng.poisson(scale.new_users)), signup_label(signup), returning.new_loyalty
            cohorts.append(cohort(rng, size, label, signup.toordinal(), loyalty, people, characters))
            signup += timedelta(days=1)
        return join(cohorts)

    def _rng(self, day: date, stream: int, part: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._seed, day.toordinal(), stream, part])

    def _soil(self, day: date) -> Soil:
        def soiled(tables: Mapping[str, pa.Table], part: int) -> Soiled:
            rng = self._rng(day, SOILING, part)
            return soil(
                self._conditions.dirt, tables, day=day, first_day=self._first_day, seed=self._seed, rng=rng
            )  # fmt: skip

        return soiled

    def _automatic(self, day: date, plan: Openings, flags: Flags, policies: Mapping[str, Policy]) -> StrangerRows:
        """What bots and scripts leave in the log of the day."""
        first, last = len(plan.chats.user), len(plan.visits.user)
        who = strangers(
            self._conditions.dirt, self._lexicon, day=day, first_day=self._first_day,
            base_users=self._conditions.scale.base_users, first_conversation=first,
            seed=self._seed,
        )  # fmt: skip
        asked = zip(who.user_id, who.conversation_id, who.started_at, strict=True)
        served = [flags.resolve(*one) for one in asked]
        price = {name: policy.spec.cost_per_1k_tokens for name, policy in policies.items()}
        rng = self._rng(day, STRANGERS)
        return stranger_rows(who, served, price, self._lexicon, first_visit=last, rng=rng)

    def _number(self, day: date) -> int:
        return (day - self._first_day).days

    def _drifted(self, day: date) -> Drift | None:
        """What has changed by this day."""
        drift = self._conditions.drift
        return drift if drift is not None and self._number(day) >= drift.on_day else None

    def _habits(self, day: date) -> Habits:
        drift = self._drifted(day)
        return self._conditions.habits if drift is None else replace(self._conditions.habits, values=drift.values)

    def _wanting(self, day: date, people: Population) -> Population:
        """The population with the tastes of this day."""
        return people if self._drifted(day) is None else replace(people, taste=np.roll(people.taste, 1, axis=1))

    def _identity(self) -> dict[str, Any]:
        """What a state belongs to; a JSON value."""
        words = [pack.name for pack in self._lexicon.packs]
        identity = {
            "plan": self._plan,
            "seed": self._seed,
            "first_day": self._first_day.isoformat(),
            "lexicon": words,
            **asdict(self._conditions),
        }
        return dict(json.loads(json.dumps(identity, default=lambda value: value.item())))

    def _require_same(self, begun: Mapping[str, Any]) -> None:
        """UserError where the folder holds a product of another kind; names what differs."""
        wanted = self._identity()
        if begun != wanted:
            differs = [name for name in wanted if begun.get(name) != wanted[name]]
            was = ", ".join(f"{name} {begun.get(name)}" for name in differs)
            raise UserError(
                f"product in {self._folder}",
                f"it was begun as another one: {was}",
                "Open it so, or give another folder.",
            )

    def _done(self, day: date, out: Path) -> DaySummary | None:
        """The summary of a day that is delivered already."""
        through = complete_through(out)
        if through is None or through < day:
            return None
        kept = load(self._folder, day)
        if kept is None:
            raise UserError(f"day {day}", f"{out} is complete through {through}", "Serve a later day.")
        self._require_same(kept[2])
        return kept[1]

    def _heard_before(self, rng: np.random.Generator, users: int) -> Floats:
        """(users, phrases) uses that users from before the first day remember: of their models' phrases only."""
        known = rng.poisson(FAMILIAR, (users, self._lexicon.n_templates)).astype(np.float32)
        return np.pad(known, ((0, 0), (0, self._lexicon.n_phrases - self._lexicon.n_templates)))

    def _before(self, day: date) -> ProductState:
        """State after the day before; of the first day, a history that looks like any other day's."""
        if day == self._first_day:
            rng = self._rng(self._first_day - timedelta(days=1), COMING)
            n = self._conditions.scale.base_users
            return ProductState(
                satisfaction=0.3 * rng.standard_normal(n),
                last_day=day.toordinal() - rng.geometric(0.45, n),
                seen=self._heard_before(rng, n),
                held=HeldBack(),
                exposed=frozenset(),
                models=frozenset(),
            )
        kept = load(self._folder, day - timedelta(days=1))
        if kept is None:
            raise UserError(
                f"day {day}", "the product has not served the day before", f"Serve from {self._first_day} on, in order."
            )
        self._require_same(kept[2])
        return kept[0]

    def _standing(self, day: date, policies: Mapping[str, Policy], before: ProductState) -> dict[str, pa.Table]:
        """Characters, on the first day, and models that no delivery has named yet, with their benchmark scores."""
        fresh = [policies[name] for name in sorted(policies) if name not in before.models]
        characters = rows.character_rows(self._lexicon)
        return {
            "characters": characters if day == self._first_day else characters.slice(0, 0),
            "models": rows.model_rows(day, fresh),
            "benchmark_scores": benchmark_rows(day, fresh, self._seed),
        }

    def _battles(
        self, day: date, plan: Openings, people: Population, policies: Mapping[str, Policy], habits: Habits
    ) -> tuple[pa.Table, pa.Table]:
        """Battles of users at moments when they have the app open, and their truth; none with fewer than two models."""
        rng = self._rng(day, BATTLING)
        visits = len(plan.visits.user)
        wanted = self._conditions.scale.battles if visits and len(policies) > 1 else 0
        picked = np.sort(rng.integers(0, max(visits, 1), wanted))
        second = plan.visits.second[picked] + rng.uniform(1, 4, wanted)
        fought = battles.choices(plan.visits.user[picked], people, policies, habits, rng, self._lexicon)
        told = rows.battle_rows(day, fought, second, people)
        return told, truth.truth_of_battles(told["battle_id"], fought)

    def _dialogue(self, day: date, chats: Moments, people: Population, flags: Flags) -> Dialogue:
        """Asks the flags once for every conversation of the day."""
        rng = self._rng(day, COMING, 1)
        n = len(chats.user)
        names = [f"c-{day:%Y%m%d}-{number:05d}" for number in range(n)]
        midnight = datetime(day.year, day.month, day.day)
        assigned = [
            flags.resolve(user_id, name, midnight + timedelta(seconds=second))
            for user_id, name, second in zip(people.user_id[chats.user], names, chats.second.tolist(), strict=True)
        ]
        model = np.array([one.model_id for one in assigned], dtype=object)
        other = rng.integers(0, self._lexicon.n_characters, n)
        character = np.where(rng.random(n) < OWN_CHARACTER, people.character[chats.user], other)
        return Dialogue(day, names, chats.second, assigned, Chats(chats.user, model, character))


class _Known:
    """What is known of every user as the day goes on; arrays with one entry per user."""

    def __init__(self, people: Population, before: ProductState) -> None:
        new = len(people) - len(before.satisfaction)
        self.satisfaction = np.concatenate([before.satisfaction, np.zeros(new)])
        self.last_day = np.concatenate([before.last_day, np.zeros(new, dtype=np.int64)])
        self.seen = np.concatenate([before.seen, np.zeros((new, before.seen.shape[1]), dtype=np.float32)])
        self._talks, self._value = np.zeros(len(people)), np.zeros(len(people))
        self._uses = np.zeros(self.seen.size, dtype=np.float32)

    def learn(self, user: Ints, memory: Floats, uses: Ints) -> None:
        """Takes up conversations: who held them, what is remembered of them, which phrases were used."""
        n = len(self._talks)
        self._talks += np.bincount(user, minlength=n)
        self._value += np.bincount(user, weights=memory, minlength=n)
        used, count = np.unique(uses, return_counts=True)
        self._uses[used] += count

    def satisfied(self, habits: ReturnHabits) -> Floats:
        """Satisfaction after the day; who did not talk keeps it."""
        value = self._value / np.maximum(self._talks, 1)
        return np.where(self._talks > 0, satisfaction_after(self.satisfaction, value, habits), self.satisfaction)

    def remembered(self, kept: float) -> Floats:
        """(users, phrases) uses remembered on the next day."""
        return np.asarray(kept * self.seen + self._uses.reshape(self.seen.shape), dtype=np.float32)


def _parts(dialogue: Dialogue) -> Iterator[Dialogue]:
    """The conversations of the day in parts of at most PART."""
    chats = dialogue.chats
    for first in range(0, len(chats.user), PART):
        to = first + PART
        yield Dialogue(
            dialogue.day,
            dialogue.conversation_id[first:to],
            dialogue.start_s[first:to],
            dialogue.assigned[first:to],
            Chats(chats.user[first:to], chats.model[first:to], chats.character[first:to]),
        )
