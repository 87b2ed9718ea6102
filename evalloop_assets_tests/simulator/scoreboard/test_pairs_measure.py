"""Preferences of pairs against the truth, and what pairs give away, counted by hand."""

import hashlib
import math

import pytest

from evalloop_assets.simulator.scoreboard.pairs import CROSS_USER, EVERY_KEPT, TRULY, measured_pairs
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values

UTILITY = {
    "u": [(0.0, False), (2.0, False), (-9.0, True), (1.0, False), (5.0, False)],
    "v": [(1.0, False), (3.0, False)],
}
"""By user: utility of each reply, and whether it was regenerated away. The means over a reply and the kept ones after
it are 2, 8/3, none, 3 and 5 for u."""


def right(source, horizon):
    return f"{source} pairs, {horizon}, preferred side truly better, share"


def told(source, lead):
    return f"{source} pairs, preferred side told by {lead} alone, AUC"


def tail(a, b, immediate, delayed_5, position=(1, 2), chars=(5, 5)):
    return {
        "source": "tail", "horizon_tag": "medium", "pair_id": f"{a}{b}", "event_id_a": a, "event_id_b": b,
        "immediate": immediate, "delayed_5": delayed_5, "position_a": position[0], "position_b": position[1],
        "reply_a": "x" * chars[0], "reply_b": "x" * chars[1],
    }  # fmt: skip


def fought(battle_id, immediate, delayed_5="censored", replies=("one", "other")):
    return {
        "source": "battle", "horizon_tag": "immediate", "immediate": immediate, "delayed_5": delayed_5,
        "pair_id": hashlib.md5(f"battle|{battle_id}".encode()).hexdigest(),
        "reply_a": replies[0], "reply_b": replies[1],
    }  # fmt: skip


def again(a, b, preferred):
    return tail(a, b, preferred, "censored", (3, 3)) | {"source": "regeneration", "horizon_tag": "immediate"}


