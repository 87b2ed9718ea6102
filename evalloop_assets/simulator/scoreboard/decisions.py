"""Error rates of decisions: thousands of simulated experiments through the product's own inference and guardrail.

An experiment runs for 28 days and is looked at at the end of each, on a window of 14 days, with the default limits and
as many planned users as it has. The naive methods see exactly the same data:

- `daily peeking`: the guardrail's rules with fixed 95% bounds, users as clusters;
- `daily peeking, no margin`: the same, but any loss of return beyond its fixed bounds is harm;
- `daily peeking, conversation t-test`: the guardrail's rules with fixed 95% bounds of Welch's t-test, in which every
  conversation (every reply for red flags) is a unit of its own, and return is whether its user came on the next day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.guardrails.verdict import DURATION, Limits, verdict
from evalloop_assets.online_ab.compare import EXPOSURE, Result, compare
from evalloop_assets.online_ab.decisions import DecisionLimits, decide
from evalloop_assets.online_ab.influence import Z_95
from evalloop_assets.settings import ABSettings, GuardrailSettings
from evalloop_assets.simulator.scoreboard.experiments import (
    WINDOW,
    Chats,
    Effects,
    Experiment,
    World,
    experiment,
    ramping,
)
from evalloop_assets.simulator.scoreboard.figures import LOOP, Best, Figure, Interval, mean, share

Floats = NDArray[np.float64]

RETURN = "daily_return"
SENT = "chat_send"
PEEKING = "daily peeking"
NO_MARGIN = "daily peeking, no margin"
T_TEST = "conversation t-test"
PEEKING_T_TEST = f"{PEEKING}, {T_TEST}"
POOLED = "pooled over the ramp"
METHODS = (LOOP, PEEKING, NO_MARGIN, PEEKING_T_TEST)
FULL_WINDOW = WINDOW - 1
"""Day of the one planned look."""
AB, GUARDRAILS = ABSettings(), GuardrailSettings()
BLOCK = 25
"""Experiments of one block."""


RAMP = (0.01,) * 4 + (0.05,) * 3 + (0.25,) * 4 + (0.5,) * 3


class Plan(NamedTuple):
    """One kind of experiment that is simulated many times."""

    world: World
    effects: Effects = Effects()
    looks: bool = True
    """Looked at every day; else once, at the end of day 14."""


PLANS: Mapping[str, Plan] = {
    "a_a": Plan(World(4_000)),
    "padding": Plan(World(12_000), Effects(duration=0.3, returning=(-0.05,))),
    "slow_harm": Plan(World(12_000), Effects(returning=ramping(-0.03, 14))),
    "novelty": Plan(World(12_000), Effects(returning=(0.03, 0.03, -0.03))),
    "regen_spike": Plan(World(12_000), Effects(regeneration=0.04)),
    "gain": Plan(World(12_000), Effects(returning=(0.03,))),
    "a_a_by_conversation": Plan(World(500, days=14, unit="conversation", taste=0.5), looks=False),
    "a_a_ramp": Plan(
        World(4_000, days=14, unit="conversation", weekend=0.3, ramp=RAMP),
        looks=False,
    ),
}
UNBIASED = ("a_a", "padding")
"""Where the error of the estimates is measured."""
HARMFUL = ("padding", "slow_harm", "novelty", "regen_spike")


class Block(NamedTuple):
    """Consecutive experiments of one plan."""

    scenario: str
    first: int
    experiments: int


class Estimate(NamedTuple):
    """One metric at the planned look, by the loop."""

    error: float
    """Estimate less truth, in the metric's unit."""
    covered: bool
    """Whether the 95% interval holds the truth."""
    significant: bool
    """Whether p < 0.05."""


