import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model.trajectory_return import Discounting, gamma, rewards_to_go

HOUR = 3600.0
BY = Discounting(tau_intra=600.0, tau_inter=24 * HOUR, kappa=1.5, horizon=72 * HOUR)


def test_gamma_within_and_between_sessions():
    """Ten minutes on, the same session counts 1/e; a day on, a later one 1.5/e; beyond three days nothing counts."""
    found = gamma([0, 600, 24 * HOUR, 0, 73 * HOUR], [True, True, False, False, False], BY)
    assert found == pytest.approx([1, 1 / math.e, 1.5 / math.e, 1.5, 0])


def test_returns_of_two_sessions_by_hand():
    """Session 7: rewards 1 at 0 s and 2 at 300 s; session 8, a day after the first: reward 4.

    The second decision: 2 + 1.5 * exp(-(86400 - 300) / 86400) * 4 = 2 + 6 * 0.369159 = 4.214954
    The first:           1 + exp(-0.5) * 2 + 1.5 * exp(-1) * 4 = 1 + 1.213061 + 2.207277 = 4.420338
    The third has nothing after it.
    """
    found = rewards_to_go([1, 1, 1], [8, 7, 7], [24 * HOUR, 300, 0], [4, 2, 1], BY)
    assert found == pytest.approx([4, 4.214954, 4.420338], abs=1e-6)


def test_trajectories_do_not_touch():
    both = rewards_to_go([1, 2, 1], [1, 2, 1], [0, 1, 2], [1, 10, 1], BY)
    assert both == pytest.approx([1 + math.exp(-2 / 600), 10, 1])


def test_an_open_future_has_no_return():
    """Complete through hour 80: the decision at hour 8 has its three days, the one at hour 9 has not."""
    found = rewards_to_go([1, 1], [1, 2], [8 * HOUR, 9 * HOUR], [1, 1], BY, known_until=80 * HOUR)
    assert found[0] == pytest.approx(1 + 1.5 * math.exp(-1 / 24))
    assert math.isnan(found[1])


def test_a_reply_without_text_has_no_return_and_adds_nothing():
    found = rewards_to_go([1, 1, 1], [1, 1, 1], [0, 60, 120], [1, np.nan, 1], BY)
    assert found[0] == pytest.approx(1 + math.exp(-0.2))
    assert math.isnan(found[1])
    assert found[2] == 1


def test_nothing_has_no_returns():
    assert rewards_to_go([], [], [], [], BY).shape == (0,)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 400_000), st.floats(-3, 3)),
        min_size=1,
        max_size=25,
        unique_by=lambda row: row[2],
    ),
    st.floats(0.1, 3),
    st.floats(1_000, 300_000),
)
def test_returns_equal_the_double_sum(rows: list[tuple[int, int, float, float]], kappa: float, horizon: float):
    """For any interleaving of trajectories and sessions."""
    by = BY._replace(kappa=kappa, horizon=horizon)
    of, session, t, r = (np.array(column) for column in zip(*rows, strict=True))
    session = session + 10 * of
    direct = [
        sum(
            float(gamma(t[j] - t[i], session[j] == session[i], by)) * r[j]
            for j in range(len(t))
            if of[j] == of[i] and t[j] >= t[i]
        )
        for i in range(len(t))
    ]
    assert rewards_to_go(of, session, t, r, by) == pytest.approx(direct, rel=1e-9, abs=1e-9)
