"""Choices among more than two models: which rank their models, and what the two ways of rating make of them."""

import numpy as np
import pytest
import trueskill
from scipy.stats import norm

from evalloop_assets.ranking.battles import battles
from evalloop_assets.ranking.choices import rankings
from evalloop_assets.ranking.contrasts import Z_95, rate
from evalloop_assets.ranking.likelihood import MU, SIGMA, Scale, scale_of
from evalloop_assets.ranking.online import online_pass, passes

from .worlds import BETA, ranked_choices


def fight(*rows):
    """Rows of model_a, model_b, outcome, user, choice."""
    a, b, outcome, user, choice = zip(*rows, strict=True)
    return battles(a, b, outcome, user, choice_id=choice)


RANKED = [("x", "y", "a", "u", "c"), ("z", "x", "b", "u", "c"), ("y", "z", "tie", "u", "c")]


def test_rows_that_compare_all_models_rank_them_with_ties():
    (one,) = rankings(fight(("x", "y", "b", "u", None), *RANKED))
    assert (one.members, one.ranks, one.rows.tolist()) == ([0, 1, 2], [0, 1, 1], [1, 2, 3])


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (RANKED[:2], "the order of the others is unknown"),
        ([*RANKED[:2], ("y", "z", "a", "v", "c")], "another user's row"),
        ([*RANKED[:2], ("y", "z", "a", "u", "d")], "another choice's row"),
        ([*RANKED[:2], ("y", "x", "b", "u", "c")], "the same pair twice"),
        ([("x", "y", "a", "u", "c"), ("y", "z", "a", "u", "c"), ("z", "x", "a", "u", "c")], "a circle"),
        ([("x", "y", "tie", "u", "c"), ("y", "z", "tie", "u", "c"), ("z", "x", "a", "u", "c")], "ties that contradict"),
        ([(*row[:4], None) for row in RANKED], "no choice"),
        (RANKED[:1], "a pair"),
    ],
)
def test_rows_that_do_not_rank(rows, why):
    assert rankings(fight(*rows)) == [], why


def test_the_online_pass_rates_rankings_by_the_package_in_order_of_time():
    rows = [("x", "y", "b", "v", None), RANKED[0], ("y", "z", "a", "v", None), *RANKED[1:], ("z", "x", "a", "w", None)]
    state = online_pass(fight(*rows), Scale(0.2), {})
    env = trueskill.TrueSkill(MU, SIGMA, BETA, 0.0, 0.2, backend="scipy")
    x, y, z = (env.create_rating() for _ in range(3))
    y, x = env.rate_1vs1(y, x)
    y, z = env.rate_1vs1(y, z)
    (x,), (y,), (z,) = env.rate([(x,), (y,), (z,)], ranks=[0, 1, 1])
    z, x = env.rate_1vs1(z, x)
    assert state.mu == pytest.approx([one.mu for one in (x, y, z)], abs=1e-9)
    assert state.sigma == pytest.approx([one.sigma for one in (x, y, z)], abs=1e-9)


def test_a_ranking_counts_with_its_last_row():
    fought = fight(*RANKED, ("x", "y", "a", "v", None))
    states = [mu for mu, _ in passes(fought, Scale(0.2), {}, [0, 2, 3, 4])]
    assert (states[1] == MU).all()
    assert states[2][0] > MU
    assert states[3] == pytest.approx(online_pass(fought, Scale(0.2), {}).mu, abs=0)


def test_picks_are_pairs_of_the_online_pass():
    rows = RANKED[:2]
    apart = [(*row[:4], None) for row in rows]
    assert online_pass(fight(*rows), Scale(0.2), {}).mu == pytest.approx(online_pass(fight(*apart), Scale(0.2), {}).mu)


def test_bounds_cover_the_truth_where_choices_rank_four_models():
    """The batch takes the rows as pairs; that six rows are one choice of one user is in the clustered bounds alone."""
    skills, rng = np.array([22.0, 24, 25, 26, 28]), np.random.default_rng(1)
    covered = plain = total = 0
    for _ in range(150):
        fit = rate(ranked_choices(rng, skills, 300, 100, taste=2.0))
        shrunk = BETA / np.hypot(BETA, 2.0)
        for one in range(5):
            for other in range(one):
                contrast = fit.against(fit.models[one], fit.models[other])
                error = abs(contrast.value - (skills[one] - skills[other]) * shrunk)
                weights = np.zeros(5)
                weights[[one, other]] = 1, -1
                covered += error < Z_95 * contrast.se
                plain += error < Z_95 * np.sqrt(weights @ fit.covariance.independent @ weights)
                total += 1
    assert 0.93 < covered / total < 0.975
    assert plain < covered


def test_rankings_and_pairs_agree_on_the_order_online():
    fought = ranked_choices(np.random.default_rng(2), [20.0, 24, 28, 32], 60, 60)
    assert np.argsort(online_pass(fought, scale_of(fought), {}).mu).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("size", "stretch"), [(3, 1.12), (4, 1.21)])
def test_picks_of_one_draw_models_apart_as_the_normal_law_of_the_largest_says(size, stretch):
    """One that is picked among several has been selected: contrasts come out larger, in the same order."""
    gap, rng = 3.0, np.random.default_rng(3)
    skills = np.array([gap / 2, -gap / 2, *[0.0] * (size - 2)])
    shown = skills + BETA * rng.standard_normal((20_000, size))
    best = shown.argmax(axis=1)
    rows = [(f"m{k}", f"m{other}", n) for n, k in enumerate(best) for other in range(size) if other != k]
    a, b, user = zip(*rows, strict=True)
    fit = rate(battles(a, b, ["a"] * len(rows), [str(one) for one in user]))
    at = np.linspace(-60, 60, 4_001)
    first, second = (
        np.trapezoid(norm.pdf(at, one, BETA) * norm.cdf(at, -one, BETA) * norm.cdf(at, 0, BETA) ** (size - 2), at)
        for one in (gap / 2, -gap / 2)
    )
    expected = norm.ppf(first / (first + second)) * np.sqrt(2) * BETA
    assert expected / gap == pytest.approx(stretch, abs=0.01)
    contrast = fit.against("m0", "m1")
    assert abs(contrast.value - expected) < 4 * contrast.se
