"""The kinds of simulated experiments as a section of the scoreboard's page."""

from __future__ import annotations

from itertools import groupby

from evalloop_assets.simulator.scoreboard.decisions import AB, DECISION_LIMITS
from evalloop_assets.simulator.scoreboard.experiment_plans import PLANS, PREFIX, Plan
from evalloop_assets.simulator.scoreboard.experiments import World

NOTES = """\
Lines whose scenario begins with `{prefix}` come from these, not from the scenarios of the same names: sums per user and
day, simulated without any text, with effects that are known. The limits of guardrail and decision are the defaults, but
for planned users, which equal the experiment's users, and a volume floor of {volume_floor}; minimum users are
{minimum_users}. Of a trial that randomises some users and the conversations of others, only the users are simulated:
only that layer goes through verdicts and decisions. The kinds that are randomised by conversation are looked at once,
on day 14, for false positives. Days of the chance to come are counted from the day on which the user is assigned.
"""
HEADER = """\
| kind | users | days | randomised by | time spent | chance to come | regenerations per reply | besides |
|---|---|---|---|---|---|---|---|
"""
MOST_STEPS = 3
"""A course of more is told by its ends."""


def experiment_kinds() -> str:
    """Heading, notes and one row a kind."""
    notes = NOTES.format(
        prefix=PREFIX.strip(), minimum_users=AB.minimum_users, volume_floor=DECISION_LIMITS.volume_floor
    )
    rows = (f"| {PREFIX}{name} | {' | '.join(_cells(plan))} |" for name, plan in PLANS.items())
    return "## The simulated experiments\n\n" + notes + "\n" + HEADER + "\n".join(rows) + "\n"


def _cells(plan: Plan) -> list[str]:
    world, effects = plan.world, plan.effects
    return [
        f"{world.users:,}",
        str(world.days),
        world.unit,
        f"{_signed(100 * effects.duration)}%" if effects.duration else "–",
        returning_by_day(effects.returning),
        f"{_signed(100 * effects.regeneration)} points" if effects.regeneration else "–",
        _besides(world),
    ]


def returning_by_day(returning: tuple[float, ...]) -> str:
    """`+3 points on days 1 to 2, −3 from day 3 on`; a dash without an effect."""
    if not any(returning):
        return "–"
    steps, day = [], 1
    for value, same in groupby(returning):
        last = day + len(list(same)) - 1
        steps.append((value, day, last))
        day = last + 1
    value, first, _ = steps.pop()
    end = f"{_signed(100 * value)} from day {first} on"
    if len(steps) >= MOST_STEPS:
        text = f"{_signed(100 * steps[0][0])} points on day 1, step by step to {end}"
    elif steps:
        days = [
            f"{_signed(100 * value)} points on {f'day {day}' if day == last else f'days {day} to {last}'}"
            for value, day, last in steps
        ]
        text = ", ".join([*days, end])
    else:
        text = f"{_signed(100 * value)} points from day {first} on"
    return text


def _besides(world: World) -> str:
    said = []
    if world.taste:
        said.append(f"users differ in the effect on time spent (SD {100 * world.taste:.0f}%)")
    if world.ramp:
        shares = " to ".join(f"{100 * share:.0f}%" for share in (world.ramp[0], world.ramp[-1]))
        said.append(f"the share of treatment is ramped from {shares}")
    if world.weekend:
        said.append(f"weekends have {_signed(100 * world.weekend)}% time spent in both arms")
    return "; ".join(said)


def _signed(value: float) -> str:
    return f"{value:+.1f}".removesuffix(".0").replace("-", "−")
