"""Intervals and coefficients of agreement against other implementations and published worked examples."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from evalloop_assets.evaluation.judges.agreement import agreement, confusion, kappa, krippendorff
from evalloop_assets.evaluation.judges.estimate import difference, linearised, share, wilson
from evalloop_assets.evaluation.judges.preference import Picked, beyond_people

KRIPPENDORFF_C = [  # Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C; 0 is missing
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]


def one_hot(classes):
    return np.eye(3)[np.asarray(classes)]


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (3, 10), (50, 60), (60, 60)])
def test_a_share_has_wilsons_interval(k, n):
    found = share(np.repeat([1.0, 0.0], [k, n - k]))
    assert (found.low, found.high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    assert (found.value, found.n) == (k / n, n)
    assert binomtest(k, n).proportion_ci(method="wilson").low == pytest.approx(wilson(k / n, n)[0], abs=1e-12)


def test_an_item_asked_twice_is_still_one_item():
    once = share(np.repeat([1.0, 0.0], [30, 20]))
    assert share(np.repeat([1.0, 0.5, 0.0], [20, 20, 10])).high < once.high  # its mean is known better
    assert difference(np.repeat([1.0, -1.0], [30, 20])).n == 50


def test_a_difference_of_nothing_has_an_interval_that_narrows_with_items():
    few, many = difference(np.zeros(5)), difference(np.zeros(500))
    assert few.value == many.value == 0
    assert few.low < many.low < 0 < many.high < few.high


def test_differences_and_linear_functions_cover():
    rng = np.random.default_rng(1)
    truth, missed = 0.1, 0
    for _ in range(500):
        draws = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=120)
        found = difference(draws)
        assert (found.low, found.high) == pytest.approx((linearised(found.value, draws - found.value)[1:3]), abs=0.02)
        missed += not found.low <= truth <= found.high
    assert missed / 500 < 0.08


def test_kappa_is_sklearns_with_the_standard_error_of_statsmodels():
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 3, 400)
    judge = np.where(rng.random(400) < 0.6, gold, rng.choice(3, 400, p=[0.6, 0.1, 0.3]))
    found = kappa(one_hot(judge), one_hot(gold))
    assert found.value == pytest.approx(cohen_kappa_score(judge, gold), abs=1e-12)
    oracle = cohens_kappa(confusion(one_hot(judge), one_hot(gold)))
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(oracle.std_kappa, rel=0.01)
    assert agreement(one_hot(judge), one_hot(gold)).value == np.mean(judge == gold)


def test_kappa_of_full_agreement_is_no_certainty():
    found = kappa(one_hot([0, 1, 2, 0]), one_hot([0, 1, 2, 0]))
    assert found.value == 1
    assert found.low < 0.6
    everywhere = kappa(one_hot([0, 0]), one_hot([0, 0]))
    assert not everywhere.known
    assert "one class" in everywhere.reason


def test_alpha_of_krippendorffs_own_example():
    counts = np.array(
        [[column.count(value) for value in range(1, 6)] for column in map(list, zip(*KRIPPENDORFF_C, strict=True))]
    )
    found = krippendorff(counts.astype(float))
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.n == 11


def test_alphas_interval_is_that_of_a_bootstrap():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 300)
    said = np.where(rng.random((300, 3)) < 0.75, truth[:, None], rng.integers(0, 3, (300, 3)))
    counts = np.stack([(said == value).sum(axis=1) for value in range(3)], axis=1).astype(float)
    found = krippendorff(counts)
    again = [krippendorff(counts[rng.integers(0, 300, 300)]).value for _ in range(1_000)]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(again, [0.025, 0.975])), abs=0.02)


def test_a_judge_that_errs_as_people_do_prefers_nothing_of_its_own():
    rng = np.random.default_rng(4)
    truth = rng.random(4_000) < 0.7
    judge, one, two = (np.where(rng.random(4_000) < 0.8, truth, ~truth) for _ in range(3))
    alone = beyond_people(Picked(judge * 1.0, one * 1.0, np.full(4_000, np.nan)))
    assert alone.low < 0 < alone.high
    together = beyond_people(Picked(judge * 1.0, (one * 1.0 + two) / 2, (one == two) * 1.0))
    assert abs(together.value) < 0.03
    assert together.low < 0 < together.high


def test_what_a_judge_prefers_is_seen_through_the_noise_of_several_people():
    rng = np.random.default_rng(5)
    truth = rng.random(4_000) < 0.7
    one, two = (np.where(rng.random(4_000) < 0.9, truth, ~truth) for _ in range(2))
    judge = np.where(rng.random(4_000) < 0.7, truth, ~truth) | (rng.random(4_000) < 0.15)
    found = beyond_people(Picked(judge * 1.0, (one * 1.0 + two) / 2, (one == two) * 1.0))
    assert judge.mean() < one.mean() + 0.02  # not more often than people: only beside its errors it shows
    assert found.low > 0.03


def test_a_few_items_with_two_people_do_not_stand_for_all():
    rng = np.random.default_rng(6)
    truth = rng.random(400) < 0.7
    judge, one = (np.where(rng.random(400) < 0.8, truth, ~truth) * 1.0 for _ in range(2))
    alone = beyond_people(Picked(judge, one, np.full(400, np.nan)))
    few = np.where(np.arange(400) < 29, 1.0, np.nan)
    assert beyond_people(Picked(judge, one, few)) == alone
    enough = np.where(np.arange(400) < 30, 1.0, np.nan)
    assert beyond_people(Picked(judge, one, enough)) != alone
