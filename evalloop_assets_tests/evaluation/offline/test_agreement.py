"""The interval holds, noise is made up for, reversals are named, and too little gives no figure."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import multivariate_normal

from benchmarks.offline import covered, demotions
from evalloop_assets.evaluation.offline import noise
from evalloop_assets.evaluation.offline.agreement import NotEnough, agreement
from evalloop_assets.evaluation.offline.noise import reliability, true_values
from evalloop_assets.evaluation.offline.rank import spearman
from evalloop_assets.evaluation.offline.reversals import reversals
from evalloop_assets.evaluation.offline.scores import Scores

NAMES = tuple("abcdefg")


def scores(values, se=0.1, names=NAMES):
    values = np.array(values, dtype=float)
    return Scores(names[: len(values)], values, np.broadcast_to(np.asarray(se, dtype=float), values.shape))


def agree(x, y, **more):
    return agreement(x, y, np.random.default_rng(1), **more)


def test_without_noise_the_interval_closes_on_the_estimate():
    found = agree(scores([1, 2, 3, 4, 5, 6], 1e-6), scores([1, 3, 2, 4, 6, 5], 1e-6))
    assert found.spearman == pytest.approx(1 - 6 * 4 / (6 * 35))
    assert (found.low, found.high) == pytest.approx((found.spearman, found.spearman))
    assert (found.kendall_low, found.kendall_high) == pytest.approx((11 / 15, 11 / 15))
    assert found.attenuation == pytest.approx(1)
    assert found.ties == 0


def test_with_noise_alone_everything_is_possible():
    found = agree(scores([1, 2, 3, 4, 5], 50), scores([1, 2, 3, 4, 5], 50))
    assert found.spearman == 1
    assert found.low < -0.5
    assert found.high > 0.9
    assert found.attenuation == 0


@pytest.mark.parametrize(("look", "wider"), [(0.001, True), (0.25, False)])
def test_the_bounds_of_a_look_are_at_its_level_on_both_sides(look, wider):
    x, y = scores([1, 2, 3, 4, 5, 6, 7], 0.5), scores([4, 1, 6, 2, 7, 3, 5], 0.5)
    found = agree(x, y, look=look)
    assert (found.lower < found.low, found.upper > found.high) == (wider, wider)


def test_errors_of_what_is_truly_alike_go_together():
    """Where both sides tell the same, a model that is truly better than it seems on one is so on the other as well."""
    values = np.linspace(-2, 2, 12)
    names = tuple("abcdefghijkl")
    drawn = true_values(scores(values, 0.5, names), scores(values, 0.5, names), 4_000, np.random.default_rng(1))
    apart = [np.corrcoef(drawn.offline[:, k], drawn.online[:, k])[0, 1] for k in range(12)]
    assert min(apart) > 0.1


def test_models_are_joined_by_name_in_any_order():
    x = Scores(("d", "a", "z", "b", "c"), np.array([4.0, 1, 9, 2, 3]), np.full(5, 1e-6))
    y = scores([10, 20, 30, 40], 1e-6)
    found = agree(x, y)
    assert found.models == 4
    assert found.spearman == 1


def test_the_posterior_of_the_correlation_is_that_of_a_grid_by_scipy():
    """The same model with the whole covariance matrix, its likelihood by scipy, the means integrated by quadrature."""
    x, y = scores([0.1, 0.9, 2.2, 2.8], [0.3, 0.2, 0.4, 0.3]), scores([0.2, 0.1, 1.5, 1.4], 0.5)
    zx, zy = (noise._standardised(one) for one in (x, y))
    z = np.concatenate([zx[0], zy[0]])
    error = np.diag(np.concatenate([zx[1], zy[1]]) + noise.LEAST)
    weights = []
    for rho in noise.CORRELATIONS:
        total = 0.0
        for a in noise.SPREADS:
            for b in noise.SPREADS:
                true = np.kron(np.array([[a * a, rho * a * b], [rho * a * b, b * b]]), np.eye(4))
                # Flat means, as a very wide normal.
                wide = 1e6 * np.kron(np.eye(2), np.ones((4, 4)))
                total += np.exp(multivariate_normal(np.zeros(8), true + error + wide).logpdf(z) + 14)
        weights.append(total)
    weights = np.array(weights) / np.sum(weights)
    drawn = true_values(x, y, 60_000, np.random.default_rng(1)).correlation
    assert drawn.mean() == pytest.approx(float(weights @ noise.CORRELATIONS), abs=0.01)
    assert drawn.std() == pytest.approx(float((weights @ noise.CORRELATIONS**2 - drawn.mean() ** 2) ** 0.5), abs=0.01)


def test_drawn_values_are_shrunk_as_a_normal_prior_shrinks():
    """One side alone, where nothing goes together and the spread is well known: value times reliability."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=60)
    x = Scores(tuple(f"m{k:02}" for k in range(60)), truth + 0.5 * rng.normal(size=60), np.full(60, 0.5))
    y = Scores(x.models, rng.normal(size=60), np.zeros(60))
    drawn = true_values(x, y, 4_000, rng).offline.mean(axis=0)
    standard = (x.value - x.value.mean()) / x.value.std(ddof=1)
    slope = float(np.polyfit(standard, drawn, 1)[0])
    assert slope == pytest.approx(reliability(x), abs=0.03)


