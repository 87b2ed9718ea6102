"""Error rates of the ranking on simulated battles, and that the battles are what the arena says."""

from dataclasses import replace

import numpy as np
import pytest
from trueskill import Rating, TrueSkill, rate_1vs1

from evalloop_assets.ranking.battles import DRAW, WIN_A, WIN_B
from evalloop_assets.simulator.scoreboard import eliminations
from evalloop_assets.simulator.scoreboard.eliminations import (
    DEFAULT_TAU,
    PLAIN_SIGMA,
    Z_2,
    Z_3,
    Arena,
    Block,
    blocks,
    figures,
    fought,
    ranking_rates,
    records,
)
from evalloop_assets.simulator.scoreboard.figures import LOOP

RUNS = 60


def chosen(rows, words, method=LOOP):
    (found,) = [row for row in rows if row.method == method and all(word in row.figure for word in words.split())]
    return found.found


@pytest.fixture(scope="module")
def rows():
    return figures(records(Block(0, RUNS), seed=2))


def test_the_order_is_found_and_better_without_dynamics(rows):
    loop = chosen(rows, "rank correlation")
    assert loop.low > 0.9
    assert chosen(rows, "rank correlation", DEFAULT_TAU).value < loop.value


def test_clustered_intervals_cover_and_plain_sigmas_do_not(rows):
    loop = chosen(rows, "holds the truth")
    assert loop.low < 0.95 < loop.high + 0.02
    assert loop.value > 0.9
    assert chosen(rows, "holds the truth", PLAIN_SIGMA).high < loop.value


def test_the_worst_leave_and_the_best_stays(rows):
    assert chosen(rows, "worst three").value > 0.9
    assert chosen(rows, "best three").value == 0
    assert 0 < chosen(rows, "best three", Z_3).value < chosen(rows, "best three", Z_2).value
    assert chosen(rows, "best three", PLAIN_SIGMA).value > 0.1


def test_choices_of_all_users_show_the_visible_skills():
    """A model's share of wins over another, whoever is shown first and whatever the tastes."""
    from scipy.stats import norm

    arena = Arena(candidates=(4.0, 0.0), references=(), users=40_000, battles=80_000, first_shown=3.0)
    every = fought(arena, np.random.default_rng(1))
    won = np.where(every.a == 0, every.outcome == WIN_A, every.outcome == WIN_B)
    lost = np.where(every.a == 0, every.outcome == WIN_B, every.outcome == WIN_A)
    gap = arena.visible[0] - arena.visible[1]
    margin = arena.margin * arena.visible[0] / arena.skills[0]
    s = np.sqrt(2) * eliminations.BETA
    assert won.mean() == pytest.approx(norm.cdf((gap - margin) / s), abs=0.006)
    assert lost.mean() == pytest.approx(norm.cdf((-gap - margin) / s), abs=0.006)
    assert 0 < (every.outcome == DRAW).mean() < 0.25


def test_the_naive_pass_equals_the_package_with_its_default_tau():
    every = fought(replace(Arena(), battles=300), np.random.default_rng(2))
    env = TrueSkill(draw_probability=every.draw_share)
    ratings = [Rating(env.mu, env.sigma)] * len(every.models)
    for a, b, outcome in zip(every.a, every.b, every.outcome, strict=True):
        winner, loser = (b, a) if outcome == WIN_B else (a, b)
        ratings[winner], ratings[loser] = rate_1vs1(ratings[winner], ratings[loser], outcome == DRAW, env=env)
    mu, sigma = eliminations._pass_with_tau(every)
    assert mu == pytest.approx([one.mu for one in ratings], abs=1e-4)
    assert sigma == pytest.approx([one.sigma for one in ratings], abs=1e-4)


def test_references_are_never_eliminated_whatever_the_method():
    arena = replace(Arena(), references=(-12.0, -8.0, 2.0), users=1_000)
    for record in records(Block(0, 3), seed=4, arena=arena):
        for lost in record.lost.values():
            assert lost <= set(range(len(arena.candidates)))
        assert record.lost[LOOP] <= record.lost[Z_2]


def test_any_split_into_blocks_gives_the_same_figures():
    arena_runs = 12
    whole = ranking_rates(arena_runs, seed=7, progress=lambda _: None)
    assert len(blocks(arena_runs)) == 2
    split = [*records(Block(5, 7), seed=7), *records(Block(0, 5), seed=7)]
    assert figures(split) == whole
    assert ranking_rates(arena_runs, seed=8, progress=lambda _: None) != whole
