"""Every verdict with its cause, at and beside each limit."""

from itertools import product

import numpy as np
import pytest

from evalloop_assets.guardrails.limits import limits_of
from evalloop_assets.guardrails.verdict import verdict
from evalloop_assets.online_ab.pace import Pace
from evalloop_assets.online_ab.results import Units, compare
from evalloop_assets.settings import ABSettings, GuardrailSettings
from evalloop_assets_tests.online_ab.results import duration, exposure, result, returns, sent

LIMITS = limits_of(ABSettings(planned_users=10_000), GuardrailSettings())
LATE = {"metric": "week_return"}
LONGER, SAME, SHORTER = duration(20.0), duration(0.0), duration(-20.0)
MORE, EVEN, FEWER, A_LITTLE_FEWER = returns(0.05), returns(0.0), returns(-0.05), returns(-0.008)


def complaints(effect, se=0.0005, **more):
    return result("conversation", "complaint", effect, se, control_mean=0.01, **more)


def regenerations(effect, se=0.001, **more):
    return result("conversation", "regeneration", effect, se, control_mean=0.05, **more)


def padded(effect, se=0.002):
    return result("conversation", "padding", effect, se, control_mean=0.1)


def slower(effect, se=0.05):
    return result("conversation", "latency", effect, se, control_mean=1.2)


def test_a_rollback_holds_the_figures_that_decided_it():
    flag = verdict([complaints(0.02), EVEN], True, LIMITS).figures
    assert (flag["metric"], flag["effect"], flag["limit"]) == ("complaint", 0.02, 0.005)
    assert flag["low"] > flag["limit"]
    late = verdict([SAME, EVEN, returns(-0.05, **LATE)], True, LIMITS).figures
    assert (late["metric"], late["effect"], late["limit"]) == ("week_return", -0.05, -0.01)
    assert verdict([EVEN], True, LIMITS).figures == {}


@pytest.mark.parametrize(
    ("day", "results", "active", "word", "cause"),
    [
        ("part", [], False, "HOLD", "immature"),
        ("part", [LONGER, FEWER], True, "ROLLBACK", "gaming"),
        ("open", [], False, "HOLD", "immature"),
        ("open", [LONGER, FEWER], True, "HOLD", "immature"),
        ("open", [EVEN], True, "HOLD", "immature"),
        ("open", [complaints(0.02), EVEN], True, "ROLLBACK", "red_flag"),
        ("open", [complaints(0.5, srm_p=0.0)], True, "HOLD", "srm"),
    ],
)
def test_silence_blinds_on_a_whole_day_only_and_an_open_one_fires_red_flags_alone(day, results, active, word, cause):
    assert verdict(results, active, LIMITS, day=day)[:2] == (word, cause)


