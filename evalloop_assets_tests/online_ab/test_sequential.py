import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from evalloop_assets.online_ab.sequential import always_valid_bounds, mixture_scale


def half_width(n, rho, alpha):
    """The published half width for a standard error of one (arXiv 2103.06476, theorem 2.2)."""
    x = n * rho**2
    return np.sqrt(2 * (x + 1) / x * np.log(np.sqrt(x + 1) / alpha))


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3, 0.001])
def test_rho_makes_the_bounds_tightest_at_the_planned_users(alpha):
    best = minimize_scalar(lambda log_x: half_width(1.0, np.exp(log_x / 2), alpha), bounds=(-2, 6), method="bounded")
    assert mixture_scale(alpha) == pytest.approx(np.exp(best.x), rel=1e-3)
    _, at_plan = always_valid_bounds(0.0, 1.0, 10_000, 10_000, alpha)
    assert at_plan == pytest.approx(half_width(10_000, np.sqrt(mixture_scale(alpha) / 10_000), alpha))
    for users in (1_000, 5_000, 20_000, 100_000):
        assert always_valid_bounds(0.0, 1.0, users, 10_000, alpha)[1] > at_plan


def test_a_hand_computed_bound():
    """alpha 0.05: x = 8.2120 solves x − ln(1 + x) = 5.9915; at plan the half width is sqrt(x + 1)·se = 3.0351 se."""
    assert mixture_scale(0.05) == pytest.approx(8.2120, abs=1e-4)
    low, high = always_valid_bounds(2.0, 0.5, 10_000, 10_000, 0.05)
    assert (high - low) / 2 == pytest.approx(0.5 * np.sqrt(mixture_scale(0.05) + 1))
    assert (low + high) / 2 == pytest.approx(2.0)


def test_over_30_daily_looks_the_truth_is_excluded_in_5_percent_at_most_and_by_naive_bounds_six_times_as_often():
    rng = np.random.default_rng(1)
    users = np.cumsum(np.full(30, 700))
    steps = rng.normal(size=(6_000, 30)) * np.sqrt(700)
    estimate = np.cumsum(steps, axis=1) / users
    se = np.broadcast_to(1 / np.sqrt(users), estimate.shape)
    low, high = always_valid_bounds(estimate, se, users, 21_000, 0.05)
    ever = ((low > 0) | (high < 0)).any(axis=1).mean()
    naive = (np.abs(estimate) > 1.96 * se).any(axis=1).mean()
    assert 0.002 < ever <= 0.05
    assert 0.25 < naive < 0.4


def excluded_by_sliding_windows(days, worlds, seed, window=14):
    """Share of A/A worlds in which some daily look at the last `window` days excludes the truth, days independent."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(size=(worlds, days)), axis=1)
    before = np.zeros_like(walk)
    before[:, window:] = walk[:, :-window]
    length = np.minimum(np.arange(1, days + 1), window)
    users, daily = 700 * length, 700
    estimate = (walk - before) / length / np.sqrt(daily)
    se = np.broadcast_to(1 / np.sqrt(users), estimate.shape)
    low, high = always_valid_bounds(estimate, se, users, window * daily, 0.05)
    return ((low > 0) | (high < 0)).any(axis=1).mean()


def test_over_28_looks_at_a_sliding_window_of_14_days_the_bounds_hold_and_over_half_a_year_they_do_not():
    """Planned for a full window, where the bounds are narrowest. The figures stand in docs/statistics.md."""
    excluded = {days: excluded_by_sliding_windows(days, 20_000, seed=1) for days in (28, 60, 180)}
    print({days: f"{share:.1%}" for days, share in excluded.items()})
    assert 0.005 < excluded[28] <= 0.05
    assert excluded[28] < excluded[60] < excluded[180]
    assert excluded[180] > 0.05


def test_a_real_effect_is_found_before_the_planned_users_are_over():
    rng = np.random.default_rng(2)
    users = np.cumsum(np.full(30, 700))
    estimate = np.cumsum(rng.normal(0.05, np.sqrt(1 / 700), size=(500, 30)), axis=1) / np.arange(1, 31)
    low, _ = always_valid_bounds(estimate, np.broadcast_to(1 / np.sqrt(users), estimate.shape), users, 21_000, 0.05)
    assert (low > 0).any(axis=1).mean() > 0.99


def test_no_users_and_no_standard_error_exclude_nothing():
    assert always_valid_bounds(1.0, 0.1, 0, 100, 0.05) == (-np.inf, np.inf)
    effect, se = np.array([1.0, np.nan, 1.0, 1.0]), np.array([np.nan, 1.0, 0.1, 0.0])
    low, high = always_valid_bounds(effect, se, np.array([50, 50, np.nan, 50]), 100, 0.05)
    assert low.tolist() == [-np.inf, -np.inf, -np.inf, 1.0]
    assert high.tolist() == [np.inf, np.inf, np.inf, 1.0]


def test_arrays_give_what_their_numbers_give_one_by_one():
    effect, se, users = np.array([[0.1, 0.2]]), np.array([0.3, 0.4]), np.array([10, 20_000])
    low, high = always_valid_bounds(effect, se, users, 5_000, 0.05)
    assert low.shape == high.shape == (1, 2)
    for k in (0, 1):
        alone = always_valid_bounds(effect[0, k], se[k], int(users[k]), 5_000, 0.05)
        assert (low[0, k], high[0, k]) == alone


def test_a_negative_standard_error_is_refused():
    with pytest.raises(ValueError, match="negative"):
        always_valid_bounds(np.zeros(2), np.array([1.0, -1.0]), 10, 100, 0.05)


@pytest.mark.parametrize(("planned", "alpha"), [(0, 0.05), (100, 0), (100, 1)])
def test_impossible_plans_are_refused(planned, alpha):
    with pytest.raises(ValueError, match="must lie"):
        always_valid_bounds(0.0, 1.0, 10, planned, alpha)


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3), st.integers(1, 10**7), st.integers(2, 10**7), st.floats(1e-6, 0.5))
def test_bounds_surround_the_effect_and_are_wider_than_a_single_look_allows(effect, se, users, planned, alpha):
    low, high = always_valid_bounds(effect, se, users, planned, alpha)
    assert low <= effect <= high
    assert (high - effect) * (1 + 1e-9) >= se * norm.isf(alpha / 2)
    narrower, _ = always_valid_bounds(effect, se, users, planned, min(alpha * 1.5, 0.99))
    assert narrower >= low - 1e-9 * abs(low)
