import json
from dataclasses import replace

import pytest

from evalloop_assets.online_ab.decisions import DecisionLimits, Screen, decide, planned_power
from evalloop_assets.online_ab.pace import Pace

from .results import ALPHA, PLANNED, exposure, returns, sent

LIMITS = DecisionLimits(
    retention_margin=0.01,
    srm_alpha=0.001,
    multiple_exposure_limit=0.01,
    minimum_users=150,
    volume_floor=1_000,
    week_users=0,
    alpha=ALPHA,
    planned_users=PLANNED,
    planned_effect=0.02,
    planned_days=14,
    planned_power=0.0,
)
PLANNED_LIMITS = replace(LIMITS, planned_power=0.8)
UP, FLAT, DOWN = returns(0.02), returns(0.0), returns(-0.05)
UNSURE = returns(0.0, se=0.02)


@pytest.mark.parametrize(
    ("results", "action", "reason"),
    [
        ([], "none", "no results"),
        ([UP], "promote", "is up"),
        ([UP, sent(-5.0)], "promote", "is up"),
        ([FLAT, sent(1.0)], "promote", "replies per conversation are up: +1.000"),
        ([FLAT, sent(1.0, unit="user")], "promote", "replies per user are up"),
        ([FLAT, sent(0.0)], "advance", "not down by more than the margin 0.01"),
        ([FLAT], "advance", "not down"),
        ([UNSURE, sent(1.0)], "continue", "may still be down"),
        ([DOWN, sent(9.0)], "hold", "is down"),
        ([returns(0.02, srm_p=1e-4)], "hold", "sample ratio mismatch: p 0.0001"),
        ([returns(0.02, srm_p=None)], "promote", "is up"),
        ([UP, exposure(0.02)], "hold", "2.0% of the units saw both arms"),
        ([UP, exposure(0.01)], "promote", "is up"),
        ([sent(3.0)], "hold", "no matured retention"),
        ([returns(0.02, unit="conversation", metric="next_day_return")], "hold", "no user-randomised layer"),
        ([returns(0.5, users=149)], "hold", "149 matured users"),
        ([returns(0.5, users=150)], "promote", "is up"),
    ],
)
def test_each_situation_has_its_action(results, action, reason):
    decision = decide(results, None, 5_000, LIMITS)
    assert decision.action == action
    assert reason in decision.reason
    assert not decision.advisory


def test_a_candidate_that_the_offline_gate_turned_down_is_held():
    assert decide([UP], Screen(False, "replies twice as long"), 5_000, LIMITS).reason.endswith("replies twice as long")
    assert decide([UP], Screen(False, ""), 5_000, LIMITS).action == "hold"
    assert decide([UP], Screen(True, ""), 5_000, LIMITS).action == "promote"


def test_below_the_volume_floor_a_promotion_is_advice_and_says_so():
    decision = decide([UP], None, 999, LIMITS)
    assert (decision.action, decision.advisory) == ("promote", True)
    assert decision.reason.endswith("advisory only: 999 daily users, floor 1000")
    assert not decide([UP], None, 1_000, LIMITS).advisory


def test_the_evidence_is_json_with_figures_and_limits():
    evidence = json.loads(json.dumps(decide([UP, sent(1.0)], Screen(True, "ok"), 5_000, LIMITS).evidence))
    assert evidence["limits"]["retention_margin"] == 0.01
    assert [one["metric"] for one in evidence["results"]] == ["daily_return", "chat_send"]
    assert evidence["results"][0]["effect"] == 0.02


def test_without_an_effect_the_sign_of_the_arms_decides_nothing_and_swapped_arms_never_promote_the_loser():
    better, worse = decide([returns(0.05)], None, 5_000, LIMITS), decide([returns(-0.05)], None, 5_000, LIMITS)
    assert (better.action, worse.action) == ("promote", "hold")


NOISY = returns(0.1, se=0.02, users=1_000)
"""Up by 10 points beyond doubt; to see the planned 2 points it takes many more users."""


def test_without_planned_power_a_promotion_is_advice_until_enough_users_are_to_come():
    alone = decide([NOISY], None, 5_000, PLANNED_LIMITS)
    assert (alone.action, alone.advisory) == ("promote", True)
    assert "advisory only: planned power 1% to see 2 points within 14 days, 80% is needed" in alone.reason
    coming = decide([NOISY], None, 5_000, PLANNED_LIMITS, {"user": Pace(10_000.0, 4)})
    assert (coming.action, coming.advisory) == ("promote", False)
    assert coming.evidence["planned_power"] > 0.8
    too_late = decide([NOISY], None, 5_000, PLANNED_LIMITS, {"user": Pace(10_000.0, 14)})
    assert too_late.advisory
    assert decide([returns(0.02)], None, 5_000, PLANNED_LIMITS).advisory is False


def test_planned_power_counts_the_users_still_to_come_and_is_none_without_retention():
    soon, late = ({"user": Pace(2_000.0, days)} for days in (1, 12))
    assert planned_power([NOISY], PLANNED_LIMITS, {}) < planned_power([NOISY], PLANNED_LIMITS, late)
    assert planned_power([NOISY], PLANNED_LIMITS, late) < planned_power([NOISY], PLANNED_LIMITS, soon)
    assert planned_power([sent(1.0)], PLANNED_LIMITS, soon) == 0


def test_what_is_undecided_says_how_many_users_and_days_are_still_needed():
    reason = decide([UNSURE], None, 5_000, LIMITS, {"user": Pace(40_000.0, 3)}).reason
    assert "if nothing is lost: 10,000 of about " in reason
    assert "more days at this rate" in reason
    assert "nobody new comes" in decide([UNSURE], None, 5_000, LIMITS).reason
    thin = decide([returns(0.5, users=100)], None, 5_000, LIMITS, {"user": Pace(50.0, 4)}).reason
    assert thin.endswith("150 are needed; 200 of about 300 users, 2 more days at this rate")


@pytest.mark.parametrize(
    ("week", "action", "reason"),
    [
        ([], "continue", "fewer than 150 users of an arm are known a week after"),
        ([returns(0.05, metric="week_return", users=149)], "continue", "(day 5)"),
        ([returns(0.05, metric="week_return", users=150)], "promote", "is up"),
        ([returns(-0.009, metric="week_return", se=0.02)], "promote", "is up"),
        ([returns(-0.011, metric="week_return", se=0.02)], "continue", "a week after the assignment it is -0.0110"),
        ([returns(0.05, metric="week_return", unit="conversation")], "continue", "fewer than"),
    ],
)
def test_a_promotion_waits_for_return_a_week_after_the_assignment(week, action, reason):
    limits, paces = replace(LIMITS, week_users=150), {"user": Pace(100.0, 5)}
    found = decide([UP, *week], None, 5_000, limits, paces)
    assert found.action == action
    assert reason in found.reason
    without_loss = decide([FLAT, sent(1.0), *week], None, 5_000, limits, paces)
    assert (
        without_loss.action
        == {"promote": "promote", "continue": "continue" if "it is" in reason else "advance"}[action]
    )