@pytest.mark.parametrize(
    ("results", "word", "cause"),
    [
        ([LONGER, FEWER], "ROLLBACK", "gaming"),
        ([LONGER, A_LITTLE_FEWER], "ROLLBACK", "gaming"),
        ([duration(20.0, unit="user"), FEWER], "ROLLBACK", "gaming"),
        ([SAME, FEWER], "ROLLBACK", "harm"),
        ([SHORTER, FEWER], "ROLLBACK", "harm"),
        ([FEWER], "ROLLBACK", "harm"),
        ([SAME, A_LITTLE_FEWER], "PASS", None),
        ([duration(20.0, se=10.0), A_LITTLE_FEWER], "PASS", None),
        ([LONGER, EVEN], "PASS", None),
        ([LONGER, MORE], "PASS", None),
        ([LONGER, returns(-0.05, se=0.05)], "PASS", None),
        ([EVEN], "PASS", None),
        ([complaints(0.02), EVEN], "ROLLBACK", "red_flag"),
        ([complaints(0.02)], "ROLLBACK", "red_flag"),
        ([regenerations(0.05), MORE], "ROLLBACK", "red_flag"),
        ([complaints(0.006), EVEN], "PASS", None),
        ([complaints(-0.02), EVEN], "PASS", None),
        ([regenerations(0.019), EVEN], "PASS", None),
        ([complaints(0.5, users=149), EVEN], "PASS", None),
        ([complaints(0.02), LONGER, FEWER], "ROLLBACK", "red_flag"),
        ([LONGER], "HOLD", "immature"),
        ([sent(3.0)], "HOLD", "immature"),
        ([LONGER, returns(-0.5, users=149)], "HOLD", "thin"),
        ([LONGER, returns(-0.05, srm_p=0.0009)], "HOLD", "srm"),
        ([duration(20.0, srm_p=0.0009), FEWER], "HOLD", "srm"),
        ([complaints(0.5, srm_p=0.0), EVEN], "HOLD", "srm"),
        ([LONGER, returns(-0.05, srm_p=0.002)], "ROLLBACK", "gaming"),
        ([LONGER, returns(-0.05, srm_p=None)], "ROLLBACK", "gaming"),
        ([exposure(0.011), LONGER, FEWER], "HOLD", "multiple_exposure"),
        ([exposure(0.009), LONGER, FEWER], "ROLLBACK", "gaming"),
        ([SAME, EVEN, returns(-0.05, **LATE)], "ROLLBACK", "harm"),
        ([LONGER, EVEN, returns(-0.008, **LATE)], "ROLLBACK", "gaming"),
        ([LONGER, EVEN, returns(-0.05, users=149, **LATE)], "PASS", None),
        ([SAME, MORE, returns(-0.008, **LATE)], "PASS", None),
        ([LONGER, returns(-0.05, **LATE)], "HOLD", "immature"),
        ([padded(0.1), EVEN], "ROLLBACK", "red_flag"),
        ([padded(0.051), EVEN], "PASS", None),
        ([slower(3.0), EVEN], "ROLLBACK", "red_flag"),
        ([slower(0.9), EVEN], "PASS", None),
        ([], "BLIND", "no_data"),
    ],
)
def test_each_situation_has_its_verdict(results, word, cause):
    found = verdict(results, True, LIMITS)
    assert (found.word, found.cause) == (word, cause)


@pytest.mark.parametrize("results", [[LONGER, FEWER], [complaints(0.5)], [EVEN], [LONGER]])
def test_without_sessions_on_the_day_it_is_blind_whatever_the_older_days_say(results):
    found = verdict(results, False, LIMITS)
    assert (found.word, found.cause) == ("BLIND", "no_data")


def test_the_order_of_precedence_is_the_same_for_every_combination():
    """Blind before invalid before red flag before unripe before harm before pass."""
    for blind, mismatch, both, flag, ripe, longer, fewer in product([False, True], repeat=7):
        srm_p = 0.0 if mismatch else 0.5
        results = [duration(20.0 if longer else 0.0, srm_p=srm_p), complaints(0.02 if flag else 0.0, srm_p=srm_p)]
        results += [exposure(0.5)] if both else []
        results += [returns(-0.05 if fewer else 0.0, srm_p=srm_p)] if ripe else []
        found = verdict(results, not blind, LIMITS)
        expected = (
            ("BLIND", "no_data") if blind
            else ("HOLD", "srm") if mismatch
            else ("HOLD", "multiple_exposure") if both
            else ("ROLLBACK", "red_flag") if flag
            else ("HOLD", "immature") if not ripe
            else ("ROLLBACK", "gaming") if longer and fewer
            else ("ROLLBACK", "harm") if fewer
            else ("PASS", None)
        )  # fmt: skip
        assert (found.word, found.cause) == expected


