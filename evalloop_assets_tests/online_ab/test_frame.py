"""One experiment as a data frame: the same figures as the assets', other libraries' answers, and plain refusals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
import tea_tasting as tt
from scipy.stats import chisquare, norm, t, ttest_ind

from evalloop_assets.lake.errors import UserError
from evalloop_assets.online_ab import compare
from evalloop_assets.online_ab.influence import paired_user_effect
from evalloop_assets.online_ab.sequential import always_valid_bounds

from .worlds import by_conversation, by_user, summed

COLUMNS = [
    "metric", "control", "treatment", "effect", "low", "high", "relative", "relative_low", "relative_high", "p_value",
    "always_low", "always_high", "users_control", "users_treatment", "srm_p",
]  # fmt: skip


def frame(user, treated, **columns):
    arm = np.where(treated, "treatment", "control")
    return pd.DataFrame({"user_id": [f"u{k}" for k in user], "arm": arm, **columns})


def conversations(seed=1, world=by_conversation, **more):
    rng = np.random.default_rng(seed)
    user, treated, value = world(rng, effect=0.3)
    replies = rng.poisson(5, len(user))
    return frame(user, treated, seconds=value + 10, replies=replies, complaints=rng.binomial(replies, 0.1), **more)


def widened(row, alpha=0.05):
    """Times the normal bounds, by Student's t and n/(n − 1) of the smaller arm."""
    least = min(row.users_control, row.users_treatment)
    return np.sqrt(least / (least - 1)) * t.ppf(1 - alpha / 2, least - 1) / norm.ppf(1 - alpha / 2)


def one_row(given, **more):
    found = compare(given, **more)
    assert list(found.columns) == COLUMNS
    return found.iloc[0]


@pytest.mark.parametrize("world", [by_conversation, by_user])
def test_a_row_a_metric_with_the_effect_and_error_of_clustered_least_squares(world):
    given = conversations(world=world)
    found = compare(given).set_index("metric")
    assert list(found.index) == ["seconds", "replies", "complaints"]
    for name in found.index:
        fit = smf.ols(f"{name} ~ I(arm == 'treatment')", given).fit(
            cov_type="cluster", cov_kwds={"groups": given["user_id"], "use_correction": False}
        )
        row = found.loc[name]
        low, high = fit.conf_int().iloc[1]
        wider = widened(row)
        assert row.effect == pytest.approx(fit.params.iloc[1], rel=1e-9)
        assert (row.high - row.low) / wider == pytest.approx(high - low, rel=1e-9)
        least = min(row.users_control, row.users_treatment)
        statistic = fit.tvalues.iloc[1] * np.sqrt((least - 1) / least)
        assert row.p_value == pytest.approx(2 * t.sf(abs(statistic), least - 1), rel=1e-6)
        assert row.treatment - row.control == pytest.approx(row.effect)


def test_a_ratio_by_user_agrees_with_tea_tasting():
    given = conversations(world=by_user)
    users = given.groupby(["user_id", "arm"], as_index=False)[["complaints", "replies"]].sum()
    theirs = tt.Experiment(x=tt.RatioOfMeans("complaints", "replies", use_t=False)).analyze(
        users.assign(variant=users["arm"].map({"control": 0, "treatment": 1}))
    )["x"]
    row = one_row(given, metrics={"rate": ("complaints", "replies")})
    assert (row.metric, row.control, row.treatment) == ("rate", pytest.approx(theirs.control), theirs.treatment)
    theirs_half = (theirs.effect_size_ci_upper - theirs.effect_size_ci_lower) / 2
    assert (row.high - row.low) / 2 / widened(row) == pytest.approx(theirs_half, abs=2e-4)
    assert row.relative == pytest.approx(theirs.rel_effect_size)


def test_a_column_named_after_its_numerator_is_its_denominator():
    given = conversations()[["user_id", "arm", "replies", "complaints"]]
    named = given.rename(columns={"replies": "complaints_denominator"})
    expected = compare(given, metrics={"complaints": ("complaints", "replies")})
    pd.testing.assert_frame_equal(compare(named), expected)


def test_the_bounds_for_many_looks_are_those_of_the_sequential_module():
    given = conversations()
    row = one_row(given, planned_users=5_000, alpha=0.01)
    user = pd.factorize(given["user_id"])[0]
    found = paired_user_effect(summed(user, 0 * user, (given["arm"] == "treatment").to_numpy(), given["seconds"]))
    assert (row.always_low, row.always_high) == pytest.approx(
        always_valid_bounds(
            found.effect, widened(row, 0.01) * found.se, row.users_control + row.users_treatment, 5_000, 0.01
        )
    )
    assert row.always_low < row.low < one_row(given).low


