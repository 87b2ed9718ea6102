"""Adjusting for what was known before: smaller variance, the same effect, and error rates that hold."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import tea_tasting as tt

from evalloop_assets.online_ab.influence import UserSums, paired_user_effect, winsorised

from .worlds import by_conversation, by_user, summed


def people(rng, users=1_000, weight=0.5, effect=0.0, existing=0.8, rho=0.7):
    """One value a user, correlated with the one before (`rho`); the rest of the users were not there before."""
    habit = rng.normal(size=users)
    before = np.where(rng.random(users) < existing, 3.0 + habit, np.nan)
    treated = rng.permutation(np.arange(users) < weight * users)
    return before, treated, 5 + rho * habit + np.sqrt(1 - rho**2) * rng.normal(size=users) + effect * treated


def one_each(treated, value):
    users = len(value)
    return UserSums(np.arange(users), np.zeros(users, int), treated, np.ones(users), value)


def test_half_and_half_it_is_the_analysis_of_covariance():
    before, treated, value = people(np.random.default_rng(1), effect=0.3)
    found = paired_user_effect(one_each(treated, value), before[:, None])
    unknown = np.isnan(before)
    design = np.column_stack([np.ones(1_000), treated, np.where(unknown, 0, before), unknown])
    fit = sm.OLS(value, design.astype(float)).fit(cov_type="cluster", cov_kwds={"groups": np.arange(1_000)})
    assert found.effect == pytest.approx(fit.params[1], rel=1e-9)
    assert found.se == pytest.approx(fit.bse[1], rel=5e-3)


def test_with_unequal_arms_it_is_least_squares_with_each_arms_influence_as_weight():
    before, treated, value = people(np.random.default_rng(2), weight=0.2, existing=1.0, effect=0.3)
    found = paired_user_effect(one_each(treated, value), before[:, None])
    size = np.where(treated, treated.sum(), (~treated).sum())
    design = np.column_stack([np.ones(1_000), treated, before]).astype(float)
    assert found.effect == pytest.approx(sm.WLS(value, design, weights=size**-2.0).fit().params[1], rel=1e-9)


def test_it_agrees_with_tea_tasting_where_users_are_randomised():
    before, treated, value = people(np.random.default_rng(3), users=4_000, existing=1.0, effect=0.2)
    frame = pd.DataFrame({"variant": treated.astype(int), "value": value, "before": before})
    theirs = tt.Experiment(value=tt.Mean("value", "before", use_t=False)).analyze(frame)["value"]
    found = paired_user_effect(one_each(treated, value), before[:, None])
    assert found.effect == pytest.approx(theirs.effect_size, rel=1e-3)
    half = (theirs.effect_size_ci_upper - theirs.effect_size_ci_lower) / 2
    assert 1.959964 * found.se == pytest.approx(half, rel=2e-3)
    assert found.variance_reduction == pytest.approx(0.49, abs=0.03)


def test_the_means_stay_what_they_are():
    before, treated, value = people(np.random.default_rng(4))
    plain, found = (paired_user_effect(one_each(treated, value), x) for x in (None, before[:, None]))
    assert (found.control_mean, found.users) == (plain.control_mean, plain.users)
    assert plain.variance_reduction is None
    assert found.relative == found.effect / found.control_mean


@pytest.mark.parametrize(("users", "covariates"), [(4, 1), (30, 8)])
def test_a_covariate_that_says_nothing_changes_nothing_worth_telling(users, covariates):
    rng = np.random.default_rng(5)
    treated = np.arange(users) % 2 == 1
    sums = one_each(treated, rng.normal(size=users))
    constant = paired_user_effect(sums, np.full((users, covariates), 7.0))
    unknown = paired_user_effect(sums, np.full((users, covariates), np.nan))
    plain = paired_user_effect(sums)
    for found in (constant, unknown):
        assert (found.effect, found.se) == pytest.approx((plain.effect, plain.se))
        assert found.variance_reduction == pytest.approx(0.0)


def test_more_covariates_than_the_users_can_tell_apart_are_left_alone():
    rng = np.random.default_rng(6)
    sums = one_each(np.arange(50) % 2 == 1, rng.normal(size=50))
    before = sums.total[:, None] + rng.normal(size=(50, 6))
    assert paired_user_effect(sums, before).se == paired_user_effect(sums).se
    assert paired_user_effect(sums, before[:, :4]).se < 0.8 * paired_user_effect(sums).se


def clustered(rng, world, effect):
    """Conversations of users who differ, what each had before (a noisy copy of the own level), and what was drawn."""
    user, treated, value = world(rng, users=200, icc=0.5, effect=effect)
    level = np.bincount(user, value - effect * treated, 200) / np.maximum(np.bincount(user, minlength=200), 1)
    before = np.where(rng.random(200) < 0.8, level + 0.5 * rng.normal(size=200), np.nan)
    sums = summed(user, rng.integers(0, 2, len(user)), treated, value)
    return sums, before[:, None], sums if world is by_conversation else None


def rates(draw, effect, experiments):
    """Share of experiments that exclude the truth, mean error in standard errors of the mean, mean reduction."""
    found = [paired_user_effect(*draw()) for _ in range(experiments)]
    error = np.array([one.effect for one in found]) - effect
    outside = np.abs(error) > 1.959964 * np.array([one.se for one in found])
    return (
        outside.mean(),
        error.mean() / (error.std() / np.sqrt(experiments)),
        np.mean([one.variance_reduction for one in found]),
    )


def test_one_value_a_user_errs_in_5_percent_without_bias():
    rng = np.random.default_rng(7)

    def draw():
        before, treated, value = people(rng, users=300, weight=0.3, effect=0.5)
        return one_each(treated, value), before[:, None]

    outside, bias, reduction = rates(draw, 0.5, 1_500)
    print(f"one value a user: outside {outside:.1%}, variance reduction {reduction:.0%}")
    assert 0.035 < outside < 0.065
    assert abs(bias) < 3
    assert 0.3 < reduction < 0.45


@pytest.mark.parametrize("world", [by_conversation, by_user])
def test_clusters_err_in_5_percent_without_bias(world):
    """200 users, whose numbers of conversations differ widely; without covariates it is 5 to 6% as well."""
    rng = np.random.default_rng(8)
    outside, bias, reduction = rates(partial(clustered, rng, world, 0.5), 0.5, 1_000)
    print(f"{world.__name__}: outside {outside:.1%}, variance reduction {reduction:.0%}")
    assert 0.03 < outside < 0.07
    assert abs(bias) < 3
    assert reduction > 0.25


def test_a_treatment_that_changes_the_denominator_is_measured_without_bias():
    """Heavy users complain more often per reply, and the treatment doubles the replies of these alone."""
    rng = np.random.default_rng(11)

    def draw():
        heavy, treated = rng.random(2_000) < 0.5, rng.random(2_000) < 0.5
        replies = np.where(heavy & treated, 10.0, 5.0)
        complaints = rng.binomial(replies.astype(int), np.where(heavy, 0.1, 0.02))
        return replace(one_each(treated, complaints), units=replies), heavy[:, None].astype(float)

    outside, bias, reduction = rates(draw, (0.1 + 1.0) / 15 - 0.6 / 10, 500)
    print(f"replies changed by the treatment: outside {outside:.1%}, variance reduction {reduction:.1%}")
    assert 0.03 < outside < 0.07
    assert abs(bias) < 3
    assert reduction > 0.05


def test_covariates_that_say_nothing_are_not_chosen_for_their_luck():
    rng = np.random.default_rng(10)

    def draw():
        sums, before, exposed = clustered(rng, by_conversation, 0.0)
        return sums, rng.permutation(before), exposed

    outside, bias, reduction = rates(draw, 0.0, 1_000)
    print(f"covariates that say nothing: outside {outside:.1%}, variance reduction {reduction:.1%}")
    assert 0.03 < outside < 0.07
    assert abs(bias) < 3
    assert 0 <= reduction < 0.03


def test_one_user_out_of_all_proportion_decides_nothing_once_cut():
    rng = np.random.default_rng(9)
    value = rng.gamma(1.0, 50.0, 2_000)
    treated = np.arange(2_000) % 2 == 1
    value[0] = 49_854.0
    sums = one_each(treated, value)
    raw, cut = paired_user_effect(sums), paired_user_effect(winsorised(sums, 0.999))
    assert raw.effect < -40
    assert abs(cut.effect) < 3 * cut.se < 10
    kept = winsorised(sums, 0.999).total
    assert kept.max() == pytest.approx(np.quantile(value, 0.999, method="lower"))
    assert (kept == value).mean() >= 0.998


def test_the_cut_is_of_the_mean_per_unit_and_the_same_for_both_arms():
    units, total = np.array([1.0, 10, 1, 0]), np.array([9.0, 20, 4, 0])
    sums = UserSums(np.arange(4), np.zeros(4, int), np.arange(4) > 1, units, total)
    assert winsorised(sums, 0.5).total.tolist() == [4, 20, 4, 0]
    assert winsorised(sums, 1.0) is sums
