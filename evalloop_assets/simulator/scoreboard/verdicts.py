"""The guardrail's verdicts day by day, as the loop would have passed them, against the true harm of the trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from evalloop_assets.days import Days
from evalloop_assets.guardrails.backtest import known_by
from evalloop_assets.guardrails.limits import limits_of
from evalloop_assets.guardrails.readings import ACTIVE
from evalloop_assets.guardrails.verdict import Limits, verdict
from evalloop_assets.online_ab.daily import results_of
from evalloop_assets.online_ab.results import Result
from evalloop_assets.simulator.scenarios import Scenario
from evalloop_assets.simulator.scoreboard.ab import Truth, mean_or_nan, true_effects
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.naive import PEEKING, naive_causes
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.serve import FIRST_DAY

STAGE = "guardrails"
RIGHT_CAUSES: Mapping[str, frozenset[str]] = {
    "slow_harm": frozenset({"harm", "red_flag"}),
    "regen_spike": frozenset({"red_flag"}),
}
"""Causes that tell what is wrong in a scenario."""
ANY_CAUSE = frozenset({"gaming", "harm", "red_flag"})
"""In all others fewer people come back, whatever time spent does, since models say little new."""

Judge = Callable[[Sequence[Result], bool, Limits], str | None]
"""Cause of a rollback, None where the trial may go on."""


class Alarm(NamedTuple):
    """The first rollback of a trial."""

    day: int
    """Day of the trial at whose end it came, 1 is the first."""
    cause: str


def measured_verdicts(run: Run) -> list[Measured]:
    """Harm that was missed and false alarms, shares of the run's trials that are harmful and harmless.

    A trial is harmful if by its last days it truly lowers the probability of coming by more than the margin, or raises
    regenerations per reply by more than their limit. Each trial is judged at the end of each of its days, on what the
    loop knew by then, with the run's settings; it ends with the first rollback.
    """
    limits = limits_of(run.settings.ab, run.settings.guardrails)
    found = alarms(run, limits)
    truths = true_effects(run)
    harmful = {name for name, truth in truths.items() if is_harmful(truth, limits)}
    return [one for method in JUDGES for one in figures(run.scenario, method, set(truths), harmful, found[method])]


def figures(
    scenario: Scenario, method: str, trials: set[str], harmful: set[str], found: Mapping[str, Alarm]
) -> list[Measured]:
    """What the alarms of one method are worth."""
    right = RIGHT_CAUSES.get(scenario.name, ANY_CAUSE)
    due = [found[name] for name in sorted(harmful & set(found))]
    missed = mean_or_nan([name not in found for name in sorted(harmful)])
    false_alarms = mean_or_nan([name in found for name in sorted(trials - harmful)])
    return [
        Measured(STAGE, "harmful trials not rolled back, share", method, "low", missed),
        Measured(STAGE, "harmless trials rolled back, share", method, "low", false_alarms),
        Measured(STAGE, "days to the rollback of a harmful trial", method, "low", mean_or_nan([a.day for a in due])),
        Measured(
            STAGE,
            "rollbacks of harmful trials that name a right cause, share",
            method,
            "high",
            mean_or_nan([alarm.cause in right for alarm in due]),
        ),
    ]


def is_harmful(truth: Truth, limits: Limits) -> bool:
    lost = truth.late_returning is not None and truth.late_returning.effect < -limits.retention_margin
    again = truth.late_regeneration is not None and truth.late_regeneration.effect > limits.red_flags["regeneration"]
    return lost or again


def alarms(run: Run, limits: Limits) -> dict[str, dict[str, Alarm]]:
    """By method and experiment."""
    began = {trial.experiment_id: trial.on_day for trial in run.scenario.trials}
    found: dict[str, dict[str, Alarm]] = {method: {} for method in JUDGES}
    for number in range(min(began.values(), default=run.scenario.days), run.scenario.days):
        day = FIRST_DAY + timedelta(days=number)
        active = set(
            run.lake.inputs({"experiment_users": (0, 0)}, Days.one(day)).query(ACTIVE, {"day": day})[0].to_pylist()
        )
        for experiment_id, results in _by_experiment(results_of(known_by(run.lake, day), run.settings)):
            for method, judge in JUDGES.items():
                cause = judge(results, experiment_id in active, limits)
                if cause is not None and experiment_id in began:
                    found[method].setdefault(experiment_id, Alarm(number - began[experiment_id] + 1, cause))
    return found


def _by_experiment(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    for name in sorted({result.experiment_id for result in results}):
        yield name, [result for result in results if result.experiment_id == name]


def _by_loop(results: Sequence[Result], active: bool, limits: Limits) -> str | None:
    found = verdict(results, active, limits)
    return found.cause if found.word == "ROLLBACK" else None


def _by_peeking(results: Sequence[Result], active: bool, limits: Limits) -> str | None:
    return naive_causes(results, limits)[PEEKING]


JUDGES: Mapping[str, Judge] = {LOOP: _by_loop, PEEKING: _by_peeking}
