"""Blame after a break against the planted breaks, counted by hand."""

import math

import pytest

from evalloop_assets.simulator.scoreboard.credit import EQUAL_SHARES, FROM_DELAYED, LAST_TURN, measured_credit
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values

MOST, INNOCENT = "most blame on the broken reply, share of sessions", "blame on replies that broke nothing, mean share"


def run_of(sessions):
    """Sessions of (broke, delayed_5) in order, each with the fate of its last reply."""
    replies = [
        (f"{session}-{place}", f"s{session}", place, broke, delayed_5, fate if place == len(told) - 1 else "goes_on")
        for session, (fate, told) in enumerate(sessions)
        for place, (broke, delayed_5) in enumerate(told)
    ]
    return TinyRun(
        horizon_labels=[
            {"event_id": event, "session_id": session, "position": place + 1, "delayed_5": delayed_5}
            for event, session, place, _, delayed_5, _ in replies
        ],
        truth_turns=[{"event_id": event, "broke": broke, "fate": fate} for event, *_, broke, _, fate in replies],
    )


def test_labels_that_blame_the_break_alone_have_full_marks_and_the_loop_none():
    found = measured_credit(run_of([("abrupt", [(False, 0.2), (True, -0.4), (False, 0.0), (False, None)])]))
    assert values(found, FROM_DELAYED) == {MOST: 1, INNOCENT: 0}
    assert values(found) == pytest.approx({MOST: math.nan, INNOCENT: math.nan}, nan_ok=True)


@pytest.fixture(scope="module")
def mixed():
    """Three sessions count: the break is the third of six, the last of two, and the third of seven without blame."""
    six = [(False, 0.5), (False, -0.1), (True, -0.2), (False, -0.3), (False, 0.0), (False, -0.4)]
    two = [(False, -0.1), (True, -0.3)]
    nobody = [(False, -1.0), (False, 0.1), (True, 0.1), (False, None), (False, 0.3), (False, 0.3), (False, 0.0)]
    too_old = [(True, -1.0)] + [(False, -0.5)] * 6
    ended_well = [(True, -0.5), (False, 0.0)]
    unbroken = [(False, -0.5), (False, -0.7)]
    return measured_credit(
        run_of([("abrupt", six), ("abrupt", two), ("abrupt", nobody), ("abrupt", too_old), ("natural", ended_well),
                ("abrupt", unbroken)])
    )  # fmt: skip


def test_wrong_labels_have_the_marks_counted_by_hand(mixed):
    """Blame is 0.2 of 1.0 on the first break, 0.3 of 0.4 on the second; the third session has none to share."""
    assert values(mixed, FROM_DELAYED) == pytest.approx({MOST: 1 / 3, INNOCENT: (0.8 + 0.25) / 2})


def test_the_last_turn_by_hand(mixed):
    assert values(mixed, LAST_TURN) == pytest.approx({MOST: 1 / 3, INNOCENT: 2 / 3})


def test_equal_shares_by_hand(mixed):
    shares = (1 / 6, 1 / 2, 1 / 6)
    assert values(mixed, EQUAL_SHARES) == pytest.approx({MOST: sum(shares) / 3, INNOCENT: 1 - sum(shares) / 3})


def test_nothing_is_measured_without_sessions():
    assert all(math.isnan(one.value) for one in measured_credit(TinyRun()))
