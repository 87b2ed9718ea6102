import csv
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.ranking.battles import battles
from evalloop_assets.ranking.contrasts import Z_95, rate
from evalloop_assets.ranking.elimination import Limits, eliminations

from .worlds import chance_to_win, simulated

LIMITS = Limits(3.0, 200, 0.005, 500)


def test_anchors_given_as_constants_set_the_level():
    fought = simulated(np.random.default_rng(1), [20, 25, 30, 27], 3_000, 500)
    fit = rate(fought, {"m00": 20.0, "m01": 25.0, "m02": 30.0})
    assert fit.constant
    assert fit.anchors == ("m00", "m01", "m02")
    assert [fit.mu[index] for index in range(3)] == [20, 25, 30]
    contrast = fit.against_level("m03")
    assert contrast.value == pytest.approx(fit.mu[3] - 25)
    assert abs(contrast.value - 2) < 4 * contrast.se
    assert fit.against("m00", "m01").se == 0


def test_reference_models_without_values_are_fitted_and_set_the_level():
    fought = simulated(np.random.default_rng(2), [20, 25, 30, 27], 3_000, 500)
    fit = rate(fought, references=["m00", "m01", "m02", "elsewhere"])
    assert (fit.constant, fit.anchors) == (False, ("m00", "m01", "m02"))
    assert fit.against_level("m03").value == pytest.approx(fit.mu[3] - fit.mu[:3].mean())
    assert "fitted in this window" in fit.level


def test_fewer_than_three_anchors_rate_relative_only_and_say_so():
    fought = simulated(np.random.default_rng(3), [20, 25, 30], 600, 100)
    fit = rate(fought, {"m00": 20.0, "m01": 25.0, "gone": 9.0}, references=["m01"])
    assert (fit.constant, fit.anchors) == (False, ())
    assert "relative only" in fit.level
    assert sum(fit.against_level(name).value for name in fit.models) == pytest.approx(0, abs=1e-9)


def test_contrasts_change_sign_with_their_order():
    fit = rate(simulated(np.random.default_rng(4), [24, 28], 400, 400))
    one, other = fit.against("m00", "m01"), fit.against("m01", "m00")
    assert one.value == -other.value < 0
    assert one.se == other.se > 0
    assert (fit.best, fit.rank()) == ("m01", {"m01": 1, "m00": 2})


def test_one_fanatic_user_makes_nobody_sure():
    rows = [("x", "y", "a")] * 300 + [("y", "z", "a")] * 300
    alone = rate(battles(*zip(*rows, strict=True), ["fan"] * 600))
    crowd = rate(battles(*zip(*rows, strict=True)))
    assert alone.against("x", "z").se >= crowd.against("x", "z").se
    two = rate(battles(*zip(*rows, strict=True), ["fan"] * 599 + ["other"]))
    assert two.against("x", "y").se >= crowd.against("x", "y").se


def test_bounds_cover_the_truth_where_users_have_tastes():
    """Users with tastes of SD 4: the clustered bounds cover about 95%, TrueSkill's own sigma far less."""
    skills = np.array([23.0, 24, 25, 26, 27])
    rng = np.random.default_rng(5)
    clustered = plain = total = 0
    for _ in range(120):
        fit = rate(simulated(rng, skills, 1_500, 60, taste=4.0))
        for one in range(5):
            for other in range(one):
                contrast = fit.against(fit.models[one], fit.models[other])
                shrunk = (skills[one] - skills[other]) * (25 / 6) / np.hypot(25 / 6, 4.0)
                error = abs(contrast.value - shrunk)
                clustered += error < Z_95 * contrast.se
                weights = np.zeros(5)
                weights[[one, other]] = 1, -1
                plain += error < Z_95 * np.sqrt(weights @ fit.covariance.independent @ weights)
                total += 1
    assert 0.92 < clustered / total < 0.99
    assert plain / total < 0.8


