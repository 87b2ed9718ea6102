"""Intervals against other libraries, and the pooling of seeds."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from evalloop_assets.simulator.scoreboard.figures import EVERY, LOOP, mean, over_seeds, share
from evalloop_assets.simulator.scoreboard.measure import Measured, pooled, range_of


@pytest.mark.parametrize(("hits", "n"), [(0, 50), (3, 50), (25, 50), (50, 50), (1, 2000)])
def test_a_share_has_wilsons_interval(hits, n):
    found = share(hits, n)
    low, high = proportion_confint(hits, n, method="wilson")
    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_seeds_have_a_t_interval():
    values = [0.5, 0.7, 0.6, 0.9, math.nan]
    found = over_seeds(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values[:4]), stats.sem(values[:4]))
    assert found == pytest.approx((np.mean(values[:4]), low, high, 4))


def test_a_t_interval_over_five_seeds_covers_the_truth_in_95_of_100():
    rng = np.random.default_rng(1)
    found = [over_seeds(rng.normal(3, 2, 5).tolist()) for _ in range(2000)]
    assert np.mean([one.low <= 3 <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)


def test_a_mean_of_experiments_has_a_normal_interval():
    values = np.random.default_rng(2).normal(size=400).tolist()
    found = mean(values)
    low, high = stats.norm.interval(0.95, np.mean(values), stats.sem(values))
    assert found == pytest.approx((np.mean(values), low, high, 400))


@pytest.mark.parametrize("pool", [over_seeds, mean])
def test_nothing_and_one_value_have_no_interval(pool):
    assert all(math.isnan(value) for value in pool([])[:3])
    assert pool([]).n == 0
    one = pool([0.4, math.nan])
    assert (one.value, one.n) == (0.4, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def test_seeds_are_pooled_by_figure_and_method_in_the_order_they_came():
    def seed(loop: float, naive: float) -> list[Measured]:
        return [
            Measured("denoise", "F1", LOOP, "high", loop),
            Measured("denoise", "F1", "raw exits", "high", naive),
        ]

    figures = pooled({"healthy": [seed(0.8, 0.4), seed(0.6, math.nan)], "thin": [seed(0.4, math.nan), []]})
    assert [(one.scenario, one.method, one.of) for one in figures] == [
        (EVERY, LOOP, "seeds"),
        ("healthy", LOOP, "seeds"),
        ("thin", LOOP, "seeds"),
        (EVERY, "raw exits", "seeds"),
        ("healthy", "raw exits", "seeds"),
        ("thin", "raw exits", "seeds"),
    ]
    found = {(one.scenario, one.method): one.found for one in figures}
    assert found["healthy", LOOP].value == pytest.approx(0.7)
    assert found[EVERY, LOOP] == pytest.approx(over_seeds([0.6, 0.6]), nan_ok=True)
    assert found["healthy", "raw exits"][:1] + found["healthy", "raw exits"][3:] == (0.4, 1)
    assert found["thin", "raw exits"].n == 0
    assert {(one.stage, one.figure, one.best) for one in figures} == {("denoise", "F1", "high")}


@pytest.mark.parametrize("values", [[1.0] * 5, [0.1 + 0.2, 0.3, math.nan], [0.0, 0.0]])
def test_seeds_that_all_agree_have_no_interval(values):
    found = over_seeds(values, 0.0, 1.0)
    assert found.value == pytest.approx(values[0])
    assert found.n == np.isfinite(values).sum()
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_bounds_end_where_the_figure_does():
    seeds = [[Measured("s", name, LOOP, "high", value) for name in ("share", "days")] for value in (1, 0, 1, 1, 1)]
    found = {one.figure: one.found for one in pooled({"thin": seeds}) if one.scenario == "thin"}
    assert found["days"] == pytest.approx(over_seeds([1, 0, 1, 1, 1]))
    assert (found["days"].low, found["days"].high) == pytest.approx((0.245, 1.355), abs=1e-3)
    assert found["share"] == found["days"]._replace(high=1.0)


@pytest.mark.parametrize(
    ("figure", "lowest", "highest"),
    [
        ("turns kept out of the labels, bot, share", 0, 1),
        ("most blame on the broken reply, share of sessions", 0, 1),
        ("95% interval of the effect on return, points holds the truth, share", 0, 1),
        ("abrupt ends, F1", 0, 1),
        ("calibration error, immediate", 0, 1),
        ("immediate and true utility, rank correlation within users", -1, 1),
        ("rank correlation of the order of the candidates with the true online order", -1, 1),
        ("error of the effect on return, points", -math.inf, math.inf),
        ("seconds read, median relative error", -math.inf, math.inf),
        ("days to the rollback of a harmful trial", -math.inf, math.inf),
    ],
)
def test_the_words_of_a_figure_tell_its_range(figure, lowest, highest):
    assert range_of(figure) == (lowest, highest)
