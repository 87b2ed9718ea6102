"""The scoreboard as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from evalloop_assets.simulator.scoreboard.experiment_kinds import experiment_kinds
from evalloop_assets.simulator.scoreboard.experiment_plans import PREFIX
from evalloop_assets.simulator.scoreboard.figures import EVERY, LOOP, Figure, Interval
from evalloop_assets.simulator.scoreboard.pipeline import ENVIRONMENT

STAGES: Mapping[str, str] = {
    "simulator": "The simulated people against people on record",
    "denoise": "Denoise: exits and effective reading",
    "horizon_labels": "Horizon labels and pairs",
    "reward_model": "Reward model and credit",
    "evaluation": "Evaluation: offline against online",
    "policy_iteration": "Policy iteration",
    "ranking": "Ranking",
    "online_ab": "Online A/B",
    "guardrails": "Guardrails",
}
"""Stage to heading, in loop order."""
INTRODUCTION = """\
Each stage of the loop held against the truth of [simulated products](simulator.md), which speak words that no test of a
stage has seen. Beside the loop's figure stands what naive methods score on the same data. In brackets the 95% interval:
over independent seeds of the whole pipeline (t), or over simulated experiments (Wilson for shares, normal for means).
Where all seeds agree there is no interval, only how many there were. A number in round brackets behind a naive method
is what its figure rests on, where that is not what the line rests on. A dash means that there was nothing to measure:
the loop has no such stage yet, or says nothing.
"""
SETTINGS = """\
The products are small, and the runs are set to fit. Below {EVALLOOP_GUARDRAILS__VOLUME_FLOOR} users a day (the volume
floor) promotions are only advised; bounds are tightest at {EVALLOOP_AB__PLANNED_USERS} users (planned users); readings
with fewer than {EVALLOOP_AB__MINIMUM_USERS} users in an arm (minimum users) are thin. Other limits are the defaults.
"""
BEST = {
    "high": "the higher the better",
    "low": "the lower the better",
    "zero": "0 is best",
    "half": "0.5 is best",
    "nominal": "the stated level is best",
    "none": "for information",
}


def page(figures: Sequence[Figure], command: str, picture: str) -> str:
    """The whole page; `command` made it, `picture` is the file name of its figure."""
    parts = [
        "# Scoreboard\n",
        f"Written by `{command}`. Do not edit: run it again.\n",
        INTRODUCTION,
        SETTINGS.format_map(ENVIRONMENT),
        f"![Loop and naive methods]({picture})\n",
    ]
    for stage, found in by_stage(figures).items():
        parts += [f"## {STAGES[stage]}\n", _table(summary(found))]
        measured = {(one.figure, one.scenario) for one in found if one.found.n}
        details = [
            one
            for one in found
            if one.of == "seeds" and one.scenario != EVERY and (one.figure, one.scenario) in measured
        ]
        if details:
            parts += ["<details><summary>by scenario</summary>\n", _table(details), "</details>\n"]
    if any(one.scenario.startswith(PREFIX) for one in figures):
        parts.append(experiment_kinds())
    return "\n".join(parts)


def summary(figures: Sequence[Figure]) -> list[Figure]:
    """What holds over every scenario, and the error rates of simulated experiments."""
    return [one for one in figures if one.of != "seeds" or one.scenario == EVERY]


def by_stage(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """The figures of each stage that has some, in loop order; KeyError for a stage that STAGES does not know."""
    found: dict[str, list[Figure]] = {stage: [] for stage in STAGES}
    for one in figures:
        found[one.stage].append(one)
    return {stage: some for stage, some in found.items() if some}


def shown(found: Interval, of: str = "seeds") -> str:
    """`0.83 [0.81, 0.85]`; without an interval `1.00 (5 of 5 seeds)`, which all agree, or `1.00 (1 seed)`."""
    if not np.isfinite(found.value):
        return "–"
    if not np.isfinite(found.low):
        agree = f"{found.n} of {found.n} {of}" if found.n > 1 else f"{found.n} {of.removesuffix('s')}"
        return f"{_number(found.value)} ({agree})"
    return f"{_number(found.value)} [{_number(found.low)}, {_number(found.high)}]"


def lines(figures: Sequence[Figure]) -> list[tuple[Figure | None, list[Figure]]]:
    """Of one stage: the loop's figure and the naive ones beside it, for each figure and scenario in order."""
    names, scenarios = (
        {key: place for place, key in enumerate(dict.fromkeys(found))}
        for found in ((one.figure for one in figures), (one.scenario for one in figures))
    )
    ordered = sorted(figures, key=lambda one: (names[one.figure], scenarios[one.scenario]))
    found = []
    for _, same in groupby(ordered, key=lambda one: (one.figure, one.scenario)):
        methods = list(same)
        loop = next((one for one in methods if one.method == LOOP), None)
        found.append((loop, [one for one in methods if one.method != LOOP]))
    return found


def _table(figures: Sequence[Figure]) -> str:
    rows = ["| figure | scenario | loop | naive | rests on |", "|---|---|---|---|---|"]
    last = ""
    for loop, naive in lines(figures):
        one = loop or naive[0]
        name = f"{one.figure}; {BEST[one.best]}" if one.figure != last else ""
        last = one.figure
        n = next((method.found.n for method in (one, *naive) if method.found.n), 0)
        beside = "; ".join(f"{other.method}: {_beside(other, n)}" for other in naive)
        own = shown(loop.found, loop.of) if loop else ""
        rows.append(f"| {name} | {one.scenario} | {own} | {beside} | {n:,} {one.of} |")
    return "\n".join(rows) + "\n"


def _beside(one: Figure, n: int) -> str:
    """With its own n where the line rests on another, and the figure does not say it already."""
    known = np.isfinite(one.found.low) and one.found.n != n
    return f"{shown(one.found, one.of)} ({one.found.n:,})" if known else shown(one.found, one.of)


def _number(value: float) -> str:
    digits = 3 if abs(value) < 10 else 1
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(value) < 0 and text.strip("-0.,") else text.lstrip("-")
