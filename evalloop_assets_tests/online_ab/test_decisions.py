import json

import pytest

from evalloop_assets.online_ab.decisions import DecisionLimits, Screen, decide

from .results import exposure, returns, sent

LIMITS = DecisionLimits(
    retention_margin=0.01, srm_alpha=0.001, multiple_exposure_limit=0.01, minimum_users=150, volume_floor=1_000
)
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
