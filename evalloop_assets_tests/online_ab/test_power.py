"""Power against statsmodels, against simulated looks, and against itself."""

from math import inf

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from evalloop_assets.online_ab.power import Plan, days_needed, detectable_distance, power, sd_of, users_needed
from evalloop_assets.sequential import always_valid_bounds


@pytest.mark.parametrize("share", [0.5, 0.05, 0.8])
@pytest.mark.parametrize(("distance", "wanted", "alpha"), [(0.02, 0.8, 0.05), (0.05, 0.95, 0.01), (0.01, 0.5, 0.05)])
def test_a_fixed_look_needs_the_users_that_statsmodels_says(share, distance, wanted, alpha):
    sd, ratio = 0.47, share / (1 - share)
    control = NormalIndPower().solve_power(distance / sd, power=wanted, alpha=alpha, ratio=ratio)
    found = users_needed(Plan(sd, share, alpha), distance, wanted)
    assert found == pytest.approx(control * (1 + ratio), rel=1e-3, abs=2)
    assert detectable_distance(Plan(sd, share, alpha), found, wanted) == pytest.approx(distance, rel=1e-3)


def test_the_published_example_needs_22_000_users():
    """Base rate 35%, two points, bounds that hold at every look, margin 0, planned for as many: measured beforehand."""
    plan = Plan((0.35 * 0.65) ** 0.5, planned_users=22_000)
    assert detectable_distance(plan, 22_000, 0.5) == pytest.approx(0.0195, abs=0.0005)
    assert 1.5 < users_needed(plan, 0.02) / users_needed(Plan(plan.sd), 0.02) < 2.2
    assert users_needed(Plan(plan.sd, 0.05, planned_users=22_000), 0.02) > 4 * users_needed(plan, 0.02)


@pytest.mark.parametrize("wanted", [0.8, 0.95])
def test_simulated_looks_detect_by_the_predicted_users_at_least_as_often_as_promised(wanted):
    """Daily looks at data that accumulates: at the predicted look alone as often as promised, by then more often."""
    sd, distance, daily = 0.5, 0.03, 500
    plan = Plan(sd, 0.3, planned_users=10_000)
    needed = users_needed(plan, distance, wanted)
    days = round(needed / daily)
    rng = np.random.default_rng(1)
    users = daily * np.arange(1, days + 1)
    se = np.array([plan.se(one) for one in users])
    steps = rng.normal(distance, plan.se(daily), size=(8_000, days))
    low, _ = always_valid_bounds(np.cumsum(steps, axis=1) / np.arange(1, days + 1), se, users, 10_000, 0.05)
    assert (low[:, -1] > 0).mean() == pytest.approx(power(plan, distance, days * daily), abs=0.015)
    assert (low[:, -1] > 0).mean() == pytest.approx(wanted, abs=0.03)
    assert (low > 0).any(axis=1).mean() >= wanted - 0.01


def test_the_error_of_a_finished_experiment_gives_its_plan_back():
    plan = Plan(0.4, 0.2)
    assert sd_of(plan.se(700), 700, 0.2) == pytest.approx(0.4)


def test_what_cannot_be_seen_needs_endless_users_and_nobody_shows_nothing():
    plan = Plan(0.5, planned_users=1_000)
    assert users_needed(plan, 0.0) == inf
    assert users_needed(plan, -0.1) == inf
    assert power(plan, 0.1, 0) == 0.0
    assert (power(Plan(0.0), 0.1, 10), power(Plan(0.0), 0.0, 10)) == (1.0, 0.0)
    assert detectable_distance(plan, 0) == inf
    with pytest.raises(ValueError, match="power"):
        users_needed(plan, 0.1, 0.3)


def test_days_are_whole_and_endless_where_nobody_comes():
    assert days_needed(1_000, 400, 250) == 3
    assert days_needed(1_000, 1_000, 0) == 0
    assert days_needed(1_000, 0, 0) == inf
    assert days_needed(inf, 0, 10) == inf
