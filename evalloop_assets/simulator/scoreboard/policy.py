"""What the run's policy candidate is truly worth: small products served by its base, and by the best of n of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from evalloop_assets.lake.engine import View
from evalloop_assets.online_ab.influence import Effect
from evalloop_assets.policy_iteration.rewarding import rewards_of
from evalloop_assets.simulator.conditions import Conditions, Scale
from evalloop_assets.simulator.packs import HELD_OUT
from evalloop_assets.simulator.policies import BestOfN, Policy, Score, Templated
from evalloop_assets.simulator.product import Product
from evalloop_assets.simulator.scenarios import Scenario
from evalloop_assets.simulator.scoreboard.ab import CAME_BEFORE, ENROLLED, READ, coming, effect_of
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.scoreboard.reward import LENGTH, SINGLE_TURN, single_turn_reward
from evalloop_assets.simulator.serve import FIRST_DAY
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets.simulator.truth import TRUTH_CONVERSATIONS, TRUTH_TURNS, TRUTH_USERS, read_truth

STAGE = "policy_iteration"
SCENARIOS = ("healthy", "drift")
SMALL = Scale(base_users=250, new_users=12, battles=0)
DAYS = tuple(FIRST_DAY + timedelta(days=number) for number in range(3))
TRIAL = "best-of-n"

CANDIDATE = """
    SELECT candidates.model_id, candidates.base_model_id, candidates.n, candidates.reward_version
    FROM policy_candidates AS candidates
    JOIN policy_screen AS screen ON screen.model_id = candidates.model_id
    WHERE screen.passed AND candidates.kind = 'best_of_n'
    ORDER BY candidates.day DESC, candidates.model_id DESC
    LIMIT 1
"""

TOLD = f"""
    WITH enrolled AS ({ENROLLED}),
    replies AS (
        SELECT user_id, day, false AS treated, utility FROM champion_turns WHERE NOT regenerated
        UNION ALL
        SELECT user_id, day, true AS treated, utility FROM treated_turns WHERE NOT regenerated
    )
    SELECT enrolled.experiment_id, replies.user_id, replies.day, replies.treated, CAST(count(*) AS DOUBLE) AS units,
        sum(replies.utility) AS total
    FROM enrolled JOIN replies ON replies.user_id = enrolled.user_id
    GROUP BY enrolled.experiment_id, replies.user_id, replies.day, replies.treated
"""


@dataclass(frozen=True)
class Everybody:
    """Serves everybody with one model, as enrolled in the trial."""

    model_id: str

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        return Assignment(self.model_id, TRIAL, "treatment", "user", 1.0)


def measured_policy(run: Run) -> list[Measured]:
    """True gains of the last candidate that passed the screen over its base model.

    Both serve everybody for three days in products with the run's seed and users (fewer of them) and with what these
    want at the end of the run. The naive candidates choose among as many replies of the same base, by a reward model
    learned from battles alone and by length. Time spent is no aim of its own: read it beside utility. Empty for
    scenarios in which the step of a policy is not the question.
    """
    if run.scenario.name not in SCENARIOS:
        return []
    rows = run.query(CANDIDATE).to_pylist()
    if not rows:
        return [one for method in (LOOP, SINGLE_TURN, LENGTH) for one in figures(method, None, None, None)]
    return [one for method, score in _scores(run, rows[0]) for one in _gains(run, rows[0], method, score)]


def figures(method: str, utility: Effect | None, returning: Effect | None, duration: Effect | None) -> list[Measured]:
    """NaN for what is unknown."""
    stayed = duration.relative if duration and duration.relative is not None else float("nan")
    return [
        Measured(STAGE, "gain in true utility per reply", method, "high", utility.effect if utility else float("nan")),
        Measured(
            STAGE,
            "gain in the true probability of coming, points",
            method,
            "high",
            100 * returning.effect if returning else float("nan"),
        ),
        Measured(STAGE, "change of seconds read per conversation, %", method, "none", 100 * stayed),
    ]


def today(scenario: Scenario) -> Conditions:
    """A small clean product whose users want what those of the scenario want on its last day."""
    drift = scenario.conditions.drift
    if drift is not None:
        drift = replace(drift, on_day=0) if drift.on_day < scenario.days else None
    return Conditions(
        scale=SMALL,
        people=scenario.conditions.people,
        habits=scenario.conditions.habits,
        returning=scenario.conditions.returning,
        drift=drift,
    )


def lengths(messages: list[str], replies: list[str]) -> np.ndarray:
    return np.array([len(reply) for reply in replies], dtype=np.float64)


def _scores(run: Run, candidate: Mapping[str, Any]) -> Iterator[tuple[str, Score | None]]:
    yield LOOP, rewards_of(run.settings, candidate["reward_version"])
    single = single_turn_reward(run)
    yield SINGLE_TURN, single.score if single else None
    yield LENGTH, lengths


def _gains(run: Run, candidate: Mapping[str, Any], method: str, score: Score | None) -> list[Measured]:
    base = next((model for model in run.scenario.cast if model.model_id == candidate["base_model_id"]), None)
    if base is None or score is None:
        return figures(method, None, None, None)
    best = BestOfN(base, candidate["n"], score, candidate["model_id"], reads_history=method == LOOP)
    folder = run.settings.home / "scoreboard" / "policy"
    views = {
        **_truth(run, "champion", Templated(base), folder / "base"),
        **_truth(run, "treated", best, folder / method.replace(" ", "_")),
    }
    fetch = run.lake.reader.fetch
    returning = coming(fetch(CAME_BEFORE, views, {}), run.scenario.conditions.returning)
    return figures(
        method,
        effect_of(fetch(TOLD, views, {}), TRIAL),
        effect_of(returning, TRIAL),
        effect_of(fetch(READ, views, {}), TRIAL),
    )


def _truth(run: Run, world: str, policy: Policy, folder: Path) -> dict[str, View]:
    """Truth of the small product, served once."""
    product = Product(folder / "product", folder / "truth", run.seed, FIRST_DAY, today(run.scenario), HELD_OUT)
    for day in DAYS:
        product.serve_day(day, Everybody(policy.spec.model_id), {policy.spec.model_id: policy}, folder / "landing")
    tables = {"users": TRUTH_USERS, "conversations": TRUTH_CONVERSATIONS, "turns": TRUTH_TURNS}
    return {f"{world}_{name}": View({}, rows=read_truth(folder / "truth", schema)) for name, schema in tables.items()}
