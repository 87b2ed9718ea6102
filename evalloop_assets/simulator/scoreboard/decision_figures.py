"""Figures over the records of simulated experiments: stages online_ab and guardrails of the scoreboard.

Day 14 is the one planned look; the days up to 28 are daily looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np

from evalloop_assets.guardrails.verdict import DURATION
from evalloop_assets.online_ab.influence import Z_95
from evalloop_assets.simulator.scoreboard.experiment_plans import HARMFUL, PLANS, PREFIX, UNBIASED, Record
from evalloop_assets.simulator.scoreboard.experiment_rows import RETURN
from evalloop_assets.simulator.scoreboard.figures import LOOP, Best, Figure, Interval, mean, share
from evalloop_assets.simulator.scoreboard.naive import METHODS, PEEKING, POOLED, T_TEST


class Words(NamedTuple):
    """How the figures speak of a metric."""

    name: str
    unit: str
    scale: int
    """Units in one of the metric's own."""


WORDS: Mapping[str, Words] = {
    DURATION: Words("time spent", "seconds per user and day", 1),
    RETURN: Words("return", "points", 100),
}


@dataclass(frozen=True)
class _Rows:
    """Figures of one kind of experiment and one stage."""

    kind: str
    stage: str
    of: str = "experiments"

    def row(self, figure: str, method: str, best: Best, found: Interval) -> Figure:
        return Figure(PREFIX + self.kind, self.stage, figure, method, best, found, self.of)


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
        world = PLANS[scenario].world
        name = f"false positives on day 14: {{}}, randomised by {world.unit}, share (nominal 0.05)"
        for metric in known[0].planned:
            hits = sum(one.planned[metric].significant for one in known)
            out.append(rows.row(name.format(WORDS[metric].name), LOOP, "nominal", share(hits, n)))
        hits = sum(one.naive for one in known)
        naive = POOLED if world.ramp else T_TEST
        out.append(rows.row(name.format(WORDS[DURATION].name), naive, "nominal", share(hits, n)))
    if scenario in UNBIASED:
        for metric, (words, unit, scale) in WORDS.items():
            errors = [scale * one.planned[metric].error for one in known]
            covered = sum(one.planned[metric].covered for one in known)
            out.append(rows.row(f"bias on day 14: effect on {words}, {unit}", LOOP, "zero", mean(errors)))
            name = f"95% interval on day 14 holds the truth: effect on {words}, share (nominal 0.95)"
            out.append(rows.row(name, LOOP, "nominal", share(covered, n)))
    for metric, (words, _, _) in WORDS.items():
        if all(metric in one.planned and one.planned[metric].truth != 0 for one in known):
            hits = sum(one.planned[metric].significant for one in known)
            out.append(
                rows.row(f"true effect found on day 14 (p < 0.05): {words}, share", LOOP, "high", share(hits, n))
            )
    if scenario == "a_a":
        for method in (LOOP, PEEKING):
            hits = sum(one.excluded[method] for one in known)
            name = "true effect on return outside the 95% bounds on some day of 28, share (at most 0.05)"
            out.append(rows.row(name, method, "low", share(hits, n)))
    if scenario in ("a_a", "gain"):
        promoted = share(sum(one.promoted > 0 for one in known), n)
        name = "experiments {} a gain promoted within 28 days, share"
        out.append(
            rows.row(name.format("without"), LOOP, "low", promoted)
            if scenario == "a_a"
            else rows.row(name.format("with"), LOOP, "high", promoted)
        )
    if scenario in HARMFUL:
        promoted = share(sum(one.promoted > 0 for one in known), n)
        out.append(rows.row("harmful experiments promoted within 28 days, share", LOOP, "low", promoted))
    return out


def _alarms(scenario: str, known: Sequence[Record]) -> list[Figure]:
    """Stage guardrails."""
    n, harmful = len(known), scenario in HARMFUL
    rows = _Rows(scenario, "guardrails", "experiments" if harmful else "experiment-months")
    out = []
    for method in METHODS:
        days = sorted(one.alarms[method][0] for one in known if method in one.alarms)
        if not harmful:
            name = "experiment-months (28 days) with a false alarm, share"
            out.append(rows.row(name, method, "low", share(len(days), n)))
            continue
        out.append(rows.row("harm missed for 28 days, share", method, "low", share(n - len(days), n)))
        out.append(rows.row("mean delay of rollbacks within 28 days, days", method, "low", mean(days)))
        out.append(rows.row("median delay of rollbacks within 28 days, days", method, "low", median(days)))
    causes = [one.alarms[LOOP][1] for one in known if LOOP in one.alarms]
    if harmful and causes:
        right = share(sum(cause in HARMFUL[scenario] for cause in causes), len(causes))
        out.append(rows.row("rollbacks that name a right cause, share", LOOP, "high", right)._replace(of="rollbacks"))
    return out


def median(ordered: Sequence[int]) -> Interval:
    """Median with bounds from the order statistics (signs: binomial, normal approximation)."""
    n = len(ordered)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    half = Z_95 * sqrt(n) / 2
    low, high = max(round(n / 2 - half) - 1, 0), min(round(n / 2 + half), n - 1)
    return Interval(float(np.median(ordered)), float(ordered[low]), float(ordered[high]), n)
