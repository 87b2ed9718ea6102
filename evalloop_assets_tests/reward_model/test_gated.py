import math
import tracemalloc
from itertools import islice, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model.gated import Gate, gate, gated, gated_rewards
from evalloop_assets.reward_model.history import Exchange
from evalloop_assets.reward_model.reader import Reader
from evalloop_assets.settings import RewardSettings
from evalloop_assets_tests.reward_model.test_quality import ADVANCING, EMPTY

TAU = 72 * 3600.0
AT = Gate(threshold=0.6, temperature=0.1, novelty_tau=TAU)
UNIT = st.floats(0, 1)
POSITIVE = st.floats(0.01, 1)


class Constant:
    """A reward model that gives every reply the same."""

    def score(self, user_texts, replies, encoder=None, histories=None):
        return np.array([1.0 if reply and reply.strip() else np.nan for reply in replies])


def test_gate_and_reward_by_hand():
    """At q0 the gate is half the penalty; 0.1 above it sigmoid(1) = 0.731059 of it. 2 * 0.4 = 0.8; -2 stays -2."""
    assert gate([0.6, 0.7], [0.8, 1.0], AT) == pytest.approx([0.4, 0.731059], abs=1e-6)
    assert gated([2.0, -2.0], [0.4, 0.4]) == pytest.approx([0.8, -2.0])


@given(st.floats(-5, 5), UNIT, UNIT, POSITIVE)
def test_the_reward_never_falls_as_quality_rises(r: float, q: float, other: float, penalty: float):
    low, high = sorted((q, other))
    before, after = (float(gated(r, gate(quality, penalty, AT))) for quality in (low, high))
    assert after >= before


@given(st.floats(-5, 5), POSITIVE, POSITIVE)
def test_nor_as_the_penalty_is_less(r: float, penalty: float, other: float):
    hard, mild = sorted((penalty, other))
    assert float(gated(r, gate(0.7, mild, AT))) >= float(gated(r, gate(0.7, hard, AT)))


@given(st.floats(-5, 5), UNIT, POSITIVE)
def test_a_gate_withholds_reward_and_forgives_no_penalty(r: float, q: float, penalty: float):
    """A plain product, gate * r, would forgive: it is above r for every negative r."""
    found = float(gated(r, gate(q, penalty, AT)))
    assert found == r if r <= 0 else 0 <= found <= r
    closed = float(gated(r, 0.0))
    assert closed == min(r, 0.0)


def test_many_histories_in_one_call_need_the_memory_of_one():
    """As in a file of dialogues that is scored."""
    told = [" ".join(f"word{at + 7 * step}" for step in range(20)) for at in range(40)]
    orders = list(islice(permutations(told), 100))

    def most_held(count: int) -> int:
        histories = [[Exchange(None, said, 60.0) for said in order] for order in orders[:count]]
        tracemalloc.start()
        try:
            gated_rewards(Constant(), ["And then?"] * count, [EMPTY] * count, histories, at=AT)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    most_held(1)  # from here on its sentences are known
    few = most_held(5)
    assert most_held(100) < 10 * few


def test_padding_earns_less_than_the_same_reply_alone():
    replies = [ADVANCING[0], f"{ADVANCING[0]} {EMPTY} I am here for you.", " ".join(ADVANCING), None, "  "]
    found = gated_rewards(Constant(), ["And then?"] * 5, replies, at=AT)
    alone, padded, long, *nothing = found.reward
    assert padded < 0.7 * alone
    assert long > 0.95 * alone
    assert np.isnan(nothing).all()
    assert np.isnan(found.gate[3:]).all()


def test_a_history_counts_as_if_it_had_been_read():
    history = [
        Exchange("Hello", ADVANCING[1], 5000.0),
        Exchange("Go on", ADVANCING[0], 60.0),
        Exchange(None, None, 30.0),
    ]
    found = gated_rewards(Constant(), ["And then?"] * 2, [ADVANCING[0]] * 2, [history, []], at=AT)
    reader = Reader(TAU)
    for message, reply, seconds in history:
        reader.take(message, reply, 9000.0 - seconds)
    same = reader.judge("And then?", ADVANCING[0], 9000.0)
    assert found.q[0] == pytest.approx(same.q)
    assert found.penalty[0] == pytest.approx(same.penalty.product)
    assert found.reward[0] < found.reward[1]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one history"):
        gated_rewards(Constant(), ["a"], ["b"], [[], []], at=AT)
    with pytest.raises(ValueError, match="2 messages"):
        gated_rewards(Constant(), ["a", "b"], ["b"], at=AT)


def test_a_gate_far_from_its_threshold_is_finite():
    assert gate([-1e6, 1e6], [1, 1], AT).tolist() == [0, 1]
    assert math.isnan(float(gate(np.nan, 1, AT)))


def test_the_gate_of_the_settings():
    assert Gate.of(RewardSettings(quality_threshold=0.3, novelty_hours=2)) == Gate(0.3, 0.1, 7200.0)