def test_attenuation_is_what_noise_does():
    rng = np.random.default_rng(2)
    x = Scores(tuple(f"m{k:03}" for k in range(400)), rng.normal(size=400) * 2, np.full(400, 1.0))
    assert reliability(x) == pytest.approx(0.75, abs=0.06)
    assert np.isnan(reliability(x._replace(se=np.full(400, np.nan))))


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([1], [1], "1 model with both, 4 are needed"),
        ([1, 2, 3], [1, 2, 3], "3 models with both, 4 are needed"),
        ([], [], "0 models with both, 4 are needed"),
        ([1, 1, 1, 1], [1, 2, 3, 4], "all offline scores are equal"),
        ([1, 2, 3, 4], [2, 2, 2, 2], "all online values are equal"),
    ],
)
def test_too_little_gives_no_figure(x, y, reason):
    assert agree(scores(x), scores(y)) == NotEnough(len(x), reason)


def test_reversals_are_named_surest_first():
    x = scores([1, 2, 3, 4], 0.1)
    y = scores([4, 2.5, 3, 1], 0.1)
    named = reversals(x, y, 0.05)
    assert [(one.preferred, one.over) for one in named[:2]] == [("d", "a"), ("d", "b")]
    assert {(one.preferred, one.over) for one in named[2:]} == {("d", "c"), ("c", "a"), ("b", "a")}
    assert named[0].offline == 3
    assert named[0].online == -3


def test_a_contrast_that_one_side_cannot_tell_is_no_reversal():
    assert reversals(scores([1, 2], 5), scores([2, 1], 0.01), 0.05) == ()
    assert reversals(scores([1, 2], np.nan), scores([2, 1], 0.01), 0.05) == ()
    assert len(reversals(scores([1, 2], 0.01), scores([2, 1], 0.01), 0.05)) == 1


def test_the_p_value_is_the_larger_one_and_counts_all_pairs():
    x, y = scores([1, 2, 3], 0.2), scores([2, 1, 3], 0.3)
    (only,) = reversals(x, y, 0.5)
    assert only.p_value == pytest.approx(3 * 2 * stats.norm.sf(1 / (0.3 * 2**0.5)))


def test_ties_are_counted():
    found = agree(scores([1, 1, 2, 3]), scores([1, 2, 2, 3]))
    assert found.ties == 2
    assert found.spearman == pytest.approx(spearman(np.array([1, 1, 2, 3.0]), np.array([1, 2, 2, 3.0])))


def test_the_interval_holds_in_a_small_simulation():
    """benchmarks/offline.py has the long one; here 150 products are enough to see a coverage of 80%."""
    low, high = covered(models=7, correlation=0.7, noise=0.6, worlds=120, seed=1)
    assert high >= 0.95
    assert low > 0.85


def test_what_predicts_is_kept_and_what_does_not_is_demoted():
    good = demotions(models=7, correlation=0.9, noise=0.3, worlds=12, seed=1, least=0.5)
    weak = demotions(models=7, correlation=-0.2, noise=0.3, worlds=12, seed=1, most=0.1)
    assert good <= 0.05
    assert weak >= 0.5
