"""Boundaries by alpha spending, against published tables, other integrations and simulated paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from evalloop_assets.online_ab.lan_demets import SPENDING, boundaries, planned_bounds

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(
    ("spending", "published"),
    [
        ("obrien_fleming", [4.877, 3.357, 2.680, 2.290, 2.031]),
        ("pocock", [2.438, 2.427, 2.410, 2.397, 2.386]),
    ],
)
def test_five_equal_looks_have_the_published_boundaries(spending, published):
    """Two-sided, 0.05: Jennison and Turnbull, Group Sequential Methods, chapter 7, and the ldbounds package."""
    assert boundaries(FIFTHS, 0.05, spending) == pytest.approx(published, abs=6e-4)


def test_one_look_is_the_fixed_test():
    for spending in SPENDING:
        assert boundaries([1.0], 0.05, spending) == pytest.approx([norm.isf(0.025)])
        assert boundaries([1.7], 0.01, spending) == pytest.approx([norm.isf(0.005)])


@pytest.mark.parametrize("spending", list(SPENDING))
def test_unequal_looks_spend_what_they_may_by_another_integration(spending):
    """The chance to stay inside all boundaries so far, by the multivariate normal of scipy."""
    fractions = np.array([0.15, 0.5, 0.55, 1.1])
    z = boundaries(fractions, 0.05, spending)
    correlation = np.sqrt(np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions))
    for looks in range(1, 5):
        inside = multivariate_normal(cov=correlation[:looks, :looks], abseps=1e-7, releps=1e-7, maxpts=10**6)
        out = 1 - inside.cdf(z[:looks], lower_limit=-z[:looks])
        assert out == pytest.approx(2 * SPENDING[spending](min(fractions[looks - 1], 1.0), 0.025), abs=2e-5)


@pytest.mark.parametrize("spending", list(SPENDING))
def test_over_14_daily_looks_the_truth_is_excluded_in_5_percent_and_a_real_effect_is_nearly_always_found(spending):
    """The effect is such that one look at the end finds it in 80%."""
    rng = np.random.default_rng(1)
    fractions = np.cumsum(rng.dirichlet(np.full(14, 3.0)))
    fractions[-1] = 1.0
    z = boundaries(fractions, 0.05, spending)
    walk = np.cumsum(rng.normal(size=(40_000, 14)) * np.sqrt(np.diff(fractions, prepend=0.0)), axis=1)
    errs = (np.abs(walk / np.sqrt(fractions)) > z).any(axis=1).mean()
    drift = norm.isf(0.025) + norm.isf(0.2)
    finds = ((walk + drift * fractions) / np.sqrt(fractions) > z).any(axis=1).mean()
    print(f"{spending}: {errs:.2%} of A/A, power {finds:.1%}")
    assert 0.046 < errs < 0.054
    assert finds > {"obrien_fleming": 0.77, "pocock": 0.67}[spending]


def test_a_look_without_new_information_and_one_after_the_plan_spend_nothing():
    z = boundaries([0.5, 0.5, 0.5004, 0.9, 1.2, 1.2, 2.0], 0.05)
    assert np.isinf(z).tolist() == [False, True, True, False, False, True, True]
    assert z[[0, 3, 4]] == pytest.approx(boundaries([0.5, 0.9, 1.2], 0.05))
    assert np.isinf(boundaries([0.0, 0.001], 0.05)).all()


def test_looks_so_early_that_nothing_may_be_spent_leave_everything_to_the_others():
    assert boundaries([0.01, 0.02, 1.0], 0.05)[-1] == pytest.approx(norm.isf(0.025), abs=1e-6)


@pytest.mark.parametrize(("fractions", "alpha"), [([0.5, 0.4], 0.05), ([-0.1], 0.05), ([1.0], 0.0), ([1.0], 1.0)])
def test_impossible_plans_are_refused(fractions, alpha):
    with pytest.raises(ValueError, match="must"):
        boundaries(fractions, alpha)


@given(st.lists(st.floats(0.01, 0.3), min_size=1, max_size=8), st.floats(1e-3, 0.2), st.sampled_from(list(SPENDING)))
def test_what_comes_later_does_not_change_a_boundary_and_none_is_below_the_fixed_one(steps, alpha, spending):
    fractions = np.cumsum(steps).tolist()
    z = boundaries(fractions, alpha, spending)
    assert (z >= norm.isf(alpha / 2) - 1e-6).all()
    assert z[:-1] == pytest.approx(boundaries(fractions[:-1], alpha, spending), abs=1e-5)


def test_bounds_lie_around_the_effect_at_the_newest_look():
    low, high = planned_bounds(2.0, 0.5, [400, 800, 1_000], 1_000, 0.05, "obrien_fleming")
    z = boundaries([0.4, 0.8, 1.0], 0.05)[-1]
    assert (low, high) == pytest.approx((2 - 0.5 * z, 2 + 0.5 * z))
    assert planned_bounds(2.0, 0.5, [400, 1_000, 1_100], 1_000, 0.05, "obrien_fleming") is None
    assert planned_bounds(2.0, 0.5, [], 1_000, 0.05, "pocock") is None
