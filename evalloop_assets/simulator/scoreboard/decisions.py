"""Error rates of decisions: thousands of simulated experiments through the product's own inference and guardrail.

An experiment runs for 28 days and is looked at at the end of each, on a window of 14 days, with the default limits and
as many planned users as it has. The methods of `naive` see exactly the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evalloop_assets.guardrails.limits import limits_of as guardrail_limits
from evalloop_assets.guardrails.verdict import DURATION, Limits, verdict
from evalloop_assets.online_ab.decisions import DecisionLimits, decide
from evalloop_assets.online_ab.results import EXPOSURE, Result, compare
from evalloop_assets.settings import ABSettings, GuardrailSettings
from evalloop_assets.simulator.scoreboard.decision_figures import figures as figures
from evalloop_assets.simulator.scoreboard.experiment_plans import HARMFUL, PLANS, Estimate, Record
from evalloop_assets.simulator.scoreboard.experiment_rows import FLAGS, FROM_DAY, RETURN, SENT, Experiment, experiment
from evalloop_assets.simulator.scoreboard.experiments import WINDOW
from evalloop_assets.simulator.scoreboard.figures import LOOP, Figure
from evalloop_assets.simulator.scoreboard.naive import METHODS, PEEKING, ArmSums, naive_causes

FULL_WINDOW = WINDOW - 1
"""Day of the one planned look."""
AB, GUARDRAILS = ABSettings(), GuardrailSettings()
BLOCK = 25
"""Experiments of one block."""


class Block(NamedTuple):
    """Consecutive experiments of one plan."""

    scenario: str
    first: int
    experiments: int


def blocks(experiments: int) -> list[Block]:
    """`experiments` of A/A, a quarter as many of each of the others."""
    full = ("a_a", "a_a_by_conversation")
    wanted = {name: experiments if name in full else max(experiments // 4, 1) for name in PLANS}
    return [
        Block(name, first, min(BLOCK, count - first))
        for name, count in wanted.items()
        for first in range(0, count, BLOCK)
    ]


def records(block: Block, seed: int) -> list[Record]:
    """Every experiment has a generator of its own, so that its record is the same whatever block it is in."""
    place, plan = list(PLANS).index(block.scenario), PLANS[block.scenario]
    found = []
    for number in range(block.first, block.first + block.experiments):
        one = experiment(plan.world, plan.effects, np.random.default_rng([seed, place, number]))
        found.append((_watched if plan.looks else _looked_at_once)(block.scenario, number, one))
    return found


def error_rates(experiments: int = 2_000, seed: int = 1, progress: Callable[[str], None] = print) -> list[Figure]:
    """All figures, by one process; to spread the work, run the `blocks` anywhere and give all records to `figures`."""
    found: list[Record] = []
    todo = blocks(experiments)
    for done, block in enumerate(todo, start=1):
        found += records(block, seed)
        progress(f"{block.scenario}: {block.first + block.experiments} experiments, block {done} of {len(todo)}")
    return figures(found)


# --- one experiment ---------------------------------------------------------------------------------------------------


def limits_of(users: int) -> Limits:
    """The default limits, planned for so many users."""
    return guardrail_limits(AB.model_copy(update={"planned_users": users}), GUARDRAILS)


DECISION_LIMITS = DecisionLimits(
    retention_margin=GUARDRAILS.retention_margin,
    srm_alpha=AB.srm_alpha,
    multiple_exposure_limit=GUARDRAILS.multiple_exposure_limit,
    minimum_users=AB.minimum_users,
    volume_floor=0,
    week_users=GUARDRAILS.week_users,
    alpha=AB.alpha,
    planned_users=AB.planned_users,
    planned_effect=GUARDRAILS.planned_effect,
    planned_days=GUARDRAILS.planned_days,
    planned_power=0.0,
)


def metrics_that_matter(one: Experiment, last: int, limits: Limits) -> tuple[str, ...]:
    """Metrics that can move a verdict: bounds surround the estimate, so they exclude nothing that it is not beyond.

    To leave the others out changes no verdict and saves most of the time.
    """
    flags = tuple(name for name in FLAGS if one.difference(name, last) > limits.red_flags[name])
    gaming = min(one.difference(name, last) for name in FROM_DAY) < 0 < one.difference(DURATION, last)
    return (*flags, *((DURATION,) if gaming else ()), *FROM_DAY, EXPOSURE)


def _watched(scenario: str, number: int, one: Experiment) -> Record:
    """28 daily looks; it ends early where nothing more can be learned."""
    limits = limits_of(one.world.users)
    arms = ArmSums.of(one.chats, one.world.days)
    alarms = arms.alarm(limits)
    excluded = dict.fromkeys((LOOP, PEEKING), False)
    promoted = 0
    for last in range(one.world.days):
        results = _compared(one, last, metrics_that_matter(one, last, limits))
        found = verdict(results, True, limits)
        rollbacks = {LOOP: found.cause if found.word == "ROLLBACK" else None, **naive_causes(results, limits)}
        alarms = {name: (last + 1, cause) for name, cause in rollbacks.items() if cause} | alarms
        if not promoted and LOOP not in alarms and _promotes(one, last, results):
            promoted = last + 1
        for result in results if scenario == "a_a" else ():
            if result.metric == RETURN:
                excluded[LOOP] |= not result.always_low <= 0 <= result.always_high
                excluded[PEEKING] |= not result.low <= 0 <= result.high
        if (scenario in HARMFUL and len(alarms) == len(METHODS)) or (scenario == "gain" and promoted):
            break
    return Record(scenario, number, alarms, promoted, excluded, _planned(one), arms.seconds_differ(FULL_WINDOW))


def _looked_at_once(scenario: str, number: int, one: Experiment) -> Record:
    naive = ArmSums.of(one.chats, one.world.days).seconds_differ(FULL_WINDOW)
    if one.world.ramp:
        rows = one.rows(FULL_WINDOW, (DURATION,))
        pooled = replace(rows, epochs=["pooled"], epoch=np.zeros_like(rows.epoch))
        naive = compare(scenario, one.world.unit, pooled, {}, one.world.users, AB.alpha)[0].p_value < 0.05
    return Record(scenario, number, {}, 0, {}, _planned(one), naive)


def _planned(one: Experiment) -> dict[str, Estimate]:
    truth = one.truth(FULL_WINDOW)
    metrics = (DURATION, RETURN) if one.world.unit == "user" else (DURATION,)
    return {
        result.metric: Estimate(
            truth=truth[result.metric],
            error=result.effect - truth[result.metric],
            covered=result.low <= truth[result.metric] <= result.high,
            significant=result.p_value < 0.05,
        )
        for result in _compared(one, FULL_WINDOW, metrics)
    }


def _compared(one: Experiment, last: int, metrics: tuple[str, ...]) -> list[Result]:
    return compare("simulated", one.world.unit, one.rows(last, metrics), {}, one.world.users, AB.alpha)


def _promotes(one: Experiment, last: int, results: Sequence[Result]) -> bool:
    """Replies are compared only where the decision depends on them, that is where it would else be to advance."""
    action = decide(results, None, 0, DECISION_LIMITS).action
    if action == "advance":
        action = decide([*results, *_compared(one, last, (SENT,))], None, 0, DECISION_LIMITS).action
    return action == "promote"