def test_what_is_not_known_is_left_out_of_its_metric_and_of_no_other():
    given = frame([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1], a=[1, 2, np.nan, 4, 5, np.nan], b=[1.0, 2, 3, 4, 5, 6])
    found = compare(given).set_index("metric")
    assert found.loc["a", ["control", "treatment", "users_control", "users_treatment"]].tolist() == [1.5, 4.5, 2, 2]
    assert found.loc["b", ["control", "treatment", "users_control", "users_treatment"]].tolist() == [2, 5, 3, 3]
    ratio = one_row(given, metrics={"r": ("b", "a")})
    assert (ratio.control, ratio.treatment) == (3 / 3, 9 / 9)


def test_a_metric_that_one_arm_lacks_has_no_figures_rather_than_zeros():
    row = one_row(frame([0, 1, 2], [0, 1, 1], a=[np.nan, 1.0, 2.0]))
    assert (row.users_control, row.users_treatment) == (0, 2)
    assert row.drop(["metric", "users_control", "users_treatment", "srm_p"]).isna().all()


def test_of_one_user_in_an_arm_neither_bounds_nor_p_are_told():
    row = one_row(frame([0, 1, 2], [0, 1, 1], a=[1.0, 2.0, 3.0]))
    assert row.effect == 1.5
    unknown = ["low", "high", "relative_low", "relative_high", "p_value", "always_low", "always_high"]
    assert row[unknown].isna().all()


def test_of_a_handful_of_users_the_bounds_are_at_least_welchs():
    value = np.array([1.0, 2, 4, 3, 5, 9])
    row = one_row(frame(np.arange(6), [0, 0, 0, 1, 1, 1], a=value))
    theirs = ttest_ind(value[3:], value[:3], equal_var=False)
    assert row.p_value == pytest.approx(2 * t.sf(theirs.statistic, 2))
    bounds = theirs.confidence_interval()
    assert row.always_low < row.low < bounds.low < bounds.high < row.high < row.always_high


def test_a_share_of_treatment_is_not_promised_to_epochs_unless_it_is_given():
    given = frame(np.arange(400), np.arange(400) % 4 == 0, value=np.arange(400.0))
    assert one_row(given).srm_p < 1e-9
    assert np.isnan(one_row(given.assign(epoch="ramp")).srm_p)
    assert one_row(given.assign(epoch="ramp"), weight=0.25).srm_p == 1.0


def test_effects_are_taken_within_epochs_be_they_given_or_told_by_the_propensity():
    rng = np.random.default_rng(2)
    epoch = rng.integers(0, 2, 4_000)
    share = np.array([0.1, 0.5])[epoch]
    treated = rng.random(4_000) < share
    given = frame(np.arange(4_000), treated, value=5.0 * epoch + rng.normal(size=4_000))
    assert one_row(given, weight=None).p_value < 1e-9
    within = one_row(given.assign(epoch=np.where(epoch, "late", "early")), weight=None)
    told = one_row(given.assign(propensity=np.where(treated, share, 1 - share)))
    assert abs(within.effect) < 0.15
    assert within.drop("srm_p").equals(told.drop("srm_p"))
    assert np.isnan(within.srm_p)
    assert told.srm_p > 0.001


def test_the_sample_ratio_is_of_users_where_each_has_one_arm_and_else_of_rows():
    user = np.repeat(np.arange(1_000), 3)
    given = frame(user, user % 2 == 0, value=1.0 * user)
    assert one_row(given).srm_p == 1.0
    fewer = given[(given["arm"] == "control") | (user % 10 > 0)]
    assert one_row(fewer).srm_p == pytest.approx(chisquare([500, 400]).pvalue)
    assert one_row(fewer, weight=4 / 9).srm_p == pytest.approx(chisquare([500, 400], [500.04, 399.96]).pvalue, abs=1e-3)
    mixed = frame(user, np.arange(3_000) % 3 == 0, value=1.0 * user)
    assert one_row(mixed).srm_p == pytest.approx(chisquare([2_000, 1_000]).pvalue)


def test_one_user_seen_in_both_arms_makes_no_sample_of_rows():
    user = np.repeat(np.arange(500), 20)
    treated = np.random.default_rng(5).random(500)[user] < 0.5
    expected = one_row(frame(user, treated, value=1.0 * user)).srm_p
    treated[-1] = ~treated[-1]
    assert one_row(frame(user, treated, value=1.0 * user)).srm_p == expected > 0.01


def test_covariates_take_variance_away_and_leave_the_means():
    rng = np.random.default_rng(3)
    habit = rng.normal(size=2_000)
    given = frame(np.arange(2_000), np.arange(2_000) % 2 == 1, value=habit + 0.5 * rng.normal(size=2_000) + 3)
    given["before"] = np.where(rng.random(2_000) < 0.9, habit, np.nan)
    plain, told = one_row(given[["user_id", "arm", "value"]]), one_row(given, covariates=["before"])
    assert (told.metric, told.control, told.treatment) == ("value", plain.control, plain.treatment)
    assert told.high - told.low < 0.65 * (plain.high - plain.low)
    assert told.low < 0 < told.high


def test_one_user_out_of_all_proportion_is_cut():
    value = np.append(np.random.default_rng(4).gamma(1.0, 50.0, 999), 49_854.0)
    given = frame(np.arange(1_000), np.arange(1_000) % 2 == 1, rounds=value)
    assert one_row(given).effect > 90
    assert abs(one_row(given, winsorise=0.99).effect) < 15