class Record(NamedTuple):
    """What became of one experiment."""

    scenario: str
    number: int
    alarms: Mapping[str, tuple[int, str]]
    """Method to the day (1 is the first) at whose end it rolled back first, and the cause."""
    promoted: int
    """Day of the first decision to promote, before any rollback; 0 without."""
    excluded: Mapping[str, bool]
    """Method to whether its bounds of the effect on return ever excluded the truth."""
    planned: Mapping[str, Estimate]
    """Metric to what the planned look said."""
    naive: bool
    """Whether the naive test found a difference of seconds at the planned look, p < 0.05."""


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
    return Limits(
        alpha=AB.alpha,
        planned_users=users,
        retention_margin=GUARDRAILS.retention_margin,
        red_flags={"complaint": GUARDRAILS.complaint_limit, "regeneration": GUARDRAILS.regeneration_limit},
        srm_alpha=AB.srm_alpha,
        multiple_exposure_limit=GUARDRAILS.multiple_exposure_limit,
        minimum_users=AB.minimum_users,
    )


DECISION_LIMITS = DecisionLimits(
    retention_margin=GUARDRAILS.retention_margin,
    srm_alpha=AB.srm_alpha,
    multiple_exposure_limit=GUARDRAILS.multiple_exposure_limit,
    minimum_users=AB.minimum_users,
    volume_floor=0,
)


def metrics_that_matter(one: Experiment, last: int, arms: ArmSums, limits: Limits) -> tuple[str, ...]:
    """Metrics that can move a verdict: bounds surround the estimate, so they exclude nothing that it is not beyond.

    To leave the others out changes no verdict and saves most of the time.
    """
    flags = tuple(name for name, limit in limits.red_flags.items() if arms.rise[name][last] > limit)
    gaming = one.difference(RETURN, last) < 0 < one.difference(DURATION, last)
    return (*flags, *((DURATION,) if gaming else ()), RETURN, EXPOSURE)


def _watched(scenario: str, number: int, one: Experiment) -> Record:
    """28 daily looks; it ends early where nothing more can be learned."""
    limits = limits_of(one.world.users)
    arms = ArmSums.of(one.chats, one.world.days)
    alarms = arms.alarm(limits)
    excluded = dict.fromkeys((LOOP, PEEKING), False)
    promoted = 0
    for last in range(one.world.days):
        results = _compared(one, last, metrics_that_matter(one, last, arms, limits))
        found = verdict(results, True, limits)
        rollbacks = {LOOP: found.cause if found.word == "ROLLBACK" else None, **_naive_causes(results, limits)}
        alarms = {name: (last + 1, cause) for name, cause in rollbacks.items() if cause} | alarms
        if not promoted and LOOP not in alarms and _promotes(one, last, results):
            promoted = last + 1
        for result in results if scenario == "a_a" else ():
            if result.metric == RETURN:
                excluded[LOOP] |= not result.always_low <= 0 <= result.always_high
                excluded[PEEKING] |= not result.low <= 0 <= result.high
        if (scenario in HARMFUL and len(alarms) == len(METHODS)) or (scenario == "gain" and promoted):
            break
    measured = scenario in UNBIASED
    planned, naive = (_planned(one), arms.seconds_differ(FULL_WINDOW)) if measured else ({}, False)
    return Record(scenario, number, alarms, promoted, excluded, planned, naive)


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


# --- naive methods ----------------------------------------------------------------------------------------------------


def _naive_causes(results: Sequence[Result], limits: Limits) -> dict[str, str | None]:
    """Cause of the alarm of each method with fixed bounds and users as clusters."""
    found = {result.metric: result for result in results if result.least_users >= limits.minimum_users}
    flag = next((n for n, limit in limits.red_flags.items() if n in found and found[n].low > limit), None)
    stayed, came_back = found.get(DURATION), found.get(RETURN)
    down = came_back is not None and came_back.high < 0
    gaming = "gaming" if down and stayed is not None and stayed.low > 0 else None
    harm = "harm" if came_back is not None and came_back.high < -limits.retention_margin else None
    flagged = "red_flag" if flag else None
    return {PEEKING: flagged or gaming or harm, NO_MARGIN: flagged or ("harm" if down else None)}