def run_of(pairs, dwell=None):
    """In battle 1 `other` looks better and `one` is better; in battle 2 both look the same and `other` is better.

    `dwell` in ms of replies that have labels.
    """
    truth = [
        {"event_id": f"{user}{turn}", "user_id": user, "conversation_id": f"c-{user}", "turn": turn, "utility": utility,
         "regenerated": regenerated}
        for user, replies in UTILITY.items()
        for turn, (utility, regenerated) in enumerate(replies)
    ]  # fmt: skip
    shown = [
        {"event_id": event, "user_id": event[0], "dwell_ms": ms, "reply_text": "x" * (1 + ms // 100)}
        for event, ms in (dwell or {}).items()
    ]
    return TinyRun(
        preference_pairs=pairs,
        battles=[{"battle_id": number, "reply_a": "one", "reply_b": "other"} for number in ("1", "2")],
        turns=shown,
        horizon_labels=[{"event_id": event, "position": int(event[1]) + 1} for event in dwell or {}],
        truth_turns=truth,
        truth_battles=[
            {"battle_id": "1", "value_a": 0.0, "value_b": 1.0, "quality_a": 1.0, "quality_b": 0.0},
            {"battle_id": "2", "value_a": 1.0, "value_b": 1.0, "quality_a": 0.0, "quality_b": 1.0},
        ],
    )


def test_a_perfect_loop_has_full_marks():
    pairs = [tail("u0", "u1", "B", "B"), tail("u3", "u1", "B", "A"), tail("v0", "v1", "B", "B"),
             again("u3", "u2", "A"), fought("1", "B"), fought("2", "censored", "A", ("other", "one"))]  # fmt: skip
    found = values(measured_pairs(run_of(pairs)))
    assert math.isnan(found[right("regeneration", "delayed_5")])
    shares = [value for name, value in found.items() if name.endswith("share") and not math.isnan(value)]
    assert shares == [1] * 5


def test_a_wrong_loop_has_the_marks_counted_by_hand():
    pairs = [
        tail("u0", "u1", "A", "tie"),  # wrong now, undecided later
        tail("u3", "u1", "B", "B"),  # right now, wrong later
        tail("v0", "v1", "censored", "B"),  # undecided now, right later
        tail("v0", "u3", "A", "A"),  # even now; later 2 against 3: wrong
        tail("bot0", "bot1", "A", "A"),  # no truth
        again("u2", "u3", "A"),  # wrong
        fought("1", "A", "A", ("other", "one")),  # right at a glance, not as quality
        fought("2", "A", "B"),  # even at a glance, right as quality
    ]
    found = values(measured_pairs(run_of(pairs)))
    assert found[right("tail", "immediate")] == pytest.approx((0 + 1 + 0.5) / 3)
    assert found[right("tail", "delayed_5")] == pytest.approx(1 / 3)
    assert found[right("regeneration", "immediate")] == 0
    assert found[right("battle", "immediate")] == pytest.approx((1 + 0.5) / 2)
    assert found[right("battle", "delayed_5")] == pytest.approx(1 / 2)


def test_what_position_and_length_give_away():
    """Tail pairs speak about five turns: the early side is always preferred, the longer one once, the shorter once."""
    pairs = [tail("u0", "u1", "B", "A", (1, 2), (9, 5)), tail("u1", "u3", "A", "B", (4, 2), (9, 5)),
             fought("1", "B"), fought("2", "A", replies=("other", "one")), again("u3", "u2", "A")]  # fmt: skip
    found = values(measured_pairs(run_of(pairs)))
    assert found[told("tail", "position")] == 0
    assert found[told("tail", "length")] == 0.5
    assert found[told("battle", "length")] == 1
    assert found[told("regeneration", "position")] == 0.5
    assert math.isnan(found[told("battle", "position")])


def test_what_length_tells_of_the_truth_stands_beside_it():
    """The longer side is truly better in one tail pair, the shorter in the other."""
    pairs = [
        tail("u0", "u1", "A", "A", (1, 2), (9, 5)),
        tail("u0", "u3", "A", "A", (1, 2), (5, 9)),
        again("u3", "u2", "A"),
    ]
    found = values(measured_pairs(run_of(pairs)), TRULY)
    assert found[told("tail", "length")] == 0.5
    assert found[told("regeneration", "length")] == 0.5


def test_kept_versions_are_judged_with_and_without_what_followed():
    """Of the versions of one reply of u the kept one is better by 10."""
    pairs = [
        again("u3", "u2", "A") | {"returned_next_day": True},
        again("u2", "u3", "A") | {"returned_next_day": False},
    ]
    run = run_of(pairs)
    found = values(measured_pairs(run))
    assert found[right("regeneration", "immediate")] == 0.5
    assert found["regeneration pairs of users who came back, immediate, preferred side truly better, share"] == 1
    assert found["regeneration pairs of users who did not, immediate, preferred side truly better, share"] == 0
    assert values(measured_pairs(run), EVERY_KEPT) == {right("regeneration", "immediate"): 1}


def test_cross_user_pairs_prefer_what_was_looked_at_longer():
    """u1 (utility 2, then 8/3) at position 2 against v0 (1, then 2) at 1; the longer dwell has the longer text."""
    found = values(measured_pairs(run_of([], {"u1": 5000, "v0": 1000})), CROSS_USER)
    assert found == {
        right("tail", "immediate"): 1, right("tail", "delayed_5"): 1,
        told("tail", "position"): 1, told("tail", "length"): 1,
    }  # fmt: skip
    turned = values(measured_pairs(run_of([], {"u1": 1000, "v0": 5000})), CROSS_USER)
    assert turned == {
        right("tail", "immediate"): 0, right("tail", "delayed_5"): 0,
        told("tail", "position"): 0, told("tail", "length"): 1,
    }  # fmt: skip


def test_replies_of_one_user_make_no_cross_user_pair():
    found = values(measured_pairs(run_of([], {"u0": 5000, "u1": 1000})), CROSS_USER)
    assert all(math.isnan(value) for value in found.values())


def test_nothing_is_measured_without_pairs():
    assert all(math.isnan(one.value) for one in measured_pairs(TinyRun()))
