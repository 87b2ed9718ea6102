"""Blame after a break against the planted breaks, counted by hand."""

import math

import pytest

from evalloop_assets.simulator.scoreboard.credit import (
    EQUAL_SHARES,
    FROM_DELAYED,
    LAST_TURN,
    PRINTED,
    TRUE_BREAKS,
    measured_credit,
)
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values

MOST, INNOCENT = "most blame on the broken reply, share of sessions", "blame on replies that broke nothing, mean share"
UNBROKEN = "blame in sessions where nothing broke, mean"


def marks(measured, method: str = LOOP) -> dict[str, float]:
    return {figure: value for figure, value in values(measured, method).items() if figure in (MOST, INNOCENT, UNBROKEN)}


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


def test_labels_that_blame_the_break_alone_have_full_marks_and_a_loop_without_credit_none():
    found = measured_credit(run_of([("abrupt", [(False, 0.2), (True, -0.4), (False, 0.0), (False, None)])]))
    assert marks(found, FROM_DELAYED) == {MOST: 1, INNOCENT: 0}
    assert marks(found, TRUE_BREAKS) == {MOST: 1, INNOCENT: 0}
    assert marks(found) == pytest.approx({MOST: 0, INNOCENT: math.nan, UNBROKEN: math.nan}, nan_ok=True)


def test_blame_of_the_table_by_hand():
    """Two sessions of three. The first broke in the middle: 0.6 there, 0.2 on the last, a quarter innocent; the
    printed form sees drift 1 and 3 of two breaks, e^-2 and e^-6. The second broke nothing and carries 0.3."""
    told = {
        "a": [(0, False, 0.0, 0.1, 1.0), (1, True, 0.6, 0.9, 1.0), (2, False, 0.2, 0.8, 3.0)],
        "b": [(0, False, 0.0, 0.1, 1.0), (1, False, 0.3, 0.7, 1.0), (2, False, 0.0, 0.1, 1.0)],
    }
    replies = [(f"{name}{place}", name, place, *rest) for name, rows in told.items() for place, *rest in rows]
    run = TinyRun(
        horizon_labels=[{"event_id": e, "session_id": name, "position": at + 1} for e, name, at, *_ in replies],
        truth_turns=[
            {"event_id": e, "broke": broke, "fate": "abrupt" if at == 2 else "goes_on"}
            for e, _, at, broke, *_ in replies
        ],
        credit=[
            {"event_id": e, "blame": blame, "break_score": score, "drift": drift}
            for e, _, _, _, blame, score, drift in replies
        ],
    )
    found = measured_credit(run)
    assert marks(found) == pytest.approx({MOST: 1, INNOCENT: 0.25, UNBROKEN: 0.3})
    near, far = math.exp(-2), math.exp(-6)
    assert marks(found, PRINTED) == pytest.approx({MOST: 1, INNOCENT: far / (near + far), UNBROKEN: near})


def test_pairs_that_reject_an_innocent_reply_before_a_failure_by_hand():
    """Session a was left: its pair is wrong by true quality. Session b ended well: its pair is right."""
    quality = {"a0": 0.1, "a1": 0.5, "b0": 0.9, "b1": 0.2}
    run = TinyRun(
        horizon_labels=[{"event_id": e, "session_id": e[0], "position": int(e[1]) + 1} for e in quality],
        exits=[{"session_id": "a", "kind": "abrupt"}, {"session_id": "b", "kind": "natural"}],
        truth_turns=[{"event_id": e, "quality": worth, "broke": False} for e, worth in quality.items()],
        tail_pairs=[{"chosen_event_id": f"{name}0", "rejected_event_id": f"{name}1"} for name in "ab"],
    )
    found = values(measured_credit(run))
    assert [value for figure, value in found.items() if figure.startswith("tail pairs")] == [0, 1]


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
    assert marks(mixed, FROM_DELAYED) == pytest.approx({MOST: 1 / 3, INNOCENT: (0.8 + 0.25) / 2})


def test_the_last_turn_by_hand(mixed):
    assert marks(mixed, LAST_TURN) == pytest.approx({MOST: 1 / 3, INNOCENT: 2 / 3})


def test_equal_shares_by_hand(mixed):
    shares = (1 / 6, 1 / 2, 1 / 6)
    assert marks(mixed, EQUAL_SHARES) == pytest.approx({MOST: sum(shares) / 3, INNOCENT: 1 - sum(shares) / 3})


def test_nothing_is_measured_without_sessions():
    assert all(math.isnan(one.value) for one in measured_credit(TinyRun()))
