"""Means, slopes and paired differences, held against statsmodels and scipy, and their error rates."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evalloop_assets.evaluation.dynamic.curves import mean, paired_difference, slope, slope_difference

LEAST = 5


def talks(decay=0.0, conversations=30, turns=8, seed=0, uneven=False, wander=0.05):
    """Scores, turns and names of conversations that have a level and a slope of their own each."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(2, turns + 1, conversations) if uneven else np.full(conversations, turns)
    group = np.repeat(np.arange(conversations), lengths)
    turn = np.concatenate([np.arange(1, length + 1) for length in lengths])
    level, own = draw.normal(0, 1, conversations), draw.normal(decay, wander, conversations)
    return level[group] + own[group] * turn + draw.normal(0, 0.3, len(turn)), turn, group.astype(str).astype(object)


@pytest.mark.parametrize("uneven", [False, True])
def test_the_slope_is_that_of_least_squares_within_conversations_with_clustered_errors(uneven):
    y, x, group = talks(-0.1, uneven=uneven)
    _, number = np.unique(group, return_inverse=True)
    rows = np.bincount(number)
    inner = [values - (np.bincount(number, values) / rows)[number] for values in (y, x.astype(float))]
    fit = sm.OLS(inner[0], inner[1]).fit(cov_type="cluster", cov_kwds={"groups": number}, use_t=True)
    found = slope(y, x, group, LEAST).figure
    low, high = fit.conf_int()[0]
    assert found.value == pytest.approx(fit.params[0], abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-10)


def test_the_mean_is_that_of_statsmodels():
    y, _, group = talks(uneven=True)
    _, number = np.unique(group, return_inverse=True)
    fit = sm.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": number}, use_t=True)
    found = mean(y, group, LEAST)
    assert (found.low, found.value, found.high) == pytest.approx(
        (fit.conf_int()[0][0], fit.params[0], fit.conf_int()[0][1])
    )


def test_a_paired_difference_is_that_of_the_paired_t_test():
    draw = np.random.default_rng(1)
    plain, hard = draw.normal(size=20), draw.normal(-0.3, size=20)
    found, oracle = paired_difference(plain, hard, LEAST), stats.ttest_rel(hard, plain).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))


def test_the_difference_of_slopes_in_the_same_scenarios_is_that_of_paired_slopes():
    first = talks(-0.2, seed=3)
    second = (0.5 * talks(0.0, seed=3)[0] + 0.5 * talks(0.0, seed=4)[0], *first[1:])
    a, b = (slope(*one, LEAST) for one in (first, second))
    per_talk = [
        [np.polyfit(x[group == name], y[group == name], 1)[0] for name in np.unique(group)]
        for y, x, group in (first, second)
    ]
    oracle = stats.ttest_rel(*per_talk).confidence_interval(0.95)
    found = slope_difference(a, b, LEAST)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert found.high < -0.1


def rates(decay, runs=400):
    """Share of runs whose interval leaves out zero, and that of least squares which takes turns for independent."""
    ours = naive = 0
    for seed in range(runs):
        y, x, group = talks(decay, conversations=12, seed=seed, wander=0.15)
        found = slope(y, x, group, LEAST).figure
        ours += not found.low <= 0 <= found.high
        naive += _within(y, x, group)
    return ours / runs, naive / runs


def _within(y, x, group):
    _, number = np.unique(group, return_inverse=True)
    rows = np.bincount(number)
    inner = [values - (np.bincount(number, values) / rows)[number] for values in (y, x.astype(float))]
    return stats.linregress(inner[1], inner[0]).pvalue < 0.05


def test_where_nothing_decays_decay_is_found_in_five_of_a_hundred_and_planted_decay_is_found():
    false_alarms, naive = rates(0.0)
    assert false_alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert naive > 0.2
    assert rates(-0.2, runs=100)[0] > 0.9


def test_conversations_that_end_early_since_they_are_bad_do_not_bend_the_slope():
    y, x, group = talks(0.0, conversations=200, wander=0.0)
    level = {name: y[group == name].mean() for name in np.unique(group)}
    kept = np.array([turn <= 3 or level[name] > 0 for turn, name in zip(x, group, strict=True)])
    found = slope(y[kept], x[kept], group[kept], LEAST).figure
    assert found.low <= 0 <= found.high
    assert stats.linregress(x[kept].astype(float), y[kept]).slope > 0.03


def test_no_figure_out_of_nothing():
    y, x, group = talks(conversations=4)
    for found in (mean(y, group, LEAST), slope(y, x, group, LEAST).figure, paired_difference(y[:4], y[4:8], LEAST)):
        assert np.isnan([found.value, found.low, found.high]).all()
        assert "not enough data: 4 conversations" in found.reason
    y, x, group = talks(conversations=9, turns=1)
    assert "two turns" in slope(y, x, group, LEAST).figure.reason
    empty = slope([], [], [], LEAST)
    assert "0 conversations" in empty.figure.reason
    assert "not enough" in slope_difference(empty, empty, LEAST).reason


def test_scores_that_are_all_alike_have_no_interval():
    y, x, group = talks(conversations=9)
    same = np.full(len(y), 0.1)
    for found in (mean(same, group, LEAST), slope(same, x, group, LEAST).figure, paired_difference(same, same, LEAST)):
        assert found.reason == "all conversations are alike"
        assert np.isnan([found.low, found.high]).all()
    unit = mean(np.ones(len(y)), group, LEAST, unit=True)
    assert (unit.value, unit.high) == (1.0, 1.0)
    assert 0.5 < unit.low < 0.9


@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.1, 10))
def test_a_slope_shifts_with_nothing_and_scales_with_the_scores(seed, shift, scale):
    y, x, group = talks(conversations=6, turns=4, seed=seed)
    one, other = slope(y, x, group, LEAST).figure, slope(shift + scale * y, x + 3, group, LEAST).figure
    assert np.array(other[:3]) == pytest.approx(scale * np.array(one[:3]), rel=1e-6, abs=1e-9)