def test_other_names_of_the_arms_and_swapping_them_turns_the_sign():
    given = conversations().assign(arm=lambda rows: rows["arm"].map({"control": "A", "treatment": "B"}))
    there = one_row(given, control="A", treatment="B")
    back = one_row(given, control="B", treatment="A")
    assert there.effect == -back.effect > 0
    assert (there.control, there.users_control) == (back.treatment, back.users_treatment)


def test_numbers_may_be_whole_true_or_nullable_and_ids_numbers():
    given = pd.DataFrame(
        {
            "user_id": [1, 2, 3, 4],
            "arm": pd.Categorical(["control", "treatment"] * 2),
            "came": [True, False, True, True],
            "stayed": [True, True, None, None],
            "replies": pd.array([1, 2, None, 4], "Int64"),
            "note": list("abcd"),
        }
    )
    found = compare(given).set_index("metric")
    assert found["control"].to_dict() == {"came": 1.0, "stayed": 1.0, "replies": 1.0}
    assert found["users_treatment"].to_dict() == {"came": 2, "stayed": 1, "replies": 2}


GOOD = {"user_id": ["a", "b"], "arm": ["control", "treatment"], "value": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("change", "more", "sentence"),
    [
        ({"user_id": None}, {}, "column user_id: it is missing"),
        ({"arm": None}, {}, "column arm: it is missing"),
        ({"arm": ["control", "other"]}, {}, "column arm: 'other' is neither 'control' nor 'treatment'"),
        ({"arm": ["control", None]}, {}, "column arm: None is neither"),
        ({"arm": ["control", "control"]}, {}, "column arm: no row is of 'treatment'"),
        ({"user_id": ["a", None]}, {}, "column user_id: 1 values are missing"),
        ({"value": [1.0, np.inf]}, {}, "column value: a value is infinite"),
        ({"value": None}, {}, "units: no metric is in it"),
        ({"value": ["1", "x"]}, {"metrics": {"m": "value"}}, "column value: not every value is a number"),
        ({}, {"metrics": {"m": "nothing"}}, "column nothing: it is missing"),
        ({}, {"metrics": {"m": ("value", "nothing")}}, "column nothing: it is missing"),
        ({"value_denominator": ["1", "2"]}, {}, "column value_denominator: it holds no numbers"),
        ({"user_id": [["a"], ["b"]]}, {}, "column user_id: a value is a list or the like"),
        ({"arm": [["control"], ["treatment"]]}, {}, "column arm: a value is a list or the like"),
        (
            {"propensity": [0.25, 0.25]},
            {},
            "column propensity: no share of treatment that it tells has rows of both arms",
        ),
        ({}, {"metrics": "value"}, "metrics: 'value' is no mapping"),
        ({}, {"metrics": ["value"]}, "metrics: ['value'] is no mapping"),
        ({}, {"alpha": "0.05"}, "alpha: '0.05' is not a level"),
        ({}, {"planned_users": "9"}, "planned_users: '9' is no number of users"),
        ({}, {"metrics": {"m": 3}}, "metric m: 3 names no columns"),
        ({"n": [1.0, -1.0]}, {"metrics": {"m": ("value", "n")}}, "column n: -1 is no denominator"),
        ({"epoch": ["a", None]}, {}, "column epoch: a value is missing"),
        ({"propensity": [0.5, np.nan]}, {}, "column propensity: a value is missing or no probability"),
        ({"propensity": [0.5, 1.5]}, {}, "column propensity: a value is missing or no probability"),
        ({}, {"covariates": ["before"]}, "column before: it is missing"),
        ({}, {"covariates": "before"}, "covariates: 'before' is one text"),
        ({}, {"winsorise": 0.0}, "winsorise: 0.0 is not a quantile"),
        ({}, {"alpha": 1.0}, "alpha: 1.0 is not a level"),
        ({}, {"weight": 1.0}, "weight: 1.0 is not a share"),
        ({}, {"planned_users": 0}, "planned_users: 0 is no number of users"),
        ({}, {"control": "treatment"}, "control and treatment: both are 'treatment'"),
    ],
)
def test_each_mistake_is_named_with_its_reason(change, more, sentence):
    columns = {name: value for name, value in (GOOD | change).items() if value is not None}
    with pytest.raises(UserError) as refused:
        compare(pd.DataFrame(columns), **more)
    assert str(refused.value).startswith(sentence)
    assert refused.value.mend


def test_a_covariate_that_changes_is_known_too_late():
    given = frame([0, 0, 1], [0, 0, 1], value=[1.0, 2, 3], before=[1.0, 2, 3])
    with pytest.raises(UserError, match="covariate before: it differs between the rows of one user"):
        compare(given, covariates=["before"])


def test_what_is_no_frame_is_refused():
    with pytest.raises(UserError, match="units: it is no data frame of pandas but list"):
        compare([])
