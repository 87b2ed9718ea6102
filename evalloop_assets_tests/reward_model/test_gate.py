import pytest

from evalloop_assets.reward_model.evaluation import Comparison
from evalloop_assets.reward_model.gate import judge
from evalloop_assets.reward_model.intervals import Estimate


def comparison(challenger: float, champion: float, n: int = 200) -> Comparison:
    difference = challenger - champion
    return Comparison(challenger, champion, Estimate(difference, difference - 0.05, difference + 0.05, n, 20))


@pytest.mark.parametrize(
    ("challenger", "champion", "promoted"),
    [(0.70, 0.65, True), (0.70, 0.70, True), (0.695, 0.70, True), (0.68, 0.70, False), (0.40, 0.70, False)],
)
def test_no_worse_by_more_than_the_slack_is_promoted(challenger: float, champion: float, promoted: bool):
    verdict = judge("2026-01-02", "2026-01-01", comparison(challenger, champion), slack=0.01)
    assert verdict.promoted is promoted
    assert f"accuracy {challenger:.3f} against {champion:.3f}" in verdict.reason


def test_the_first_one_is_promoted():
    assert judge("2026-01-02", None, None, slack=0.01).promoted


def test_older_data_never_replace_a_champion():
    verdict = judge("2026-01-01", "2026-01-02", comparison(0.9, 0.6), slack=0.01)
    assert not verdict.promoted
    assert "2026-01-01" in verdict.reason


def test_a_day_that_is_trained_again_may_replace_its_champion():
    assert judge("2026-01-01", "2026-01-01", comparison(0.7, 0.6), slack=0.01).promoted


def test_nothing_to_compare_on_leaves_the_champion():
    verdict = judge("2026-01-02", "2026-01-01", comparison(float("nan"), float("nan"), n=0), slack=0.01)
    assert not verdict.promoted
    assert "no held-out label" in verdict.reason
