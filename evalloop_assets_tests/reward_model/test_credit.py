import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model.credit import Charging, blame, drifts

BY = Charging(lookback=2, threshold=0.5, eta=1.0)


def test_blame_by_hand():
    """Failure 1 is looked back on from its reply (lag 0) to the second before it; breaks count above 0.5.

    lag 3 is out of the window; lag 2, drift 2: 1 - e^-2 = 0.864665; lag 1 broke nothing; lag 0, drift 1: 0.632121.
    Their sum 1.496785 is above 1, so it divides: 0.577681 and 0.422319.
    Failure 2 has one weak break of drift 0.1: 1 - e^-0.1 = 0.095163, which is not scaled up.
    """
    found = blame([1, 1, 1, 1, 2], [3, 2, 1, 0, 0], [0.9, 0.9, 0.5, 0.6, 1.0], [5, 2, 9, 1, 0.1], BY)
    assert found.weight == pytest.approx([0, 0.864665, 0, 0.632121, 0.095163], abs=1e-6)
    assert found.blame == pytest.approx([0, 0.577681, 0, 0.422319, 0.095163], abs=1e-6)


def test_the_printed_form_shrinks_with_drift():
    """e^-2 = 0.135335 and e^-1 = 0.367879; their sum is below 1, so they stand."""
    found = blame([1, 1], [1, 0], [0.9, 0.9], [2, 1], BY._replace(form="printed"))
    assert found.blame == pytest.approx([0.135335, 0.367879], abs=1e-6)


def test_nobody_is_blamed_where_no_turn_qualifies():
    assert blame([1, 1], [1, 0], [0.5, np.nan], [9, 9], BY).blame.tolist() == [0, 0]
    assert blame([1], [0], [1.0], [np.nan], BY).blame.tolist() == [0]
    assert blame([], [], [], [], BY).blame.shape == (0,)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 6), st.floats(0, 1), st.floats(0, 5)), min_size=1, max_size=20
    ),
    st.sampled_from(["growing", "printed"]),
)
def test_a_failure_is_charged_at_most_once_and_only_to_breaks_in_the_window(rows: list, form):
    of, lag, score, drift = (np.array(column) for column in zip(*rows, strict=True))
    found = blame(of, lag, score, drift, BY._replace(form=form))
    assert (found.blame >= 0).all()
    assert (found.blame <= found.weight + 1e-12).all()
    assert (np.bincount(of, found.blame) <= 1 + 1e-12).all()
    assert not found.blame[(score <= 0.5) | (lag > 2)].any()


def test_drift_by_hand():
    """Message east, reply north: the state goes from (1, 0) to (0.7, 0.3), whose cosine is 0.7 / sqrt(0.58) = 0.919145.

    A blank reply moves nothing. Where nothing was said before, the drift is 1; sessions have states of their own.
    """
    east, north, blank = [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]
    messages = np.array([east, blank, blank], np.float32)
    replies = np.array([north, north, blank], np.float32)
    assert drifts([5, 4, 5], messages, replies) == pytest.approx([1 - 0.7 / math.sqrt(0.58), 1, 0], abs=1e-6)


def test_a_reply_like_what_was_said_drifts_less_than_one_from_elsewhere():
    draw = np.random.default_rng(0)
    topic, other = draw.normal(size=(2, 16)).astype(np.float32)
    near = drifts([0, 0, 0], np.stack([topic] * 3), np.stack([topic] * 3))
    far = drifts([0, 0, 0], np.stack([topic] * 3), np.stack([topic, topic, other]))
    assert near == pytest.approx([0, 0, 0], abs=1e-6)
    assert far[2] > 0.01
