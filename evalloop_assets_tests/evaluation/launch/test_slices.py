"""Means, gaps and reversals against what others compute, by hand, and on simulated users whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from benchmarks.slices import EDGE, NONE_DIFFER, REVERSED, SAME_GAIN, claimed_share, gaps
from evalloop_assets.evaluation.launch.clustered import UserCells, cell_means, covariance, interval, less_the_rest
from evalloop_assets.evaluation.launch.fairness import gap
from evalloop_assets.evaluation.launch.figures import Figure, skewed_reach
from evalloop_assets.evaluation.launch.reversals import (
    BUSINESS_WEIGHTS,
    IN_A_SLICE,
    SAME_MIX,
    Compared,
    adjusted,
    possible_reversals,
)
from evalloop_assets.evaluation.launch.slice_day import gap_rows
from evalloop_assets.reward_model.intervals import share_over_users


def log(users: int = 300, cells: int = 3, seed: int = 1) -> pd.DataFrame:
    """Rows of users who are alike within themselves, in several cells."""
    random = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), random.integers(1, 8, users))
    cell = random.integers(cells, size=len(user))
    value = random.normal(size=len(user)) + random.normal(size=users)[user] + 0.3 * cell
    return pd.DataFrame({"user": user, "cell": cell, "value": value})


def cells_of(rows: pd.DataFrame) -> UserCells:
    sums = rows.groupby(["user", "cell"]).value.agg(["size", "sum"]).reset_index()
    return UserCells(
        sums.user.to_numpy(), sums.cell.to_numpy(), sums["size"].to_numpy(float), sums["sum"].to_numpy(float)
    )


def test_means_have_the_clustered_errors_of_statsmodels():
    rows = log()
    found = cell_means(cells_of(rows), 4)
    for cell in range(3):
        mine = rows[rows.cell == cell]
        fit = smf.ols("value ~ 1", mine).fit(cov_type="cluster", cov_kwds={"groups": mine.user})
        assert found.mean[cell] == pytest.approx(fit.params.iloc[0])
        # Its small-sample factor has one more part, (rows - 1) / (rows - 1 parameter), which is 1 here.
        assert found.se[cell] == pytest.approx(fit.bse.iloc[0], rel=1e-6)
        assert found.users[cell] == mine.user.nunique()
    assert np.isnan(found.mean[3])
    assert found.users[3] == 0


def test_a_user_on_both_sides_of_a_difference_is_one():
    rows = log()
    value, error = less_the_rest(cells_of(rows), 3)
    for cell in range(3):
        fit = smf.ols("value ~ inside", rows.assign(inside=(rows.cell == cell) * 1.0)).fit(
            cov_type="cluster", cov_kwds={"groups": rows.user}
        )
        assert value[cell] == pytest.approx(fit.params["inside"])
        assert error[cell] == pytest.approx(fit.bse["inside"], rel=2e-3)
    alone, none = less_the_rest(UserCells(*(np.zeros(2, int),) * 2, np.ones(2), np.ones(2)), 1)
    assert np.isnan([alone[0], none[0]]).all()


def test_the_interval_of_a_share_is_that_of_the_reward_model():
    rows = log().assign(value=lambda table: (table.value > 0.5) * 1.0)
    found = cell_means(cells_of(rows), 3)
    mine = rows[rows.cell == 0]
    theirs = share_over_users(mine.value, mine.user)
    figure = interval(found.mean[0], found.se[0], found.units[0], int(found.users[0]), True)
    assert figure[:3] == pytest.approx(theirs[:3])
    never = interval(0.0, 0.0, 500.0, 100, True)
    assert (never.value, never.low) == (0, 0)
    assert 0.02 < never.high < 0.06
    assert interval(0.5, np.nan, 1.0, 1, True).reason == "not enough data: 1 users"


def test_the_gap_of_two_groups_has_the_interval_of_their_difference():
    found = gap([0.5, 0.2], [0.03, 0.04], 1)
    assert (found.low, found.high) == pytest.approx((0.3 - 1.95996 * 0.05, 0.3 + 1.95996 * 0.05), abs=1e-4)
    assert (found.naive, found.lowest, found.highest) == (pytest.approx(0.3), 1, 0)


def test_the_interval_of_a_gap_is_tukeys():
    random = np.random.default_rng(2)
    groups = [random.normal(mean, 1, 4_000) for mean in (0, 0.1, 0.3)]
    errors = [1 / np.sqrt(4_000)] * 3
    theirs = stats.tukey_hsd(*groups).confidence_interval(0.95)
    found = gap([group.mean() for group in groups], errors, 1)
    assert (found.low, found.high) == pytest.approx((theirs.low[2, 0], theirs.high[2, 0]), abs=2e-3)


def test_gaps_by_chance_are_not_said_and_true_ones_are_held():
    held, said, value, naive = gaps([0.4] * 6, [0.02] * 5 + [0.05], 400, 3)
    assert held > 0.92
    assert stats.binomtest(round(said * 400), 400, 0.05, "greater").pvalue > 0.01
    assert value < naive / 2
    held, said, value, naive = gaps([0.4, 0.4, 0.4, 0.4, 0.4, 0.6], [0.02] * 6, 400, 3)
    assert held > 0.95
    assert said > 0.99
    assert abs(value - 0.2) < abs(naive - 0.2)


def test_the_bounds_of_a_gap_hold_for_all_dimensions_together():
    rows = [
        {"model_id": "m", "metric": "reward", "dimension": dimension, "slice": name, "mean": mean, "users": 500}
        | {"low": mean - 0.0196, "high": mean + 0.0196}
        for dimension in ("locale", "channel")
        for name, mean in (("a", 0.5), ("b", 0.6))
    ]
    one, both = gap_rows(rows[:2], 0)[0], gap_rows(rows, 0)[0]
    reach = np.sqrt(2) * 0.0196 / stats.norm.ppf(0.975)
    for found, alpha in ((one, 0.05), (both, 0.025)):
        assert found["low"] == pytest.approx(0.1 - stats.norm.ppf(1 - alpha / 2) * reach, abs=1e-4)


@pytest.mark.parametrize("added", [NONE_DIFFER, SAME_GAIN, EDGE])
def test_where_no_model_is_reversed_none_is_claimed(added: list[float]):
    claimed = claimed_share(added, 2_000, 60, 4)
    assert stats.binomtest(round(claimed * 60), 60, 0.05, "greater").pvalue > 0.01


def test_a_planted_reversal_is_found():
    assert claimed_share(REVERSED, 8_000, 40, 5) >= 0.9
    assert claimed_share([-0.05] * 5, 8_000, 40, 5, [0.02, 0.03, 0.05, 0.1, 0.8]) >= 0.9


def compared(effects: list[float], weights: list[int], users: int = 20_000) -> Compared:
    """Model `new` adds these effects to old's mean of each slice; users of each model lie in slices by weight."""
    random = np.random.default_rng(6)
    size = len(effects)
    model, place = np.arange(users) % 2, random.choice(size, users, p=np.array(weights) / sum(weights))
    total = random.normal(0.5 + model * np.array(effects)[place], 0.5)
    rows = UserCells(np.arange(users), model * size + place, np.ones(users), total)
    overall = rows._replace(cell=model)
    names = [f"line{at}" for at in range(size)]
    means = cell_means(overall, 2), cell_means(rows, 2 * size)
    return Compared("reward", "product_line", True, ("old", "new"), names, *means, users)


