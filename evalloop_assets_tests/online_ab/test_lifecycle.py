"""Every state with every event and guard."""

import re
from itertools import product
from typing import get_args

import pytest

from evalloop_assets.online_ab.lifecycle import (
    ENDS,
    LADDER,
    SERVING,
    TRANSITIONS,
    Event,
    Name,
    Standing,
    State,
    after,
    next_step,
    refusal,
)

STATES, NAMES = get_args(State), get_args(Name)
ALL = [
    (Standing(state, weight, ramped), Event(name, by_person, verdict, advisory, step, back_to, of_champion))
    for state, weight, ramped, name, by_person, verdict, advisory, step, back_to, of_champion in product(
        STATES, (5.0, 100.0), (False, True), NAMES, (False, True), (None, "PASS", "HOLD", "BLIND", "ROLLBACK"),
        (False, True), (None, 5.0, 25.0, 50.0), (None, "champion"), (False, True),
    )
]  # fmt: skip
HAPPEN = [(standing, event, after(standing, event)) for standing, event in ALL if refusal(standing, event) is None]


def test_every_state_and_event_is_either_refused_with_a_reason_or_leads_to_a_state():
    assert {found.state for _, _, found in HAPPEN} == set(STATES) - {"registered"}
    refused = {(standing.state, event.name): (standing, event) for standing, event in ALL if refusal(standing, event)}
    for standing, event in refused.values():
        with pytest.raises(ValueError, match=re.escape(refusal(standing, event))):
            after(standing, event)
    assert 0 < len(HAPPEN) < len(ALL)
    assert set(TRANSITIONS) == set(STATES)


def test_every_state_is_reached_from_registered_and_every_event_happens_somewhere():
    seen = {"registered"}
    for _ in STATES:
        seen |= {found.state for standing, _, found in HAPPEN if standing.state in seen}
    assert seen == set(STATES)
    assert {event.name for _, event, _ in HAPPEN} == set(NAMES)


def test_the_loop_leaves_no_end_but_for_the_champion_whose_successor_is_rolled_back():
    left = [(standing.state, event) for standing, event, _ in HAPPEN if standing.state in ENDS and not event.by_person]
    assert left
    assert {(state, event.name, event.of_champion) for state, event in left} == {("cut", "restore", True)}


def test_nothing_widens_on_hold_blind_rollback_silence_or_advice():
    wider = [
        (standing, event)
        for standing, event, found in HAPPEN
        if not event.by_person and event.name in ("advance", "promote")
    ]
    assert wider
    assert {event.verdict for _, event in wider} == {"PASS"}
    assert not any(event.advisory for _, event in wider)
    assert {standing.state for standing, _ in wider} == {"in_ab", "ramping"}


def test_the_loop_takes_one_step_of_the_ladder_at_a_time():
    taken = [(one, event) for one, event, _ in HAPPEN if event.name == "advance" and not event.by_person]
    steps = {(standing.weight, event.weight) for standing, event in taken}
    assert steps == {(5.0, 25.0)}
    assert [next_step(step) for step in (0.0, *LADDER)] == [*LADDER, None]
    assert (next_step(10.0), next_step(2.5)) == (25.0, 5.0)


def test_whoever_is_served_can_be_rolled_back_at_once_and_is_served_no_more():
    for state in SERVING:
        found = after(Standing(state, 50.0, True), Event("roll_back", verdict="ROLLBACK"))
        assert (found.state, found.weight) == ("rolled_back", 0.0)
    assert not SERVING & ENDS


def test_a_whole_life():
    standing = Standing()
    told = []
    for event in (
        Event("rate"),
        Event("start", by_person=True, weight=1.0),
        Event("advance", verdict="PASS", weight=5.0),
        Event("hold", verdict="BLIND"),
        Event("resume", verdict="PASS"),
        Event("advance", verdict="PASS", weight=25.0),
        Event("promote", verdict="PASS"),
        Event("replace"),
        Event("restore", back_to="champion", of_champion=True),
    ):
        standing = after(standing, event)
        told.append((standing.state, standing.weight))
    assert told == [
        ("ranked", 0.0), ("in_ab", 1.0), ("ramping", 5.0), ("held", 5.0), ("ramping", 5.0), ("ramping", 25.0),
        ("champion", 100.0), ("cut", 0.0), ("champion", 100.0),
    ]  # fmt: skip
    assert after(Standing("held", 1.0), Event("resume")).state == "in_ab"
