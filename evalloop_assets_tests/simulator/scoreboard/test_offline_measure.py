"""Offline scores against the true online order, by hand."""

import math
from datetime import timedelta

import pytest

import evalloop_assets.evaluation.offline.assets  # noqa: F401
from evalloop_assets.online_ab.influence import Effect
from evalloop_assets.simulator.scenarios import find_scenario
from evalloop_assets.simulator.scoreboard import offline
from evalloop_assets.simulator.scoreboard.ab import Truth
from evalloop_assets_tests.simulator.scoreboard.tiny import DAY, TinyRun, values

ONLINE = ("dazzling", "charming", "warm", "steady", "plotting", "faithful")
"""The candidates from the worst online to the best."""


class Healthy(TinyRun):
    scenario = find_scenario("healthy")


@pytest.fixture(autouse=True)
def returning(monkeypatch):
    gains = {f"try-{name}": Effect(0.4, 0.4, 0.01 * place, 0, None, None, 9, 9) for place, name in enumerate(ONLINE)}
    truths = {name: Truth(gain, gain, None, None) for name, gain in gains.items()}
    monkeypatch.setattr(offline, "true_effects", lambda run: truths)


def scored(benchmark, order, steepness=1.0):
    return [
        {"model_id": name, "benchmark": benchmark, "item_id": "1", "score": steepness * place}
        for place, name in enumerate(order)
    ]


def said(name, status, low, day=0):
    return {"day": DAY + timedelta(days=day), "kind": "benchmark", "name": name, "status": status, "low": low}


def test_the_score_believed_most_decides_and_the_mean_is_misled():
    run = Healthy(
        benchmark_scores=[*scored("good", ONLINE), *scored("bad", ONLINE[::-1], 2.0)],
        predictors=[said("good", "trusted", 0.3), said("bad", "demoted", -0.9), said("bad", "trusted", 0.9, day=-1)],
    )
    measured = offline.measured_offline(run)
    found, naive = values(measured), values(measured, offline.MEAN)
    assert found[offline.ORDER] == pytest.approx(1)
    assert naive[offline.ORDER] == pytest.approx(-1)
    assert found[offline.WRONG] == 0


def test_the_opposite_of_the_truth_is_wrong_and_watching_never_is():
    assert offline.is_wrong("demoted", 0.5)
    assert offline.is_wrong("trusted", 0.1)
    assert not offline.is_wrong("demoted", 0.4)
    assert not offline.is_wrong("trusted", 0.2)
    assert not offline.is_wrong("watch", -1.0)
    run = Healthy(
        benchmark_scores=[*scored("good", ONLINE), *scored("bad", ONLINE[::-1])],
        predictors=[said("good", "demoted", -0.9), said("bad", "watch", -0.5)],
    )
    assert values(offline.measured_offline(run))[offline.WRONG] == 0.5


def test_without_scores_nothing_is_measured():
    assert all(math.isnan(value) for value in values(offline.measured_offline(Healthy())).values())
