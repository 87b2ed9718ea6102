"""Ratings and eliminations against the truth, by hand."""

import math
from datetime import timedelta
from itertools import pairwise

import pytest

import evalloop_assets.online_ab.assets
import evalloop_assets.ranking.assets  # noqa: F401
from evalloop_assets.online_ab.influence import Effect
from evalloop_assets.simulator.scenarios import find_scenario
from evalloop_assets.simulator.scoreboard import ratings
from evalloop_assets.simulator.scoreboard.ab import Truth
from evalloop_assets_tests.simulator.scoreboard.tiny import DAY, TinyRun, values

SHOWY = ("dazzling", "charming", "warm", "steady", "plotting", "faithful")
"""The candidates from the best at a glance to the worst, which is here the reverse of who makes people return."""
SKILL = "rank correlation with true skill"
ORDER = "rank correlation of the order of the candidates with the true online order"
BY_SKILL, BY_RETURN = (
    f"eliminations that hit one of the best third of the candidates by true {what}, share"
    for what in ("skill", "return")
)


class Healthy(TinyRun):
    scenario = find_scenario("healthy")


@pytest.fixture(autouse=True)
def returning(monkeypatch):
    """The worse at a glance, the more people come back."""
    gains = {f"try-{name}": Effect(0.4, 0.4, 0.01 * place, 0, None, None, 9, 9) for place, name in enumerate(SHOWY)}
    truths = {name: Truth(gain, gain, None, None) for name, gain in gains.items()}
    monkeypatch.setattr(ratings, "true_effects", lambda run: truths)


def battles(order=SHOWY):
    """Each against its neighbour, which loses."""
    return [
        {"battle_id": f"b{n}", "model_a": better, "model_b": worse, "outcome": "a"}
        for n, (better, worse) in enumerate(pairwise(order))
    ]


def truth_battles():
    return [
        {"battle_id": f"b{n}", "model_a": better, "model_b": worse, "value_a": -n, "value_b": -n - 1}
        for n, (better, worse) in enumerate(pairwise(SHOWY))
    ]


def rated(order, day=0):
    return [{"day": DAY + timedelta(days=day), "model_id": name, "mu": -float(n)} for n, name in enumerate(order)]


def ab_tests(order):
    return [
        {"experiment_id": f"try-{name}", "unit": "user", "metric": "daily_return", "effect": 0.1 - n}
        for n, name in enumerate(order)
    ]


def eliminated(*names, out=True, day=0):
    return [
        {"day": DAY + timedelta(days=day), "model_id": name, "against": other, "eliminated": out}
        for name in names
        for other in ("incumbent", "best")
    ]


def test_ratings_in_the_order_of_skill_tell_skill_and_the_reverse_of_who_returns():
    run = Healthy(
        battles=battles(), truth_battles=truth_battles(), ratings=rated(SHOWY), experiment_results=ab_tests(SHOWY[::-1])
    )
    loop, single = values(ratings.measured_ratings(run)), values(ratings.measured_ratings(run), ratings.SINGLE_TURN)
    assert loop[SKILL] == pytest.approx(1)
    assert loop[ORDER] == pytest.approx(1)
    assert single[ORDER] == pytest.approx(-1)


def test_ratings_in_the_wrong_order_are_told_apart_from_skill_and_only_the_last_day_counts():
    run = Healthy(truth_battles=truth_battles(), ratings=[*rated(SHOWY, -1), *rated(SHOWY[::-1])])
    assert values(ratings.measured_ratings(run))[SKILL] == pytest.approx(-1)


def test_the_win_rate_counts_a_draw_as_half_on_either_side():
    drawn = {"battle_id": "b9", "model_a": "dazzling", "model_b": "faithful", "outcome": "both_bad"}
    run = Healthy(battles=[*battles(("charming", "dazzling", "faithful")), drawn], truth_battles=truth_battles())
    won = {one["model_id"]: one["value"] for one in run.query(ratings.WON).to_pylist()}
    assert won == {"charming": 1.0, "dazzling": 0.5, "faithful": 0.25}


def test_an_elimination_may_be_right_by_skill_and_wrong_by_return():
    run = Healthy(
        truth_battles=truth_battles(),
        eliminations=[
            *eliminated("faithful", "steady", "ref-dull"),
            *eliminated("dazzling", out=False),
            *eliminated("dazzling", day=-1),
        ],
    )
    found = values(ratings.measured_ratings(run))
    assert found[BY_SKILL] == 0
    assert found[BY_RETURN] == 0.5


def test_an_elimination_of_the_best_is_wrong():
    run = Healthy(truth_battles=truth_battles(), eliminations=eliminated("dazzling", "warm", "steady", "charming"))
    assert values(ratings.measured_ratings(run))[BY_SKILL] == 0.5


def test_without_battles_trials_or_eliminations_nothing_is_measured():
    assert all(math.isnan(one.value) for one in ratings.measured_ratings(Healthy()))


def test_rank_correlation_is_spearmans_with_ties():
    from scipy.stats import spearmanr

    told, truth = [1.0, 2.0, 2.0, 5.0, 3.0], [0.1, 0.3, 0.2, 0.2, 0.9]
    found = ratings.rank_correlation(
        dict(zip("abcde", told, strict=True)), dict(zip("abcdef", [*truth, 7], strict=True))
    )
    assert found == pytest.approx(spearmanr(told, truth).statistic)


def test_an_order_needs_three_models_that_differ():
    assert math.isnan(ratings.rank_correlation({"a": 1, "b": 2}, {"a": 1, "b": 2}))
    assert math.isnan(ratings.rank_correlation({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 3}))
