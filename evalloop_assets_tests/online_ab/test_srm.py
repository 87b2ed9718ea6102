import numpy as np
import pytest
from scipy.stats import betabinom, binom, chisquare

from evalloop_assets.online_ab.srm import (
    PRIOR_UNITS,
    EpochCount,
    always_valid_ratio_p,
    epoch_name,
    sample_ratio_p,
    treatment_weight,
)


def test_the_weight_is_read_from_the_epochs_name():
    assert [treatment_weight(name) for name in ("weight_02500", "weight_10000", "day_2026-03-01")] == [0.25, 1.0, None]


def test_one_epoch_is_the_textbook_chi_square():
    expected = chisquare([7_600, 2_400], [7_500, 2_500]).pvalue
    assert sample_ratio_p([EpochCount("weight_02500", 7_600, 2_400)]) == pytest.approx(expected)


def test_a_published_example():
    """821,588 against 815,482 users in a 50/50 test is a mismatch with p about 1.8e-6 (Fabijan et al., KDD 2019)."""
    assert sample_ratio_p([EpochCount("weight_05000", 821_588, 815_482)]) == pytest.approx(1.8e-6, rel=0.05)


def test_a_ramp_is_tested_within_its_epochs():
    ramp = [EpochCount("weight_00100", 9_900, 100), EpochCount("weight_05000", 5_000, 5_000)]
    assert sample_ratio_p(ramp) == 1.0


def test_epochs_that_break_the_ratio_in_opposite_directions_do_not_cancel():
    assert sample_ratio_p([EpochCount("weight_05000", 5_400, 4_600), EpochCount("weight_05001", 4_600, 5_400)]) < 1e-9


def test_without_propensities_there_is_nothing_to_test():
    assert sample_ratio_p([EpochCount("day_2026-03-01", 900, 100)]) is None
    assert sample_ratio_p([]) is None


def test_a_full_ramp_has_no_ratio_but_a_unit_in_the_excluded_arm_contradicts_it():
    assert sample_ratio_p([EpochCount("weight_10000", 0, 500)]) is None
    assert sample_ratio_p([EpochCount("weight_10000", 1, 500)]) == 0.0
    assert sample_ratio_p([EpochCount("weight_00000", 500, 1)]) == 0.0


def test_true_ratios_are_called_a_mismatch_as_often_as_promised():
    rng = np.random.default_rng(1)
    treated = rng.binomial(2_000, [0.05, 0.25, 0.5], (4_000, 3))
    names = ("weight_00500", "weight_02500", "weight_05000")
    p = [
        sample_ratio_p([EpochCount(name, 2_000 - one, one) for name, one in zip(names, row, strict=True)])
        for row in treated.tolist()
    ]
    assert np.mean(np.array(p) < 0.001) < 0.004
    assert 0.04 < np.mean(np.array(p) < 0.05) < 0.06


def test_the_evidence_is_the_ratio_of_two_likelihoods():
    """By scipy's beta-binomial and binomial distributions, over two epochs."""
    counts = [EpochCount("weight_02500", 700, 300), EpochCount("weight_05000", 480, 420)]
    ratio = 1.0
    for (_, control, treatment), weight in zip(counts, (0.25, 0.5), strict=True):
        n = control + treatment
        alternative = betabinom(n, PRIOR_UNITS * weight, PRIOR_UNITS * (1 - weight)).pmf(treatment)
        ratio *= alternative / binom(n, weight).pmf(treatment)
    assert ratio > 10
    assert always_valid_ratio_p(counts) == pytest.approx(1 / ratio)
    assert always_valid_ratio_p(counts[::-1]) == pytest.approx(1 / ratio)


def test_without_a_promise_no_ratio_and_against_an_impossible_one_certainty():
    assert always_valid_ratio_p([EpochCount("day_2026-03-01", 9, 900), EpochCount("weight_10000", 0, 5)]) is None
    assert always_valid_ratio_p([EpochCount("weight_05000", 5, 5), EpochCount("weight_00000", 9, 1)]) == 0.0
    assert always_valid_ratio_p([EpochCount("weight_05000", 5_000, 5_000)]) == 1.0


def looked_at(weights, daily, experiments, seed, shift=0.0):
    """(experiments, days): both p-values at the end of each day of a ramp; `shift` is added to each share."""
    rng = np.random.default_rng(seed)
    treated = rng.binomial(daily, np.array(weights) + shift, (experiments, len(weights)))
    found = []
    for row in treated.tolist():
        counts = dict.fromkeys(map(epoch_name, weights), (0, 0))
        for weight, one in zip(weights, row, strict=True):
            control, treatment = counts[epoch_name(weight)]
            counts[epoch_name(weight)] = (control + daily - one, treatment + one)
            so_far = [EpochCount(name, *both) for name, both in counts.items()]
            found.append((always_valid_ratio_p(so_far), sample_ratio_p(so_far)))
    return np.array(found).reshape(experiments, len(weights), 2)


def test_over_30_daily_looks_a_true_ratio_is_called_a_mismatch_no_more_often_than_promised_at_one():
    """At 0.02, where a few thousand experiments tell: the bound does not depend on the level."""
    found = looked_at([0.05] * 5 + [0.25] * 5 + [0.5] * 20, daily=700, experiments=1_500, seed=2)
    always, fixed = (found < 0.02).any(axis=1).mean(axis=0)
    print(f"called a mismatch at 0.02 in 30 looks: always-valid {always:.2%}, chi-square {fixed:.2%}")
    assert always <= 0.02
    assert fixed > 0.08


def test_the_evidence_has_a_mean_of_one_whatever_the_level():
    """Exactly: over all outcomes of 2,000 units, weighted by their chances under the promise."""
    treated = np.arange(2_001)
    p = [always_valid_ratio_p([EpochCount("weight_02500", 2_000 - t, t)]) for t in treated.tolist()]
    chance = binom(2_000, 0.25).pmf(treated)
    for level in (0.05, 0.001, 1e-6):
        assert chance[np.array(p) <= level].sum() <= level


def test_52_of_100_instead_of_half_is_found_within_20_000_units():
    found = looked_at([0.5] * 20, daily=1_000, experiments=400, seed=3, shift=0.02)
    always, fixed = (found < 0.001).any(axis=1).mean(axis=0)
    print(f"52% instead of 50% within 20,000 units: always-valid {always:.0%}, chi-square {fixed:.0%}")
    assert always > 0.85
    assert np.median((found[:, :, 0] < 0.001).argmax(axis=1)) < 15