def test_it_is_named_where_the_other_model_is_better_and_by_which_weights():
    one = compared([0.1, 0.1, -0.2], [4, 4, 1])
    found = adjusted(possible_reversals(one, 100, {"line2": 3.0, "line0": 1.0, "line1": 0}))
    claimed = {(each.kind, each.slice) for each in found if each.claimed}
    assert claimed == {(IN_A_SLICE, "line2"), (BUSINESS_WEIGHTS, "all")}
    (weighed,) = [each for each in found if each.kind == BUSINESS_WEIGHTS]
    assert (weighed.better_overall, weighed.better_there) == ("new", "old")
    assert weighed.there == pytest.approx(-(0.75 * -0.2 + 0.25 * 0.1), abs=0.03)
    assert weighed.there_low < weighed.there < weighed.there_high
    (mixed,) = [each for each in found if each.kind == SAME_MIX]
    assert not mixed.claimed
    assert mixed.interaction_p < 1e-6


def test_a_reversal_is_as_sure_as_the_least_sure_of_its_parts():
    """Each part decides somewhere: the overall effect, the effect there, and that slices differ."""
    decided = set()
    for effects in ([0.1, 0.11, -0.2], [0.1, 0.1, -0.01], [0.03] * 19 + [-0.06]):
        for one in possible_reversals(compared(effects, [1] * len(effects)), 100, {"line2": 1.0}):
            parts = {
                "overall": stats.norm.sf(one.overall / ((one.overall_high - one.overall) / stats.norm.ppf(0.975))),
                "there": stats.norm.sf(one.there / ((one.there_high - one.there) / stats.norm.ppf(0.975))),
            }
            if one.kind == IN_A_SLICE:
                parts["slices differ"] = one.interaction_p
            assert one.p_value == pytest.approx(max(parts.values()))
            decided.add(max(parts, key=lambda name: parts[name]))
    assert decided == {"overall", "there", "slices differ"}


