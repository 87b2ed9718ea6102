"""The kinds of experiments that are simulated many times, and what is recorded of each experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evalloop_assets.simulator.scoreboard.experiments import Effects, World, ramping

RAMP = (0.01,) * 4 + (0.05,) * 3 + (0.25,) * 4 + (0.5,) * 3
"""Share of treatment on each of 14 days."""


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
PREFIX = "experiments: "
"""Of a kind's name on the board, since some scenarios of whole runs have the same names."""
UNBIASED = ("a_a", "padding")
"""Where the error of the estimates is measured."""
FEWER_RETURN = frozenset({"gaming", "harm"})
HARMFUL: Mapping[str, frozenset[str]] = {
    "padding": FEWER_RETURN,
    "slow_harm": FEWER_RETURN,
    "novelty": FEWER_RETURN,
    "regen_spike": frozenset({"red_flag"}),
}
"""Kinds of experiments that do harm, with the causes that name it."""


class Estimate(NamedTuple):
    """One metric at the planned look, by the loop."""

    truth: float
    """The true effect, in the metric's unit."""
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