@dataclass(frozen=True)
class ArmSums:
    """What a t-test with conversations as units needs: sums of the window of each look by arm, (looks, 2) each."""

    conversations: Floats
    seconds: Floats
    seconds_squared: Floats
    replies: Floats
    flags: Mapping[str, Floats]
    """Regenerations and complaints."""
    followed: Floats
    """Conversations of which it is known whether their user came on the next day."""
    returned: Floats

    @classmethod
    def of(cls, log: Chats, days: int) -> ArmSums:
        known = ~np.isnan(log.came_next_day)
        return cls(
            conversations=_windows(log, None, days),
            seconds=_windows(log, log.seconds, days),
            seconds_squared=_windows(log, log.seconds**2, days),
            replies=_windows(log, log.replies, days),
            flags={
                "regeneration": _windows(log, log.regenerations, days),
                "complaint": _windows(log, log.complaints, days),
            },
            followed=_windows(log, known, days, unknown=2),
            returned=_windows(log, np.where(known, log.came_next_day, 0.0), days, unknown=2),
        )

    @property
    def rise(self) -> dict[str, Floats]:
        """(looks,) difference of each flag per reply."""
        return {name: np.diff(total / np.maximum(self.replies, 1), axis=1)[:, 0] for name, total in self.flags.items()}

    def alarm(self, limits: Limits) -> dict[str, tuple[int, str]]:
        """The method's first day of alarm, 1 is the first, and its cause; empty without any."""
        stayed, _ = _welch(self.conversations, self.seconds, self.seconds_squared)
        _, came_back = _welch(self.followed, self.returned, self.returned)
        flagged = np.zeros(len(stayed), np.bool_)
        for name, limit in limits.red_flags.items():
            flagged |= _welch(self.replies, self.flags[name], self.flags[name])[0] > limit
        flagged &= self.conversations.min(axis=1) >= limits.minimum_users
        ripe = self.followed.min(axis=1) >= limits.minimum_users
        causes = {
            "red_flag": flagged,
            "gaming": ripe & (stayed > 0) & (came_back < 0),
            "harm": ripe & (came_back < -limits.retention_margin),
        }
        first = [(int(np.argmax(days)) + 1, cause) for cause, days in causes.items() if days.any()]
        return {PEEKING_T_TEST: min(first, key=lambda alarm: alarm[0])} if first else {}

    def seconds_differ(self, look: int) -> bool:
        """Whether p < 0.05 for seconds per conversation."""
        low, high = _welch(self.conversations, self.seconds, self.seconds_squared)
        return not low[look] <= 0 <= high[look]


def _windows(log: Chats, value: NDArray[Any] | None, days: int, unknown: int = 0) -> Floats:
    """(days, 2) sums by arm over the 14 days up to each, of which the last `unknown` are not known yet."""
    sums = np.zeros((days + 1, 2))
    np.cumsum(np.bincount(log.day * 2 + log.treated, value, days * 2).reshape(days, 2), axis=0, out=sums[1:])
    last = np.arange(days)
    begin: NDArray[np.int64] = np.maximum(last - WINDOW + 1, 0)
    return np.subtract(sums[np.maximum(last + 1 - unknown, begin)], sums[begin])


def _welch(n: Floats, s: Floats, q: Floats) -> tuple[Floats, Floats]:
    """95% bounds of the difference of means from counts, sums and sums of squares, (looks, 2) each."""
    size = np.maximum(n, 2)
    m = s / size
    half = Z_95 * np.sqrt((np.maximum(q / size - m**2, 0) / (size - 1)).sum(axis=1))
    effect = m[:, 1] - m[:, 0]
    return effect - half, effect + half


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """Figures of one scenario and stage."""

    scenario: str
    stage: str
    of: str = "experiments"

    def row(self, figure: str, method: str, best: Best, found: Interval) -> Figure:
        return Figure(self.scenario, self.stage, figure, method, best, found, self.of)