def test_where_lower_is_better_the_better_model_is_the_lower():
    one = compared([0.1, 0.1, -0.2], [4, 4, 1])
    found = adjusted(possible_reversals(replace(one, higher_is_better=False), 100, {}))
    assert {(each.better_overall, each.better_there, each.slice) for each in found if each.claimed} == {
        ("old", "new", "line2")
    }


def test_thin_slices_one_model_and_weights_of_unknown_lines_claim_nothing():
    one = compared([0.1, 0.1, -0.2], [4, 4, 1])
    assert possible_reversals(one, 10**6, {}) == []
    few = possible_reversals(one, 1_500, {"line2": 1.0})  # line2 has some 1,100 users of each model
    assert {each.kind for each in few} == {IN_A_SLICE, SAME_MIX}
    assert "line2" not in {each.slice for each in few}
    users = one.means.users.copy()
    users[0] = 99  # those of the old model in line0
    thin = replace(one, means=replace(one.means, users=users))
    assert {each.slice for each in possible_reversals(thin, 100, {}) if each.kind == IN_A_SLICE} == {"line1", "line2"}
    assert not [each for each in possible_reversals(one, 100, {"elsewhere": 1.0}) if each.kind == BUSINESS_WEIGHTS]


def test_the_interaction_is_walds_test_on_the_whole_covariance():
    from evalloop_assets.evaluation.launch.reversals import _same_everywhere

    random = np.random.default_rng(7)
    moved = random.normal(size=(500, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.3], [0, 0, 1]]) / 500
    spread = covariance(moved)
    effects = np.array([0.1, 0.0, 0.05])
    against = np.array([[1, -1, 0], [0, 1, -1]])  # other contrasts of the same hypothesis
    away = against @ effects
    statistic = away @ np.linalg.solve(against @ spread @ against.T, away)
    assert _same_everywhere(effects, spread) == pytest.approx(stats.chi2.sf(statistic, 2))


def test_figures_know_whether_they_are():
    assert Figure(0.5, 0.4, 0.6, 9).known
    assert not interval(0.5, np.nan, 1.0, 1, False).known