def test_a_planted_bad_model_is_eliminated_and_equal_ones_never():
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(40):
        fit = rate(simulated(rng, [25, 25, 25, 25, 19], 2_000, 200, taste=2.0))
        out = {one.model_id for one in eliminations(fit, "m00", (), LIMITS) if one.eliminated}
        assert "m04" in out
        wrong += len(out - {"m04"})
    assert wrong <= 2


def test_anchors_the_champion_and_the_little_fought_are_spared():
    rng = np.random.default_rng(7)
    fit = rate(simulated(rng, [15, 15, 15, 30], 2_000, 500), references=())
    found = {(one.model_id, one.against): one for one in eliminations(fit, "m00", ["m01"], LIMITS)}
    assert found["m00", "m03"].reason.startswith("the served champion")
    assert found["m01", "m03"].reason.startswith("an anchor")
    assert found["m02", "m03"].eliminated
    assert found["m02", "m03"].contrast < 0
    assert ("m03", "m00") in found
    few = {one.model_id: one for one in eliminations(fit, None, (), LIMITS._replace(battles=10_000))}
    assert not any(one.eliminated for one in few.values())
    assert "10000 are needed" in few["m02"].reason


def test_ratings_predict_real_football_better_than_chance(shared_data: Path):
    """Second halves of 49 seasons, from the season before and the first half, against the published Elo (Brier)."""
    with gzip.open(shared_data / "nfl_elo" / "nfl_games.csv.gz", "rt") as file:
        games = [row for row in csv.DictReader(file) if row["result1"]]
    errors, published = [], []
    for season in range(1971, 2020):
        past = [row for row in games if season - 1 <= int(row["season"]) <= season]
        cut = len(past) * 3 // 4
        fit = rate(
            battles(
                [row["team1"] for row in past[:cut]],
                [row["team2"] for row in past[:cut]],
                [{1.0: "a", 0.0: "b"}.get(float(row["result1"]), "tie") for row in past[:cut]],
            )
        )
        for row in past[cut:]:
            contrast = fit.against(row["team1"], row["team2"])
            result = float(row["result1"])
            errors.append((chance_to_win(contrast.value, contrast.se) - result) ** 2)
            published.append((float(row["elo_prob1"]) - result) ** 2)
    assert len(errors) > 4_000
    assert np.mean(published) < np.mean(errors) < 0.246


def test_an_anchor_that_drifted_is_released_and_fitted_and_the_others_hold_the_level():
    given = {"m00": 20.0, "m01": 25.0, "m02": 30.0, "m03": 27.0}
    fought = simulated(np.random.default_rng(8), [20, 25, 30, 22, 24], 8_000, 2_000)
    fit = rate(fought, given)
    assert [one.model_id for one in fit.released] == ["m03"]
    assert fit.released[0].value < -3
    assert fit.anchors == ("m00", "m01", "m02")
    assert fit.constant
    assert abs(fit.mu[3] - 22) < 1
    assert "released: m03" in fit.level


def test_anchors_that_hold_are_seldom_released():
    rng = np.random.default_rng(9)
    given = {"m00": 20.0, "m01": 25.0, "m02": 30.0}
    released = sum(bool(rate(simulated(rng, [20, 25, 30, 24], 600, 200), given).released) for _ in range(200))
    assert released <= 1


def test_of_three_anchors_one_that_drifts_leaves_ratings_relative_only():
    fought = simulated(np.random.default_rng(10), [20, 25, 36, 24], 8_000, 2_000)
    fit = rate(fought, {"m00": 20.0, "m01": 25.0, "m02": 30.0})
    assert [one.model_id for one in fit.released] == ["m02"]
    assert not fit.constant
    assert "relative only; released: m02" in fit.level


def test_models_that_nothing_joins_are_named_and_have_no_contrast():
    rows = [("a", "b", "a"), ("b", "a", "a"), ("a", "b", "tie")] * 20 + [("y", "z", "a")] * 10
    fit = rate(battles(*zip(*rows, strict=True)))
    assert fit.apart == ("y", "z")
    assert np.isnan(fit.against("a", "y").se)
    assert not any(one.eliminated for one in eliminations(fit, None, (), LIMITS._replace(battles=1)))
    assert np.isfinite(fit.against("a", "b").se)
    joined = rate(battles(*zip(*[*rows, ("b", "y", "b")], strict=True)))
    assert joined.apart == ()


