"""Error rates of whole decisions, each beside the limit that it is held to.

Thousands of simulated experiments and pools, as sums per user and day, go through the product's own inference,
verdicts, decisions and eliminations. A limit holds where the whole 95% interval lies inside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from evalloop_assets.guardrails.verdict import CAUSES_OF_ROLLBACK, DURATION, Limits, verdict
from evalloop_assets.online_ab.decisions import decide
from evalloop_assets.online_ab.power import Plan, power, sd_of
from evalloop_assets.online_ab.results import Result, Units, compare
from evalloop_assets.simulator.scoreboard import eliminations
from evalloop_assets.simulator.scoreboard.decisions import (
    AB,
    DECISION_LIMITS,
    FULL_WINDOW,
    limits_of,
    metrics_that_matter,
)
from evalloop_assets.simulator.scoreboard.experiment_plans import PLANS
from evalloop_assets.simulator.scoreboard.experiment_rows import FROM_DAY, RETURN, SENT, Experiment, experiment
from evalloop_assets.simulator.scoreboard.experiments import Effects, World
from evalloop_assets.simulator.scoreboard.figures import LOOP, Figure, Interval, mean, share

SCENARIO = "error rates"
PADDING = PLANS["padding"]
PADDED_REPLIES = replace(PADDING.effects, padding=0.15)
LOST_SHARE = 0.2
"""Of the treated users of a dirty experiment, those whose exposure was lost."""
BOTH_ARMS = 0.02
"""Of its units in another kind of dirt, those seen in both arms."""
THIN_USERS = 250
MUST_HAVE_FIRED = 0.95
"""Share of experiments that the predicted day is for."""
PILOTS = 20
BLOCK = 25

Outcome = Mapping[str, float]
"""Name of a figure to 1 or 0, or to a number; NaN where there is none."""


class Line(NamedTuple):
    """One row of the table."""

    kind: str
    key: str
    stage: str
    words: str
    least: float = 0.0
    most: float = 0.0
    limit: str = ""
    """The limit in words; empty where the figure is for information."""
    of: str = "experiments"
    number: bool = False
    """A mean and no share."""


class Block(NamedTuple):
    """Consecutive experiments of one kind."""

    kind: str
    first: int
    experiments: int


class Rate(NamedTuple):
    """A line with its figure."""

    line: Line
    found: Interval

    @property
    def holds(self) -> Literal["holds", "broken", "undecided", ""]:
        """Whether the limit does, by the whole interval."""
        if not self.line.limit:
            return ""
        if self.line.least <= self.found.low and self.found.high <= self.line.most:
            return "holds"
        outside = self.found.high < self.line.least or self.found.low > self.line.most
        return "broken" if outside else "undecided"


_RATE, _PEEK, _NEVER = (0.04, 0.06, "4 to 6%"), (0.0, 0.05, "at most 5%"), (0.0, 0.01, "never")
_MONTHS = "experiment-months"
LINES = [
    Line("planned", "time", "online_ab", "A/A by user, one look, time spent: false positives", *_RATE),
    Line("planned", "return", "online_ab", "A/A by user, one look, return: false positives", *_RATE),
    Line("planned", "time_adjusted", "online_ab", "the same with CUPED, time spent: false positives", *_RATE),
    Line("planned", "return_adjusted", "online_ab", "the same with CUPED, return: false positives", *_RATE),
    Line("by_conversation", "time", "online_ab", "A/A by conversation, one look, time spent: false positives", *_RATE),
    Line("a_a", "time", "online_ab", "A/A by user, 28 daily looks, time spent: false positives", *_PEEK),
    Line("a_a", "return", "online_ab", "A/A by user, 28 daily looks, return: false positives", *_PEEK),
    Line("peeked", "time", "online_ab", "A/A by conversation, 28 daily looks, time spent: false positives", *_PEEK),
    Line("pools", "covered", "ranking", "95% intervals of contrasts cover", 0.93, 0.97, "93 to 97%", "pools", True),
    Line("pools", "lost", "ranking", "pools that lose one of the true top three", 0, 0.005, "below 0.5%", "pools"),
    Line("padding", "in_time", "guardrails", "padding rolled back by the predicted day", 0.95, 1, "at least 95%"),
    Line("padding", "predicted", "guardrails", "the predicted day, counted from 1, days", number=True),
    Line("padding", "day", "guardrails", "rollback of padding after, days", number=True),
    Line("flagged", "earlier", "guardrails", "red flag of padded replies before that, days", number=True),
    Line("a_a", "fired", "guardrails", "A/A rolled back in 28 days", 0, 0.01, "below 1%", _MONTHS),
    Line("edge", "fired", "guardrails", "return down by the margin alone, rolled back in 28 days", *_PEEK, _MONTHS),
    Line("dirty", "acted", "guardrails", "dirty padding (lost users, or both arms), rolled back or advanced", *_NEVER),
    Line("thin", "acted", "guardrails", "thin padding, rolled back or advanced", *_NEVER),
    Line("no_data", "acted", "guardrails", "padding on days without data, rolled back or advanced", *_NEVER),
]


# --- one experiment ---------------------------------------------------------------------------------------------------


def _planned(rng: np.random.Generator) -> Outcome:
    one = experiment(first_days(PLANS["a_a"].world, FULL_WINDOW + 1), Effects(), rng)
    rows = one.rows(FULL_WINDOW, (DURATION, RETURN))
    adjusted = replace(rows, covariates=one.chats.before[:, None])
    found: dict[str, float] = {}
    for suffix, known in (("", rows), ("_adjusted", adjusted)):
        p_value = {result.metric: result.p_value for result in _results(one, known)}
        found |= {f"time{suffix}": float(p_value[DURATION] < 0.05), f"return{suffix}": float(p_value[RETURN] < 0.05)}
    return found


def _by_conversation(rng: np.random.Generator) -> Outcome:
    one = experiment(PLANS["a_a_by_conversation"].world, Effects(), rng)
    return {"time": float(_compared(one, FULL_WINDOW, (DURATION,))[0].p_value < 0.05)}


def _peeked(rng: np.random.Generator) -> Outcome:
    one = experiment(replace(PLANS["a_a_by_conversation"].world, days=28), Effects(), rng)
    return {"time": float(_excluded(one, DURATION))}


def _a_a(rng: np.random.Generator) -> Outcome:
    one = experiment(PLANS["a_a"].world, Effects(), rng)
    fired = _rollback(one, limits_of(one.world.users)) is not None
    return {
        "time": float(_excluded(one, DURATION)),
        "return": float(_excluded(one, RETURN)),
        "fired": float(fired),
    }


def _excluded(one: Experiment, metric: str) -> bool:
    """Whether always-valid bounds exclude no effect at the end of any day."""
    looks = [result for last in range(one.world.days) for result in _compared(one, last, (metric,))]
    return any(not result.always_low <= 0 <= result.always_high for result in looks)


def _edge(rng: np.random.Generator) -> Outcome:
    """The least favourable experiment without harm: return is down by just the margin."""
    limits = limits_of(PLANS["a_a"].world.users)
    one = experiment(PLANS["a_a"].world, Effects(returning=(-limits.retention_margin,)), rng)
    return {"fired": float(_rollback(one, limits) is not None)}


def _padding(rng: np.random.Generator) -> Outcome:
    predicted = predicted_day()
    one = experiment(first_days(PADDING.world, FULL_WINDOW + 1), PADDING.effects, rng)
    day = _rollback(one, limits_of(PADDING.world.users))
    return {
        "in_time": float(day is not None and day <= predicted),
        "predicted": float(predicted),
        "day": float("nan") if day is None else float(day),
    }


def _flagged(rng: np.random.Generator) -> Outcome:
    """Padding whose padded replies are logged: with the red flag, and by return alone."""
    one = experiment(first_days(PADDING.world, FULL_WINDOW + 1), PADDED_REPLIES, rng)
    limits = limits_of(PADDING.world.users)
    with_flag = _rollback(one, limits)
    without = _rollback(one, replace(limits, red_flags={**limits.red_flags, "padding": 1.0}))
    return {"earlier": float("nan") if with_flag is None or without is None else float(without - with_flag)}


def _dirty(rng: np.random.Generator) -> Outcome:
    """Half of them lost exposures of the treatment, which the propensities contradict; half have users in both arms."""
    world = first_days(PADDING.world, FULL_WINDOW + 1)
    if rng.random() < 0.5:
        kept = world.weight * (1 - LOST_SHARE)
        one = experiment(replace(world, weight=kept / (kept + 1 - world.weight)), PADDING.effects, rng)
        return {"acted": float(_acted(replace(one, world=world)))}
    return {"acted": float(_acted(replace(experiment(world, PADDING.effects, rng), crossed=BOTH_ARMS)))}


def _thin(rng: np.random.Generator) -> Outcome:
    return {"acted": float(_acted(experiment(replace(PADDING.world, users=THIN_USERS), PADDING.effects, rng)))}


def _no_data(rng: np.random.Generator) -> Outcome:
    """The log falls silent when the harm can be seen; what was logged before is still in the window."""
    one = experiment(first_days(PADDING.world, FULL_WINDOW + 1), PADDING.effects, rng)
    silent_from = int(rng.integers(predicted_day(), one.world.days))
    return {"acted": float(_acted(replace(one, silent_from=silent_from), silent_from))}


def _pools(rng: np.random.Generator) -> Outcome:
    covered, lost = eliminations.watched(eliminations.Arena(), rng)
    return {"covered": covered, "lost": float(bool(lost & {0, 1, 2}))}


class _Kind(NamedTuple):
    run: Callable[[np.random.Generator], Outcome]
    share: float
    """Experiments, as a share of those asked for."""


KINDS: Mapping[str, _Kind] = {
    "planned": _Kind(_planned, 3.0),
    "by_conversation": _Kind(_by_conversation, 5.0),
    "peeked": _Kind(_peeked, 1.0),
    "a_a": _Kind(_a_a, 1.0),
    "padding": _Kind(_padding, 1.0),
    "flagged": _Kind(_flagged, 1.0),
    "edge": _Kind(_edge, 1.0),
    "dirty": _Kind(_dirty, 1.0),
    "thin": _Kind(_thin, 1.0),
    "no_data": _Kind(_no_data, 1.0),
    "pools": _Kind(_pools, 1.5),
}


def first_days(world: World, days: int) -> World:
    """The same users as far as they come on the first days, so that no others need be simulated."""
    known, new = world.users * world.existing, world.users * (1 - world.existing) * days / world.days
    return replace(world, users=round(known + new), existing=known / (known + new), days=days)


def _rollback(one: Experiment, limits: Limits) -> int | None:
    """First day at whose end the guardrail rolls back, 1 is the first. Looks that cannot fire are passed over."""
    for last in range(one.world.days):
        metrics = metrics_that_matter(one, last, limits)
        lost = any(one.difference(name, last) < -limits.retention_margin for name in FROM_DAY)
        if not lost and DURATION not in metrics and not limits.red_flags.keys() & set(metrics):
            continue
        if verdict(_compared(one, last, metrics), True, limits).word == "ROLLBACK":
            return last + 1
    return None


def _acted(one: Experiment, first: int = 0) -> bool:
    """Whether anything was rolled back, ramped or promoted at the end of `first` or of any day after it."""
    limits = limits_of(PADDING.world.users)
    for last in range(first, one.world.days):
        results = _compared(one, last, (SENT, *metrics_that_matter(one, last, limits)))
        word = verdict(results, one.is_seen(last), limits).word
        action = decide(results, None, 0, DECISION_LIMITS).action
        if word == "ROLLBACK" or (word == "PASS" and action in ("advance", "promote")):
            return True
    return False


def _compared(one: Experiment, last: int, metrics: tuple[str, ...]) -> list[Result]:
    return _results(one, one.rows(last, metrics))


def _results(one: Experiment, rows: Units) -> list[Result]:
    return compare("simulated", one.world.unit, rows, {}, one.world.users, AB.alpha)


@cache
def predicted_day() -> int:
    """The day by whose end padding is to be rolled back, told before any such experiment is run.

    Users and their variance by day come from experiments of the same world without effects, the rest from the power
    formula: the bounds of time spent and of return must both exclude 0.
    """
    limits = limits_of(PADDING.world.users)
    pilots = [experiment(PADDING.world, Effects(), np.random.default_rng([9, number])) for number in range(PILOTS)]
    truth = Experiment(PADDING.world, PADDING.effects, pilots[0].chats)
    each = 1 - (1 - MUST_HAVE_FIRED) / 2
    for last in range(2, PADDING.world.days):
        known = truth.truth(last)
        if all(_power(pilots, last, metric, abs(known[metric]), limits) >= each for metric in (DURATION, RETURN)):
            return last + 1
    raise ValueError("padding cannot be seen within its days")


def _power(pilots: list[Experiment], last: int, metric: str, distance: float, limits: Limits) -> float:
    found = [_compared(one, last, (metric,))[0] for one in pilots]
    users = float(np.mean([one.users for one in found]))
    treated = float(np.mean([one.users_treatment for one in found])) / users
    se = float(np.sqrt(np.mean([one.se**2 for one in found])))
    plan = Plan(sd_of(se, users, treated), treated, limits.alpha / CAUSES_OF_ROLLBACK, limits.planned_users)
    return power(plan, distance, users)


# --- all of them ------------------------------------------------------------------------------------------------------


def blocks(experiments: int) -> list[Block]:
    """As many A/A experiments, half as many more pools, and fewer of the rest."""
    wanted = {name: max(round(kind.share * experiments), 1) for name, kind in KINDS.items()}
    return [
        Block(name, first, min(BLOCK, count - first))
        for name, count in wanted.items()
        for first in range(0, count, BLOCK)
    ]


def records(block: Block, seed: int) -> list[tuple[str, Outcome]]:
    """Every experiment has a generator of its own, so that its outcome is the same whatever block it is in."""
    place, run = list(KINDS).index(block.kind), KINDS[block.kind].run
    numbers = range(block.first, block.first + block.experiments)
    return [(block.kind, run(np.random.default_rng([seed, place, number]))) for number in numbers]


def rates(found: Iterable[tuple[str, Outcome]]) -> list[Rate]:
    """The table; the order of the outcomes does not matter."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for kind, outcome in found:
        for key, value in outcome.items():
            values[kind, key].append(value)
    return [
        Rate(line, mean(known) if line.number else share(round(sum(known)), len(known)))
        for line in LINES
        if (known := sorted(values[line.kind, line.key]))
    ]


def figures(found: Iterable[tuple[str, Outcome]]) -> list[Figure]:
    """The table as rows of the scoreboard."""
    return [
        Figure(SCENARIO, line.stage, _figure(line), LOOP, "nominal" if line.limit else "none", value, line.of)
        for line, value in rates(found)
    ]


def _figure(line: Line) -> str:
    return f"{line.words}, share ({line.limit})" if line.limit else line.words
