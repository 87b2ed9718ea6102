"""Named products whose truth is known, each hostile in a way of its own (docs/simulator.md says what is planted).

A scenario says who the users are, which models there are, what is tried on whom from which day on, and what is wrong
with the log. The same scenario, seed and lexicon give identical rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.conditions import Conditions, Drift, Scale
from evalloop_assets.simulator.demo_cast import INCUMBENT, REFERENCES
from evalloop_assets.simulator.dirt import Dirt
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.oracle import Values
from evalloop_assets.simulator.requirements import require_count, require_id, require_number
from evalloop_assets.simulator.users import People


@dataclass(frozen=True)
class Trial:
    """One experiment against the champion."""

    experiment_id: str
    treatment: str
    """Model id."""
    on_day: int = 2
    """Number of the day on which it starts, from 0."""
    weight_percent: float = 50.0
    user_share: float = 60.0
    """Percent of the users who are randomised as users, the rest conversation by conversation."""
    segment: tuple[float, float] = (0.0, 100.0)
    """Users it is held on, from and to percent by hash."""
    ramp: tuple[tuple[int, float], ...] = ()
    """Later weights: number of the day, percent."""

    def __post_init__(self) -> None:
        require_id("trial: experiment_id", self.experiment_id)
        mine = f"trial {self.experiment_id}"
        require_id(f"{mine}: treatment", self.treatment)
        require_count(f"{mine}: on_day", self.on_day)
        for name in ("weight_percent", "user_share"):
            require_number(f"{mine}: {name}", getattr(self, name), 0, 100)
        _require_pair(f"{mine}: segment", self.segment, "(0.0, 50.0)")
        for percent in self.segment:
            require_number(f"{mine}: segment", percent, 0, 100)
        first, last = self.segment
        if first >= last:
            raise UserError(f"{mine}: segment", f"{first} to {last} is no span", "Give the lower percent first.")
        if not isinstance(self.ramp, tuple):
            raise UserError(f"{mine}: ramp", f"{self.ramp!r} is no tuple", "Give steps such as ((4, 25.0), (7, 50.0)).")
        before = self.on_day
        for step in self.ramp:
            _require_pair(f"{mine}: ramp", step, "(4, 25.0)")
            require_count(f"{mine}: ramp", step[0])
            require_number(f"{mine}: ramp", step[1], 0, 100)
            if step[0] <= before:
                why = f"its day {step[0]} does not come after day {before}"
                raise UserError(f"{mine}: ramp", why, "Give rising days, all after on_day.")
            before = step[0]


def _require_pair(name: str, value: Any, such_as: str) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise UserError(name, f"{value!r} is no pair", f"Give a tuple such as {such_as}.")


class Effect(NamedTuple):
    """A true effect that the scenario promises: everybody on the treatment less everybody on the champion, on the same
    users and seed."""

    of: str
    """duration (share of the champion's reading seconds per conversation), return (points of the probability of coming
    back on the next day) or regeneration (points per reply)."""
    days: tuple[int, int]
    """From and to day of the trial, counted from 0."""
    low: float
    high: float


@dataclass(frozen=True)
class Scenario:
    """One product, served for some days."""

    name: str
    about: str
    days: int
    conditions: Conditions
    cast: tuple[ModelSpec, ...]
    trials: tuple[Trial, ...] = ()
    effects: Mapping[str, tuple[Effect, ...]] = field(default_factory=dict)
    """By experiment."""
    champion: str = INCUMBENT.model_id


def candidate(model_id: str, **qualities: float) -> ModelSpec:
    """A model with a voice of its own; what is not said is as in the incumbent."""
    return replace(INCUMBENT, model_id=model_id, kind="candidate", **qualities)  # type: ignore[arg-type]


SAME = replace(INCUMBENT, model_id="same", kind="candidate", parent=INCUMBENT.model_id)
"""The incumbent under another name, with its voice."""
DAZZLING = candidate("dazzling", instant=0.95, momentum=0.3, payoff=0.1, freshness=0.15, stability=0.85)
CHARMING = candidate("charming", instant=0.95, momentum=0.45, payoff=0.1, freshness=0.0, stability=0.8)
WARM = candidate("warm", instant=0.9, momentum=0.4, payoff=0.2, freshness=0.4, stability=0.9, padding=1.0)
PLOTTING = candidate("plotting", instant=0.3, momentum=0.85, payoff=0.8, freshness=0.9, stability=0.98)
FAITHFUL = candidate("faithful", instant=0.4, momentum=0.7, payoff=0.75, freshness=0.95, stability=1.0)
STEADY = candidate("steady", instant=0.6, momentum=0.65, payoff=0.6, freshness=0.8, stability=0.95)
PADDING = replace(SAME, model_id="padding", instant=0.6, momentum=0.58, payoff=0.45, freshness=0.65, padding=2.5)
ERODING = replace(SAME, model_id="eroding", instant=0.6, momentum=0.6, payoff=0.45, freshness=0.15)
SHINY = replace(SAME, model_id="shiny", instant=0.98, momentum=0.48, payoff=0.2, freshness=0.0, stability=0.9)
BROKEN_OFF = replace(SAME, model_id="broken-off", cut=0.12)

MIDDLING = Conditions(Scale(base_users=800, new_users=36, battles=300), People(west=0.25))


def _all_users(treatment: ModelSpec, **changed: object) -> Trial:
    """Half of everybody, three users in five randomised as users."""
    return replace(Trial(f"try-{treatment.model_id}", treatment.model_id), **changed)  # type: ignore[arg-type]


def _scenario(
    name: str, about: str, tried: tuple[ModelSpec, ...], conditions: Conditions = MIDDLING, days: int = 10,
    trials: tuple[Trial, ...] | None = None, effects: tuple[Effect, ...] = (),
) -> Scenario:  # fmt: skip
    held = trials if trials is not None else tuple(_all_users(model) for model in tried)
    promised = {held[0].experiment_id: effects} if effects else {}
    return Scenario(name, about, days, conditions, (*REFERENCES, INCUMBENT, *tried), held, promised)


CANDIDATES = (DAZZLING, CHARMING, WARM, PLOTTING, FAITHFUL, STEADY)

_LISTED = (
    _scenario(
        "healthy",
        "Six candidates, each on a segment of the users. Those that win single replies lose trajectories.",
        CANDIDATES,
        replace(MIDDLING, scale=Scale(base_users=1_600, new_users=70, battles=500)),
        trials=tuple(
            Trial(f"try-{model.model_id}", model.model_id, segment=(100 * n / 6, 100 * (n + 1) / 6))
            for n, model in enumerate(CANDIDATES)
        ),
    ),
    _scenario(
        "padding",
        "A candidate pads its replies with filler and comfort: people spend more time and come back less.",
        (PADDING,),
        effects=(Effect("duration", (0, 7), 0.18, 0.42), Effect("return", (1, 7), -0.15, -0.06)),
    ),
    _scenario(
        "slow_harm",
        "A candidate has few phrases: no harm at first, while time spent stays as it is; users tire of it over days.",
        (ERODING,),
        days=12,
        effects=(
            Effect("return", (0, 0), -0.02, 0.02),
            Effect("return", (6, 9), -0.075, -0.02),
            Effect("duration", (0, 9), -0.08, 0.08),
        ),
    ),
    _scenario(
        "novelty",
        "A candidate delights for two days, until its few phrases are known by heart.",
        (SHINY,),
        days=12,
        effects=(Effect("return", (0, 1), 0.01, 0.08), Effect("return", (6, 9), -0.07, -0.005)),
    ),
    _scenario(
        "a_a",
        "The incumbent against itself under another name, randomised by user; conversations of a user are much alike "
        "(ICC 0.3).",
        (SAME,),
        replace(MIDDLING, people=People(icc=0.3, activity=2.2, west=0.25)),
        trials=(_all_users(SAME, user_share=100.0),),
        effects=(Effect("return", (0, 7), -1e-9, 1e-9), Effect("duration", (0, 7), -1e-9, 1e-9)),
    ),
    _scenario(
        "dirty",
        "A good candidate on a ramp, and every fault of a log: duplicates, late, lost, malformed and shuffled rows, "
        "wrong clocks, bots, one user with 50,000 turns, a day without data, a sample ratio mismatch, users in both "
        "arms.",
        (STEADY,),
        replace(
            MIDDLING,
            dirt=Dirt(
                duplicates=0.02,
                late=0.02,
                late_days=2,
                out_of_order=0.02,
                skewed=0.02,
                no_foreground=0.4,
                lost=0.01,
                malformed=0.005,
                bots=6,
                whale_turns=50_000,
                whale_day=4,
                silent_days=(6,),
                lost_treatment=0.12,
                both_arms=0.03,
            ),
        ),
        trials=(_all_users(STEADY, weight_percent=10.0, ramp=((4, 25.0), (7, 50.0))),),
    ),
    _scenario(
        "thin",
        "Some sixty users a day and a good candidate: too little data for any decision.",
        (STEADY,),
        Conditions(Scale(base_users=130, new_users=3, battles=30), People(west=0.25)),
    ),
    _scenario(
        "drift",
        "From day 5 on the users want other things: events and kept promises instead of attention; tastes change too.",
        (DAZZLING, PLOTTING),
        replace(MIDDLING, drift=Drift(5, Values(instant=-0.15, momentum=0.9, payoff=0.6, freshness=0.1, hollow=0.3))),
        trials=(
            _all_users(DAZZLING, segment=(0.0, 50.0)),
            _all_users(PLOTTING, segment=(50.0, 100.0)),
        ),
    ),
    _scenario(
        "regen_spike",
        "One reply in eight of a candidate breaks off in mid-sentence: users ask again, and come back all the same.",
        (BROKEN_OFF,),
        effects=(Effect("regeneration", (0, 7), 0.025, 0.06), Effect("return", (0, 7), -0.02, 0.02)),
    ),
)
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _LISTED}


def find_scenario(name: str) -> Scenario:
    """UserError where there is none of that name."""
    if name not in SCENARIOS:
        raise UserError(f"scenario {name!r}", "there is none of that name", f"Choose one of: {', '.join(SCENARIOS)}.")
    return SCENARIOS[name]


def resized(scenario: Scenario, users: int) -> Scenario:
    """The scenario with that many users from before the first day, its signups and battles in proportion."""
    scale = scenario.conditions.scale
    grown = replace(
        scale,
        base_users=users,
        new_users=max(1, round(scale.new_users * users / scale.base_users)),
        battles=round(scale.battles * users / scale.base_users),
    )
    return replace(scenario, conditions=replace(scenario.conditions, scale=grown))