def test_models_of_a_tier_cannot_be_told_from_its_first():
    fit = rate(simulated(np.random.default_rng(11), [30, 29.9, 25, 24.9, 18], 4_000, 2_000))
    assert fit.tiers() == {"m00": 1, "m01": 1, "m02": 2, "m03": 2, "m04": 3}


def test_constants_that_differ_are_told_apart_and_equal_ones_are_not():
    fought = simulated(np.random.default_rng(13), [20, 25, 25, 30, 28], 4_000, 2_000)
    fit = rate(fought, {"m00": 20.0, "m01": 25.0, "m02": 25.0, "m03": 30.0})
    assert fit.tiers() == {"m03": 1, "m04": 2, "m01": 3, "m02": 3, "m00": 4}
    found = {one.model_id: one for one in eliminations(fit, None, (), LIMITS) if one.against == "m03"}
    assert (found["m00"].z, found["m00"].always_high, found["m00"].eliminated) == (-np.inf, -10.0, False)


def test_models_apart_come_last_in_tiers_of_their_own():
    rows = [("a", "b", "a"), ("b", "a", "a"), ("a", "b", "tie")] * 20 + [("y", "z", "a")] * 30
    fit = rate(battles(*zip(*rows, strict=True)))
    assert fit.mu[fit.models.index("y")] > fit.mu[:2].max()
    assert (fit.rank(), fit.tiers()) == ({"a": 1, "b": 2, "y": 3, "z": 4}, {"a": 1, "b": 1, "y": 2, "z": 3})


def test_constants_join_what_no_battle_joins_and_nothing_else():
    rows = [("a", "b", "a"), ("b", "a", "b"), ("c", "n", "a"), ("c", "n", "b")] * 40 + [("y", "z", "a")] * 9
    fit = rate(battles(*zip(*rows, strict=True)), {"a": 35.0, "b": 20.0, "c": 25.0}, anchor_z=99)
    assert fit.constant
    assert fit.apart == ("y", "z")
    assert 0 < fit.against("n", "a").se < 2
    assert np.isnan(fit.against("y", "a").se)
    assert fit.tiers()["y"] > fit.tiers()["b"]


def test_the_only_model_that_fought_enough_is_not_the_best_for_that():
    fought = simulated(np.random.default_rng(14), [25, 26, 25, 15], 900, 450)
    kept = np.flatnonzero((fought.a == 3) | (fought.b == 3))
    rows = {name: getattr(fought, name)[kept] for name in ("a", "b", "outcome", "user")}
    fit = rate(replace(fought, **rows))
    assert fit.battles.tolist()[3] > LIMITS.battles > max(fit.battles[:3])
    assert {one.model_id for one in eliminations(fit, None, (), LIMITS) if one.eliminated} == {"m03"}


def test_neither_a_pair_apart_nor_a_newcomer_who_won_a_little_shields_the_worst():
    fought = simulated(np.random.default_rng(12), [25, 25, 30, 16], 4_000, 2_000)
    names = [fought.models[k] for k in fought.a], [fought.models[k] for k in fought.b]
    outcome = [["a", "b", "tie"][k] for k in fought.outcome]
    more = [("y", "z")] * 40 + [("new", "m02")] * 5
    fit = rate(battles([*names[0], *(one for one, _ in more)], [*names[1], *(one for _, one in more)],
                       [*outcome, *["a"] * 45]))  # fmt: skip
    assert max(zip(fit.mu, fit.models, strict=True))[1] in ("y", "new")
    assert {one.model_id for one in eliminations(fit, None, (), LIMITS) if one.eliminated} >= {"m03"}
    assert {one.against for one in eliminations(fit, None, (), LIMITS)} == {"m02"}
