import numpy as np
import pytest
from scipy.stats import chisquare

from evalloop_assets.online_ab.srm import EpochCount, sample_ratio_p, treatment_weight


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