def test_reasons_name_figures_and_limits_in_plain_words():
    gaming = verdict([LONGER, FEWER], True, LIMITS).reason
    assert "Time spent rose while fewer people came back" in gaming
    assert "rose by 20.0 s [+" in gaming
    assert "moved by -5.00 points [-5." in gaming
    assert "10000 matured users" in gaming
    assert "surely down by more than 1 points" in verdict([SAME, FEWER], True, LIMITS).reason
    assert "limit of 0.5 points" in verdict([complaints(0.02)], True, LIMITS).reason
    assert "latency rose by 3.0 s [+2." in verdict([slower(3.0)], True, LIMITS).reason
    assert "above the limit of 1 s" in verdict([slower(3.0)], True, LIMITS).reason
    late = verdict([SAME, EVEN, returns(-0.05, **LATE)], True, LIMITS)
    assert "week_return by user moved by -5.00 points" in late.reason
    assert late.late.effect == -0.05
    thin = verdict([returns(0.0, users=100)], True, LIMITS, {"user": Pace(50.0, 3)}).reason
    assert thin.endswith("200 of about 300 users, 2 more days at this rate.")
    assert "(p 0.0001, limit 0.001)" in verdict([returns(0.0, srm_p=1e-4)], True, LIMITS).reason
    assert "149 matured users in the smaller arm, 150" in verdict([returns(0.0, users=149)], True, LIMITS).reason
    assert "50.0% of the units" in verdict([exposure(0.5), EVEN], True, LIMITS).reason


def test_what_is_unknown_stays_unknown():
    found = verdict([LONGER], True, LIMITS)
    assert (found.retention, found.matured_users) == (None, 0)
    assert found.duration.low < 20.0 < found.duration.high
    assert verdict([FEWER], True, LIMITS).duration is None


def test_each_cause_has_a_third_of_the_error_budget():
    """Bounds are wider than those of a test that had the whole budget, and a limit between the two is not crossed."""
    whole = returns(-0.05)
    found = verdict([whole], True, LIMITS).retention
    assert found.low < whole.always_low
    assert whole.always_high < found.high
    just = returns(-0.0134)
    assert just.always_high < -0.01
    assert verdict([just], True, LIMITS).word == "PASS"


def trial(rng, users, treated, base, retention_effect, seconds_effect):
    """Results of one experiment after every third of 30 days, by real comparison of simulated users."""
    comes = rng.random((30, users)) < base + retention_effect * treated
    stays = rng.gamma(2.0, 30.0, (30, users)) + seconds_effect * treated
    for days in range(3, 31, 3):
        count = np.full(2 * users, float(days))
        rows = Units(
            metrics=("daily_return", "chat_duration"),
            metric=np.repeat([0, 1], users),
            epochs=("weight_05000",),
            epoch=np.zeros(2 * users, int),
            user=np.tile(np.arange(users), 2),
            treated=np.tile(treated, 2),
            units=count,
            total=np.concatenate([comes[:days].sum(axis=0), stays[:days].sum(axis=0)]),
            eligible=count,
        )
        yield compare("x", "user", rows, {}, LIMITS.planned_users, LIMITS.alpha)


def words(seed, experiments, **effects):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(experiments):
        treated = rng.permutation(np.arange(600) < 300)
        found.append({verdict(results, True, LIMITS)[:2] for results in trial(rng, 600, treated, **effects)})
    return found


def test_an_a_a_experiment_watched_for_30_days_is_hardly_ever_rolled_back():
    rolled = [
        ("ROLLBACK" in {word for word, _ in one})
        for one in words(1, 60, base=0.4, retention_effect=0, seconds_effect=0)
    ]
    assert sum(rolled) <= 1


def test_padding_is_rolled_back_as_gaming():
    found = words(2, 20, base=0.4, retention_effect=-0.12, seconds_effect=15.0)
    assert all(("ROLLBACK", "gaming") in one for one in found)


def test_an_experiment_that_helps_is_never_rolled_back():
    found = words(3, 20, base=0.4, retention_effect=0.05, seconds_effect=15.0)
    assert all({word for word, _ in one} == {"PASS"} for one in found)