def figures(found: Iterable[Record]) -> list[Figure]:
    """The scoreboard's rows; the order of the records and the blocks they come from do not matter."""
    by_scenario: dict[str, list[Record]] = {name: [] for name in PLANS}
    for record in sorted(found, key=lambda record: record.number):
        by_scenario[record.scenario].append(record)
    rows: list[Figure] = []
    for scenario, known in by_scenario.items():
        if known:
            rows += _comparisons(scenario, known)
            rows += _alarms(scenario, known) if scenario in HARMFUL or scenario == "a_a" else []
    return rows


def _comparisons(scenario: str, known: Sequence[Record]) -> list[Figure]:
    """Stage online_ab."""
    rows = _Rows(scenario, "online_ab")
    n = len(known)
    out = []
    if scenario.startswith("a_a"):
        unit = PLANS[scenario].world.unit
        name = f"false positives at one planned look, {{}} by {unit}, share (nominal 0.05)"
        for metric in known[0].planned:
            hits = sum(one.planned[metric].significant for one in known)
            out.append(rows.row(name.format(metric), LOOP, "nominal", share(hits, n)))
        naive = POOLED if PLANS[scenario].world.ramp else T_TEST
        out.append(rows.row(name.format(DURATION), naive, "nominal", share(sum(one.naive for one in known), n)))
    if scenario in UNBIASED:
        scales = {DURATION: ("seconds per assigned user and day", 1), RETURN: ("points", 100)}
        for metric, (words, scale) in scales.items():
            errors = [scale * one.planned[metric].error for one in known]
            covered = sum(one.planned[metric].covered for one in known)
            out.append(rows.row(f"bias of the effect on {metric}, {words}", LOOP, "zero", mean(errors)))
            name = f"coverage of 95% intervals of {metric}, share (nominal 0.95)"
            out.append(rows.row(name, LOOP, "nominal", share(covered, n)))
    if scenario == "a_a":
        for method in (LOOP, PEEKING):
            hits = sum(one.excluded[method] for one in known)
            name = f"truth of {RETURN} excluded at some of 28 daily looks, share (at most 0.05)"
            out.append(rows.row(name, method, "low", share(hits, n)))
    if scenario in ("a_a", "gain"):
        promoted = share(sum(one.promoted > 0 for one in known), n)
        name = "promoted within 28 days, {} true gain, share"
        out.append(
            rows.row(name.format("without a"), LOOP, "low", promoted)
            if scenario == "a_a"
            else rows.row(name.format("with a"), LOOP, "high", promoted)
        )
    return out


def _alarms(scenario: str, known: Sequence[Record]) -> list[Figure]:
    """Stage guardrails."""
    n, harmful = len(known), scenario in HARMFUL
    rows = _Rows(scenario, "guardrails", "experiments" if harmful else "experiment-months")
    out = []
    for method in METHODS:
        days = sorted(one.alarms[method][0] for one in known if method in one.alarms)
        if not harmful:
            out.append(rows.row("false alarms per experiment-month of 28 days", method, "low", share(len(days), n)))
            continue
        out.append(rows.row("rolled back within 28 days, share", method, "high", share(len(days), n)))
        out.append(rows.row("missed harm after 28 days, share", method, "low", share(n - len(days), n)))
        out.append(rows.row("delay of a rollback, mean, days", method, "low", mean(days)))
        out.append(rows.row("delay of a rollback, median, days", method, "low", _median(days)))
    for cause in ("gaming", "harm", "red_flag") if harmful else ():
        hits = sum(one.alarms.get(LOOP, (0, ""))[1] == cause for one in known)
        out.append(rows.row(f"rolled back for {cause}, share", LOOP, "high", share(hits, n)))
    return out


def _median(ordered: Sequence[int]) -> Interval:
    """Median with bounds from the order statistics (signs: binomial, normal approximation)."""
    n = len(ordered)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    half = Z_95 * sqrt(n) / 2
    low, high = max(round(n / 2 - half) - 1, 0), min(round(n / 2 + half), n - 1)
    return Interval(float(np.median(ordered)), float(ordered[low]), float(ordered[high]), n)