@pytest.mark.parametrize(("mean", "alike", "users", "replies"), [(0.3, 2.0, 100, 5), (0.02, 1.0, 200, 10)])
def test_a_share_that_a_few_users_bring_about_is_not_taken_for_certain(
    mean: float, alike: float, users: int, replies: int
):
    """Users differ by a beta distribution; a bound is on the wrong side of the truth in 2.5%, also where most of the
    rare events are of the same people.
    """
    random = np.random.default_rng(0)
    wrong, times = np.zeros(2), 600
    for _ in range(times):
        units = random.poisson(replies, users) + 1.0
        total = random.binomial(units.astype(int), random.beta(mean * alike, (1 - mean) * alike, users))
        found = cell_means(UserCells(np.arange(users), np.zeros(users, int), units, total.astype(float)), 1)
        figure = interval(
            float(found.mean[0]), float(found.se[0]), float(found.units[0]), users, True, float(found.freedom[0])
        )
        wrong += [figure.low > mean, figure.high < mean]
    assert (wrong / times < 0.04).all()


@pytest.mark.parametrize(("between", "within", "users"), [(1.0, 0.0, 200), (0.5, 1.0, 100)])
def test_a_mean_of_skewed_costs_is_on_the_wrong_side_of_the_truth_as_seldom_as_said(
    between: float, within: float, users: int
):
    """Student's interval has the truth above it in 5% to 7% of such logs, and below it in 1%."""
    random = np.random.default_rng(0)
    truth = np.exp((between**2 + within**2) / 2)
    wrong, times = np.zeros(2), 1_000
    for _ in range(times):
        replies = random.poisson(6, users) + 1
        costs = np.repeat(random.lognormal(0, between, users), replies) * random.lognormal(0, within, replies.sum())
        total = np.bincount(np.repeat(np.arange(users), replies), costs)
        found = cell_means(UserCells(np.arange(users), np.zeros(users, int), replies.astype(float), total), 1)
        told = (found.mean[0], found.se[0], found.units[0], users, False, found.freedom[0], found.skew[0])
        figure = interval(*map(float, told[:3]), users, False, *map(float, told[5:]))
        wrong += [figure.low > truth, figure.high < truth]
    assert wrong / times == pytest.approx([0.025, 0.025], abs=0.02), wrong


def test_the_reach_of_bounds_is_halls_and_without_skew_students():
    below, above = skewed_reach(2.0, 0.3)
    for side, reach in ((-2.0, -above), (2.0, below)):
        assert reach + 0.3 / 3 * reach**2 + 0.3**2 / 27 * reach**3 + 0.3 / 6 == pytest.approx(side)
    assert skewed_reach(2.0, 0.0) == (2.0, 2.0)
    assert skewed_reach(2.0, -0.3) == pytest.approx((above, below))
    assert skewed_reach(2.0, 2e-6) == pytest.approx((2.0, 2.0), abs=1e-5)
    rows = log()
    found, moved = cell_means(cells_of(rows), 3), rows.groupby(["cell", "user"]).value.agg(["sum", "size"])
    theirs = (moved["sum"] - moved["sum"].groupby("cell").sum() / moved["size"].groupby("cell").sum() * moved["size"])[
        0
    ]
    assert found.skew[0] == pytest.approx(stats.skew(theirs) / np.sqrt(len(theirs)))


def test_one_event_of_one_user_is_as_uncertain_as_of_independent_rows():
    total = np.zeros(500)
    total[0] = 1
    found = cell_means(UserCells(np.arange(500), np.zeros(500, int), np.full(500, 8.0), total), 1)
    told = (float(found.mean[0]), float(found.se[0]), float(found.units[0]), 500, True)
    assert interval(*told, float(found.freedom[0])).high == pytest.approx(interval(*told).high, rel=0.01)


def test_degrees_of_freedom_are_those_of_the_users_where_all_are_alike_and_few_where_one_decides():
    cells = np.zeros(50, int)
    alike = cell_means(UserCells(np.arange(50), cells, np.ones(50), np.tile([0.0, 1.0], 25)), 1)
    one = cell_means(UserCells(np.arange(50), cells, np.ones(50), np.eye(50)[0]), 1)
    never = cell_means(UserCells(np.arange(50), cells, np.ones(50), np.zeros(50)), 1)
    assert [found.freedom[0] for found in (alike, one, never)] == pytest.approx([49.0, 3.0, 49.0])
