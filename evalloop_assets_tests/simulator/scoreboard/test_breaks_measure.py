"""Breaks against the planted ones, counted by hand."""

import math

import pytest

import evalloop_assets.reward_model.assets  # noqa: F401
from evalloop_assets.simulator.scoreboard.breaks import FOUND, RANKED, RIGHT, SHORT, measured_breaks
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values


def run_of(replies):
    """Replies of (score, broke, length, cut)."""
    return TinyRun(
        breaks=[{"event_id": str(place), "score": score} for place, (score, *_) in enumerate(replies)],
        truth_turns=[
            {"event_id": str(place), "broke": broke, "cut": cut} for place, (_, broke, _, cut) in enumerate(replies)
        ],
        turns=[{"event_id": str(place), "reply_text": "x" * length} for place, (_, _, length, _) in enumerate(replies)],
    )


def test_counted_by_hand():
    """Two of three found; two of four taken are broken; a reply that breaks off does not count."""
    replies = [(0.9, True, 1, False), (0.5, True, 2, False), (0.1, True, 3, False), (0.6, False, 4, False),
               (0.7, False, 5, False), (0.0, False, 6, False), (0.0, True, 9, True)]  # fmt: skip
    found = measured_breaks(run_of(replies))
    assert values(found) == pytest.approx({FOUND: 2 / 3, RIGHT: 1 / 2, RANKED: 5 / 9})
    assert values(found, SHORT) == {RANKED: 1}


def test_nothing_is_measured_without_replies():
    assert all(math.isnan(one.value) for one in measured_breaks(TinyRun()))
