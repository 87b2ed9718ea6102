"""Rank correlations against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evalloop_assets.evaluation.offline.rank import (
    chance_of_as_good,
    kendall,
    kendall_of_draws,
    spearman,
    spearman_of_draws,
)

SIDES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12)


@given(SIDES)
def test_both_are_those_of_scipy_with_ties(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(spearman(x, y))
        assert np.isnan(kendall(x, y))
        return
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)


def test_by_hand():
    x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])
    assert spearman(x, y) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert kendall(x, y) == pytest.approx(4 / 6)


def test_draws_are_ranked_row_by_row():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 20, 6))
    assert spearman_of_draws(x, y) == pytest.approx([spearman(*row) for row in zip(x, y, strict=True)])
    assert kendall_of_draws(x, y) == pytest.approx([kendall(*row) for row in zip(x, y, strict=True)])


@pytest.mark.parametrize("n", [4, 5, 7])
def test_the_chance_of_as_good_an_order_is_exact(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)

    def statistic(one):
        return stats.spearmanr(one, y).statistic

    oracle = stats.permutation_test(
        (x,), statistic, permutation_type="pairings", n_resamples=np.inf, alternative="greater"
    )
    assert chance_of_as_good(x, y, rng) == pytest.approx(oracle.pvalue)


def test_of_many_models_it_is_drawn():
    rng = np.random.default_rng(3)
    x = np.arange(12.0)
    y = x + rng.normal(scale=5, size=12)
    exact = stats.spearmanr(x, y, alternative="greater").pvalue
    assert chance_of_as_good(x, y, rng) == pytest.approx(exact, abs=0.01)
    assert chance_of_as_good(x, x, rng) == pytest.approx(1 / 20_000)


def test_the_perfect_order_of_five_is_one_in_120():
    x = np.arange(5.0)
    assert chance_of_as_good(x, x, np.random.default_rng(1)) == pytest.approx(1 / 120)
