"""What the ledger did on a reading, whether it stands, and whether it is borne out: every case."""

from dataclasses import replace
from datetime import date, datetime
from itertools import product

import pytest

from evalloop_assets.online_ab.reopening import (
    ReadingId,
    bears_out,
    reopened,
    rests_on,
    standing,
    superseded_by,
)
from evalloop_assets.serving import transitions
from evalloop_assets.serving.ledger import Entry
from evalloop_assets.serving.state import Allocation

DAY = date(2026, 5, 3)
BEGIN, ENDED = datetime(2026, 5, 1), datetime(2026, 5, 4, 0, 30)
X = ReadingId("x", DAY)


def entry(sequence, action, allocation, request_id="by hand", at=ENDED, evidence=None):
    return Entry(sequence, at, at, "a", "because", action, allocation, evidence or {}, request_id)


def begun():
    state = transitions.begin("old")
    for place, name in enumerate("xy"):
        segment = (50.0 * place, 50.0 * (place + 1))
        state = transitions.start_experiment(state, name, f"new-{name}", BEGIN, weight_percent=5, segment=segment)
    return entry(1, "start", state, at=BEGIN)


def done(action, at=ENDED):
    """The ledger after that was done on X."""
    before = begun()
    change = {
        "rollback": lambda state: transitions.roll_back(state, "x", at),
        "promote": lambda state: transitions.promote(state, "x", at),
        "ramp": lambda state: transitions.ramp(state, "x", 25, at),
    }[action]
    if action == "rollback":
        return [before, entry(2, action, change(before.allocation), str(X), at)]
    evidence = {"reading_id": str(X)}
    return [before, entry(2, action, change(before.allocation), f"{action}:x:{X}", at, evidence)]


ACTIONS = ("rollback", "promote", "ramp")


@pytest.mark.parametrize("action", ACTIONS)
def test_what_was_done_on_a_reading_stands_until_something_changes_the_experiment(action):
    entries = done(action)
    state: Allocation = entries[-1].allocation
    assert rests_on(entries[-1]) == X
    assert standing(entries) == {X: entries[-1]}
    other = entry(
        3, "stop", replace(state, experiments=tuple(one for one in state.experiments if one.experiment_id != "y"))
    )
    assert superseded_by([*entries, other], entries[-1], "x") is None
    assert standing([*entries, other]) == {X: entries[-1]}
    undone = entry(4, "undo", transitions.undo(state, entries[0].allocation, ENDED))
    assert superseded_by([*entries, other, undone], entries[-1], "x") == undone
    assert standing([*entries, other, undone]) == {}
    again = entry(5, action, state)
    assert standing([*entries, undone, again]) == {}, "what is done again rests on something else"


@pytest.mark.parametrize(
    ("action", "request_id", "evidence"),
    [
        ("rollback", "rollback-by-ada", {}),
        ("rollback", "x@someday", {}),
        ("rollback", "x@2026-02-30", {}),
        ("undo", str(X), {}),
        ("stop", str(X), {}),
        ("start", str(X), {"reading_id": str(X)}),
        ("ramp", "ramp-by-ada", {}),
    ],
)
def test_what_a_person_did_rests_on_no_reading(action, request_id, evidence):
    assert rests_on(entry(2, action, begun().allocation, request_id, evidence=evidence)) is None


def test_an_experiment_may_be_called_anything():
    named = entry(2, "rollback", begun().allocation, f"a@b @2026-01-01@{DAY}")
    assert rests_on(named) == ReadingId("a@b @2026-01-01", DAY)


@pytest.mark.parametrize(
    ("at", "stands"), [(datetime(2026, 5, 3, 23, 59), False), (datetime(2026, 5, 4), True), (ENDED, True)]
)
def test_what_was_done_within_the_day_rests_on_it_as_it_was_then(at, stands):
    assert (X in standing(done("rollback", at))) is stands


BORNE_OUT = {
    ("rollback", "verdict", "ROLLBACK"),
    *product(["rollback"], ["decision"], ["continue", "advance", "promote", "hold", "none"]),
    ("promote", "verdict", "PASS"),
    ("promote", "decision", "promote"),
    ("ramp", "verdict", "PASS"),
    ("ramp", "decision", "advance"),
    ("ramp", "decision", "promote"),
}
WORDS = {
    "verdict": ["PASS", "HOLD", "BLIND", "ROLLBACK"],
    "decision": ["continue", "advance", "promote", "hold", "none"],
}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_needs_its_words(action):
    entries = done(action)
    for source, words in WORDS.items():
        for word in words:
            expected = (action, source, word) in BORNE_OUT
            assert bears_out(entries[-1], source, word) is expected
            told = reopened(entries, str(X), source, word)
            assert told == (
                None
                if expected
                else f"entry 2 ({action}) rests on this day, which now says {word}; "
                "to take it back: evalloop serving undo 2"
            )
            assert reopened(entries, "x@2026-05-02", source, word) is None


def test_what_was_undone_is_not_told():
    entries = done("promote")
    undone = entry(3, "undo", transitions.undo(entries[-1].allocation, entries[0].allocation, ENDED))
    assert reopened([*entries, undone], str(X), "verdict", "ROLLBACK") is None
