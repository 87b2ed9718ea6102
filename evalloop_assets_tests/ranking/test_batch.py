"""The batch fit against statsmodels, against its own derivatives, and where shuffles, weights and covariates enter."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from evalloop_assets.ranking import batch
from evalloop_assets.ranking.batch import cells, fit, skills
from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles
from evalloop_assets.ranking.likelihood import BETA, slopes

from .worlds import simulated

STEP = 1e-5


def test_without_draws_it_is_a_probit_regression_with_clustered_errors():
    """With many battles the prior is nothing beside the data."""
    fought = simulated(np.random.default_rng(1), [22, 24, 26, 28], 20_000, 400, taste=3.0, margin=0.0)
    found = fit(fought, {"m00": 22.0})
    design = np.zeros((len(fought.a), 4))
    design[np.arange(len(fought.a)), fought.a] += 1
    design[np.arange(len(fought.a)), fought.b] -= 1
    offset = design[:, 0] * 22.0 / (np.sqrt(2) * BETA)
    scaled = design[:, 1:] / (np.sqrt(2) * BETA)
    oracle = sm.GLM(
        fought.outcome == WIN_A, scaled, family=sm.families.Binomial(sm.families.links.Probit()), offset=offset
    ).fit(cov_type="cluster", cov_kwds={"groups": fought.user, "use_correction": False})
    assert found.margin == 0
    assert found.mu[1:] == pytest.approx(oracle.params, abs=0.02)
    correction = np.sqrt(400 / 399)
    assert np.sqrt(np.diag(found.covariance.clustered))[1:] == pytest.approx(oracle.bse * correction, rel=0.02)


@settings(max_examples=60)
@given(st.floats(-60, 60), st.sampled_from([0, 1, 2]), st.floats(0.01, 20))
def test_slopes_are_the_derivatives_of_the_likelihood(d, outcome, margin):
    def at(d, margin):
        return slopes(np.array([d]), np.array([outcome]), margin)

    here = at(d, margin)
    by_d = (at(d + STEP, margin).log - at(d - STEP, margin).log) / (2 * STEP)
    by_m = (at(d, margin + STEP).log - at(d, margin - STEP).log) / (2 * STEP)
    by_dd = (at(d + STEP, margin).by_d - at(d - STEP, margin).by_d) / (2 * STEP)
    by_dm = (at(d, margin + STEP).by_d - at(d, margin - STEP).by_d) / (2 * STEP)
    by_mm = (at(d, margin + STEP).by_m - at(d, margin - STEP).by_m) / (2 * STEP)
    for found, expected in zip(here[1:], (by_d, by_m, by_dd, by_dm, by_mm), strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("d", [-4000.0, -400.0, 400.0, 4000.0])
def test_a_draw_that_could_not_be_is_as_unlikely_as_the_nearer_tail(d):
    """Its chance is too small for a float, its logarithm and the slope of that are not."""
    found = slopes(np.array([d]), np.array([DRAW]), 2.0)
    near, s = (2.0 - abs(d)) / (np.sqrt(2) * BETA), np.sqrt(2) * BETA
    assert found.log == pytest.approx(norm.logcdf(near), rel=1e-9)
    inverse_mills = np.exp(norm.logpdf(near) - norm.logcdf(near)) / s
    assert (found.by_d, found.by_m) == (pytest.approx(-np.sign(d) * inverse_mills), pytest.approx(inverse_mills))
    assert found.by_dd == pytest.approx(-1 / s**2, rel=1e-2)


@pytest.mark.parametrize("d", [-30.0, -1.0, 0.0, 0.5, 40.0])
def test_chances_of_the_outcomes_add_up_to_one(d):
    chances = [np.exp(slopes(np.array([d]), np.array([outcome]), 1.5).log[0]) for outcome in (0, 1, 2)]
    assert sum(chances) == pytest.approx(1)


def test_the_margin_and_the_skills_are_found():
    fought = simulated(np.random.default_rng(2), [20, 24, 25, 31], 40_000, 40_000, margin=1.5)
    found = fit(fought, {"m00": 20.0})
    assert found.margin == pytest.approx(1.5, abs=0.06)
    assert np.abs(found.mu - [20, 24, 25, 31]).max() < 4 * found.sigma.max()


def test_a_covariate_is_told_apart_from_skill():
    """The longer side wins more often; the worse model always writes more."""
    rng = np.random.default_rng(3)
    fought = simulated(rng, [25, 25], 20_000, 20_000, margin=0.0)
    longer = np.where(fought.a == 0, 1.0, -1.0) + rng.normal(0, 0.5, len(fought.a))
    gap = 2.0 * longer + rng.normal(0, np.sqrt(2) * BETA, len(fought.a))
    told = replace(fought, outcome=np.where(gap > 0, 0, 1))
    plain, controlled = fit(told, {}), fit(replace(told, covariates={"length": longer}), {})
    assert plain.mu[0] - plain.mu[1] > 1.5
    assert abs(controlled.mu[0] - controlled.mu[1]) < 0.5
    length = controlled.coefficients["length"]
    assert abs(length.value - 2.0) < 4 * length.se < 0.5


@pytest.mark.parametrize("covariate", [False, True])
def test_order_and_sides_do_not_enter(covariate):
    rng = np.random.default_rng(4)
    fought = simulated(rng, [22, 25, 28], 900, 60)
    if covariate:
        fought = replace(fought, covariates={"x": rng.choice([-1.0, 0.0, 1.0], 900)})
    order = rng.permutation(900)
    mirrored = Battles(
        fought.models,
        fought.b[order],
        fought.a[order],
        np.where(fought.outcome == DRAW, DRAW, 1 - fought.outcome)[order],
        fought.user[order],
        fought.users,
        {name: -values[order] for name, values in fought.covariates.items()},
    )
    one, other = fit(fought, {}), fit(mirrored, {})
    assert one.mu == pytest.approx(other.mu, abs=1e-8)
    assert one.covariance.clustered == pytest.approx(other.covariance.clustered, abs=1e-8)


def test_a_weight_of_two_is_the_battle_twice():
    fought = simulated(np.random.default_rng(5), [22, 25, 28], 300, 60)
    twice = Battles(
        fought.models,
        np.tile(fought.a, 2),
        np.tile(fought.b, 2),
        np.tile(fought.outcome, 2),
        np.tile(fought.user, 2),
        fought.users,
    )
    start = fit(fought, {}).mu
    assert skills(fought, cells(fought), {}, start, np.full(300, 2.0)) == pytest.approx(fit(twice, {}).mu, abs=1e-8)


def test_scores_of_many_users_are_held_sparsely_and_say_the_same(monkeypatch):
    rng = np.random.default_rng(7)
    fought = simulated(rng, [22, 25, 28], 600, 97, taste=3.0)
    fought = replace(fought, covariates={"x": rng.choice([-1.0, 0.0, 1.0], 600)})
    dense = fit(fought, {})
    monkeypatch.setattr(batch, "MOST_SCORES", 0)
    sparse = fit(fought, {})
    assert sparse.covariance.clustered == pytest.approx(dense.covariance.clustered, rel=1e-12)
    assert sparse.coefficients["x"] == pytest.approx(dense.coefficients["x"], rel=1e-12)


def test_anchors_do_not_move():
    found = fit(simulated(np.random.default_rng(6), [22, 25, 28], 300, 60), {"m00": 10.0, "m02": 40.0})
    assert (found.mu[0], found.mu[2]) == (10.0, 40.0)
    assert (found.sigma[0], found.sigma[2]) == (0.0, 0.0)
