from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.policy_iteration.best_of_n import best_of_n, choice_weights, expected_best_of_n

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=7)


def test_chooses_the_best_the_first_of_equals_and_never_nan():
    table = [[1, 3, 2], [5, 5, 0], [np.nan, -1, -2]]
    assert best_of_n(table).tolist() == [1, 0, 1]
    assert best_of_n(np.zeros((0, 3))).tolist() == []


@pytest.mark.parametrize(("table", "why"), [([1, 2], r"shape \(2,\)"), ([[0.0], [np.nan]], "prompt 1")])
def test_what_cannot_be_chosen_says_why(table: list, why: str):
    with pytest.raises(ValueError, match=why):
        best_of_n(table)


def test_expectation_by_hand():
    """Pairs of 1, 2, 4: best 2, 4, 4, mean 10/3."""
    assert expected_best_of_n([4, 1, 2], 2) == pytest.approx(10 / 3)


@given(scores, st.integers(1, 7))
def test_expectation_is_the_mean_over_all_subsets(samples: list[float], n: int):
    if n > len(samples):
        with pytest.raises(ValueError, match="cannot be estimated"):
            expected_best_of_n(samples, n)
        return
    subsets = [max(subset) for subset in combinations(samples, n)]
    assert expected_best_of_n(samples, n) == pytest.approx(np.mean(subsets))


@given(scores, st.data())
def test_weights_are_probabilities_that_grow_with_the_score(samples: list[float], data):
    n = data.draw(st.integers(1, len(samples)))
    weights = choice_weights(samples, n)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    order = np.argsort(samples)
    assert (np.diff(weights[order]) >= -1e-12).all()
    for first, second in combinations(range(len(samples)), 2):
        if samples[first] == samples[second]:
            assert weights[first] == pytest.approx(weights[second])


def test_weights_of_distinct_scores_are_the_binomial_ones():
    m, n = 9, 4
    expected = [comb(rank - 1, n - 1) / comb(m, n) for rank in range(1, m + 1)]
    assert choice_weights(np.arange(m), n) == pytest.approx(expected)


def test_estimate_is_unbiased_against_simulation():
    """Best of 4 standard normal draws has mean 1.02938 (order statistics); estimated from 10 logged draws each."""
    draw = np.random.default_rng(0)
    found = [expected_best_of_n(samples, 4) for samples in draw.normal(size=(4000, 10))]
    assert np.mean(found) == pytest.approx(1.02938, abs=4 * np.std(found) / np.sqrt(4000))
    simulated = draw.normal(size=(200_000, 4)).max(axis=1)
    assert np.mean(found) == pytest.approx(simulated.mean(), abs=0.03)


def test_anything_about_the_choice_is_unbiased():
    """Lengths that go with the score: the expected length of the choice agrees with drawing four and choosing."""
    draw = np.random.default_rng(1)
    quality = draw.normal(size=(4000, 10))
    length = 50 + 10 * quality + draw.normal(size=quality.shape)
    found = np.mean([choice_weights(q, 4) @ row for q, row in zip(quality, length, strict=True)])
    chosen = best_of_n(quality[:, :4])
    assert found == pytest.approx(np.take_along_axis(length, chosen[:, None], axis=1).mean(), abs=0.5)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        choice_weights([1.0, np.nan], 1)
