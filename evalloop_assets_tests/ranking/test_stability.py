"""Shuffles, the bootstrap of users and the second engine, each against an oracle."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chisquare, spearmanr

from evalloop_assets.ranking.batch import fit
from evalloop_assets.ranking.battles import DRAW, WIN_A, battles
from evalloop_assets.ranking.likelihood import scale_of
from evalloop_assets.ranking.logistic import agreement, strengths
from evalloop_assets.ranking.online import online_pass
from evalloop_assets.ranking.shuffle import shuffle
from evalloop_assets.ranking.stability import bootstrapped_mu, ranks_of, shuffled_mu, stability

from .worlds import simulated


@pytest.fixture(scope="module")
def fought():
    return simulated(np.random.default_rng(1), [22, 25, 25.4, 31], 3_000, 150, taste=4.0)


def test_bradley_terry_is_a_logistic_regression():
    fought = simulated(np.random.default_rng(2), [22, 25, 28], 6_000, 6_000, margin=0.0)
    design = np.zeros((len(fought.a), 3))
    design[np.arange(len(fought.a)), fought.a] += 1
    design[np.arange(len(fought.a)), fought.b] -= 1
    oracle = sm.GLM(fought.outcome == WIN_A, design[:, 1:], family=sm.families.Binomial()).fit()
    found = strengths(fought)
    assert found - found[0] == pytest.approx([0, *oracle.params], abs=1e-3)


def test_a_draw_is_half_a_win():
    drawn = battles(["x"] * 4, ["y"] * 4, ["tie", "both_bad", "tie", "tie"])
    assert strengths(drawn) == pytest.approx([0, 0], abs=1e-9)
    assert (drawn.outcome == DRAW).all()


def test_who_won_everything_is_finite_and_first():
    found = strengths(battles(["x"] * 30 + ["y"] * 30, ["y"] * 30 + ["z"] * 30, ["a"] * 60))
    assert np.isfinite(found).all()
    assert ranks_of(found, np.zeros(3)).tolist() == [1, 2, 3]


def test_the_bootstrap_of_users_spreads_as_the_sandwich_says(fought):
    rated = fit(fought, {})
    drawn = bootstrapped_mu(fought, rated.mu, {}, 400, 3)
    for one, other in ((0, 1), (1, 2), (2, 3)):
        weights = np.zeros(4)
        weights[[one, other]] = 1, -1
        expected = np.sqrt(weights @ rated.covariance.clustered @ weights)
        assert np.std(drawn @ weights) == pytest.approx(expected, rel=0.12)


def test_shuffles_spread_far_less_and_each_is_a_pass(fought):
    shuffled = shuffled_mu(fought, scale_of(fought), {}, 30, 4)
    assert len({tuple(one) for one in shuffled}) == 30
    as_it_came = online_pass(fought, scale_of(fought), {}).mu
    assert np.abs(shuffled.mean(axis=0) - as_it_came).max() < 1
    rated = fit(fought, {})
    contrast = shuffled[:, 3] - shuffled[:, 0]
    assert contrast.std() < 0.3 * np.sqrt(rated.covariance.clustered[3, 3])
    assert (shuffled == shuffled_mu(fought, scale_of(fought), {}, 30, 4, threads=1)).all()


def test_ranks_that_are_sure_and_ranks_that_are_not(fought):
    rated = fit(fought, {})
    found = stability(fought, rated.mu, {}, scale_of(fought), 10, 200, 5)
    assert (found.rank_low[3], found.rank_high[3], found.best[3]) == (1, 1, 1.0)
    assert found.rank_low[1] == 2
    assert found.rank_high[1] == 3
    assert found.best.sum() == pytest.approx(1)
    assert found.bradley_terry_rank[3] == 1
    assert agreement(rated.mu, -found.bradley_terry_rank.astype(float)) > 0.7


def test_agreement_is_spearman_s():
    values = np.random.default_rng(8).integers(0, 5, (2, 12)).astype(float)
    assert agreement(*values) == pytest.approx(spearmanr(*values).statistic, abs=1e-12)
    assert np.isnan(agreement(values[0, :2], values[1, :2]))


def test_anchors_stay_in_every_shuffle_and_sample(fought):
    anchors = {"m00": 20.0, "m01": 23.0, "m02": 24.0}
    rated = fit(fought, anchors)
    for found in (
        shuffled_mu(fought, scale_of(fought), anchors, 3, 6),
        bootstrapped_mu(fought, rated.mu, anchors, 3, 6),
    ):
        assert (found[:, :3] == [20.0, 23.0, 24.0]).all()


def test_each_order_is_as_likely_as_any_other():
    """All 24 orders of four values over 24,000 seeds, and which of 1,000 values comes first and last."""
    seeds = np.random.SeedSequence(8).generate_state(24_000, np.uint64) | np.uint64(1)
    orders = np.tile(np.arange(4), (len(seeds), 1))
    for order, seed in zip(orders, seeds, strict=True):
        shuffle(order, seed)
    assert chisquare(np.unique(orders @ [64, 16, 4, 1], return_counts=True)[1]).pvalue > 0.001
    ends = []
    for seed in seeds[:5_000]:
        values = np.arange(1_000, dtype=np.uint16)
        shuffle(values, seed)
        ends.append(values[[0, 499, -1]] // 50)
    assert sorted(values.tolist()) == list(range(1_000))
    for end in np.array(ends).T:
        assert chisquare(np.bincount(end, minlength=20)).pvalue > 0.001
