"""The life of a candidate as a state machine: which event leads from which state to which, and under what guard.

    registered → ranked → in_ab → ramping (1, 5, 25, 50, 100%) → champion
    aside: held (HOLD, BLIND), eliminated (ranking), rolled_back (guardrail), cut (offline gate, a stop, a successor)

What the loop asks for is guarded; a person may do whatever a state allows. `eliminated`, `cut` and `rolled_back` are
ends: only a person starts or restores from there, but for the former champion, who comes back when its successor is
rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

State = Literal["registered", "ranked", "eliminated", "in_ab", "ramping", "champion", "held", "rolled_back", "cut"]
Name = Literal[
    "rate", "eliminate", "reject", "begin", "start", "advance", "promote", "hold", "resume", "roll_back", "stop",
    "replace", "restore",
]  # fmt: skip

LADDER = (1.0, 5.0, 25.0, 50.0, 100.0)
"""Shares of treatment of a ramp, percent."""
ENDS: frozenset[State] = frozenset({"eliminated", "cut", "rolled_back"})
SERVING: frozenset[State] = frozenset({"in_ab", "ramping", "champion", "held"})
"""States in which somebody is served the candidate."""
GUARDED: frozenset[Name] = frozenset({"advance", "promote"})
"""Events that widen what a candidate is served to."""

TRANSITIONS: Mapping[State, Mapping[Name, State]] = {
    "registered": {
        "rate": "ranked",
        "eliminate": "eliminated",
        "reject": "cut",
        "begin": "champion",
        "start": "in_ab",
    },
    "ranked": {"rate": "ranked", "eliminate": "eliminated", "reject": "cut", "begin": "champion", "start": "in_ab"},
    "in_ab": {
        "advance": "ramping",
        "promote": "champion",
        "hold": "held",
        "resume": "in_ab",
        "roll_back": "rolled_back",
        "stop": "cut",
    },
    "ramping": {
        "advance": "ramping",
        "promote": "champion",
        "hold": "held",
        "resume": "ramping",
        "roll_back": "rolled_back",
        "stop": "cut",
    },
    "held": {
        "advance": "ramping",
        "promote": "champion",
        "hold": "held",
        "resume": "in_ab",
        "roll_back": "rolled_back",
        "stop": "cut",
    },
    "champion": {"roll_back": "rolled_back", "replace": "cut", "restore": "in_ab"},
    "eliminated": {"start": "in_ab"},
    "rolled_back": {"start": "in_ab", "restore": "in_ab", "stop": "cut"},
    "cut": {"start": "in_ab", "restore": "in_ab"},
}


class Event(NamedTuple):
    """Something that happened to a candidate, or that is asked for."""

    name: Name
    by_person: bool = False
    verdict: str | None = None
    """The guardrail's word of the same day; None where there is none."""
    advisory: bool = False
    """Whether the decision is only advice."""
    weight: float | None = None
    """Percent of the conversations that get it from now on; None leaves it as it is."""
    back_to: State | None = None
    """Where `restore` leads."""
    of_champion: bool = False
    """A `restore` that follows from the rollback of the successor."""


@dataclass(frozen=True)
class Standing:
    """Where a candidate stands."""

    state: State = "registered"
    weight: float = 0.0
    """Percent of the conversations of its experiment; 100 for the champion, 0 where it is not served."""
    ramped: bool = False
    """Whether its weight was ever raised since it started."""


def refusal(standing: Standing, event: Event) -> str | None:
    """Why the event may not happen now; None where it may."""
    if event.name not in TRANSITIONS[standing.state]:
        return f"{event.name} makes no sense of a candidate that is {standing.state}"
    if event.by_person:
        return None
    followed = standing.state == "cut" and event.name == "restore" and event.of_champion
    if standing.state in ENDS and not followed:
        return f"only a person takes back that it is {standing.state}"
    if event.name in GUARDED:
        if standing.state == "held":
            return "it is held"
        if event.advisory:
            return "the decision is only advice"
        if event.verdict != "PASS":
            return f"the guardrail says {event.verdict or 'nothing'}"
    if event.name == "advance":
        step = next_step(standing.weight)
        if step is None or event.weight != step:
            return f"{event.weight}% is not the step after {standing.weight:g}%"
    return None


def after(standing: Standing, event: Event) -> Standing:
    """Where an event that may happen leads; ValueError for one that may not."""
    reason = refusal(standing, event)
    if reason is not None:
        raise ValueError(reason)
    state = TRANSITIONS[standing.state][event.name]
    if event.name == "restore" and event.back_to is not None:
        state = event.back_to
    if event.name == "resume" and standing.ramped:
        state = "ramping"
    weight = standing.weight if event.weight is None else event.weight
    if state not in SERVING or state == "champion":
        weight = 100.0 if state == "champion" else 0.0
    ramped = event.name == "advance" or (standing.ramped and event.name != "start")
    return Standing(state, weight, ramped)


def next_step(weight: float) -> float | None:
    """The next step of the ladder, percent; None at its end."""
    return next((step for step in LADDER if step > weight), None)
