"""The true gain of a candidate: a small run through the whole loop, shared by all tests, and every measure on it."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

import evalloop_assets.policy_iteration.assets  # noqa: F401
from evalloop_assets.cli.instance import execute, require_success
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.online_ab.influence import Effect
from evalloop_assets.settings import ABSettings, EngineSettings, Settings
from evalloop_assets.simulator.conditions import Scale
from evalloop_assets.simulator.lexicon import HOLLOW, Kind
from evalloop_assets.simulator.packs import HELD_OUT
from evalloop_assets.simulator.scenarios import find_scenario
from evalloop_assets.simulator.scoreboard import ab, policy, ratings, reward, verdicts
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.serve import FIRST_DAY, serve
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values

pytestmark = pytest.mark.long

UTILITY, COMING, READ = (
    "gain in true utility per reply",
    "gain in the true probability of coming, points",
    "change of seconds read per conversation, %",
)


INCUMBENT = {"base_model_id": "incumbent", "n": 4, "reward_version": "", "model_id": "best"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four days of a product with 250 users and six candidates."""
    from dagster import DagsterInstance

    found = find_scenario("healthy")
    conditions = replace(found.conditions, scale=Scale(base_users=250, new_users=12, battles=150))
    scenario = replace(found, days=4, conditions=conditions)
    settings = Settings(
        home=tmp_path_factory.mktemp("healthy"), ab=ABSettings(planned_users=300), engine=EngineSettings(threads=1)
    )
    serve(scenario, settings, 1, lexicon=HELD_OUT)
    days = Days(FIRST_DAY, FIRST_DAY + timedelta(days=scenario.days - 1))
    with DagsterInstance.ephemeral() as instance:
        require_success(execute(build_definitions(settings), "daily", instance, days), "daily")
    return Run(scenario, 1, settings, open_lake(settings))


@pytest.fixture(scope="module")
def gains(run):
    return policy.measured_policy(run)


def test_the_candidate_truly_gains_and_the_longest_reply_does_not(gains):
    loop, longest = values(gains), values(gains, policy.LENGTH)
    assert loop[UTILITY] > 0.2
    assert loop[COMING] > 3
    assert longest[UTILITY] < loop[UTILITY] - 0.2
    assert set(loop) == {UTILITY, COMING, READ}


def test_the_naive_reward_is_measured_beside_it(gains):
    assert math.isfinite(values(gains, policy.SINGLE_TURN)[UTILITY])


def advances(messages, replies):
    """What the oracle knows of a reply by itself: whether the story advances, less the share of hollow sentences."""
    ids = HELD_OUT.read_batch(replies)
    kind = np.where(ids >= 0, HELD_OUT.kind[ids], -1)
    return (kind == Kind.ADVANCE).any(axis=1) - np.isin(kind, HOLLOW).sum(axis=1) / (ids >= 0).sum(axis=1).clip(1)


def test_a_choice_by_the_truth_gains_and_its_opposite_loses(run):
    best, worst = (
        values(policy._gains(run, INCUMBENT, name, score), name)
        for name, score in (("truth", advances), ("opposite", lambda messages, replies: -advances(messages, replies)))
    )
    assert best[UTILITY] > 0.2
    assert best[COMING] > 3
    assert worst[UTILITY] < -0.2
    assert worst[COMING] < -3


def test_two_products_of_the_same_policy_do_not_differ(run):
    found = policy._gains(run, INCUMBENT | {"n": 1}, "one of one", lambda messages, replies: np.zeros(len(replies)))
    assert values(found, "one of one") == {UTILITY: 0, COMING: 0, READ: 0}


def test_the_naive_policies_need_no_candidate_that_passed():
    found = policy.measured_policy(_told("healthy"))
    assert {one.method for one in found} == {LOOP, policy.SINGLE_TURN, policy.LENGTH}
    assert all(math.isnan(one.value) for one in found)


def test_a_candidate_that_was_refused_or_came_before_another_is_not_the_one():
    run = _told(
        "healthy",
        policy_candidates=[_candidate("old", 0), _candidate("new", 1), _candidate("refused", 2)],
        policy_screen=[_screened("old", True, 0), _screened("new", True, 1), _screened("refused", False, 2)],
    )
    assert [row["model_id"] for row in run.query(policy.CANDIDATE).to_pylist()] == ["new"]


def test_other_scenarios_are_left_out():
    assert policy.measured_policy(_told("padding")) == []


def test_figures_are_utility_points_and_percent():
    found = values(policy.figures("x", _effect(0.5), _effect(0.02), _effect(30.0, 0.25)), "x")
    assert found == {UTILITY: 0.5, COMING: 2.0, READ: 25.0}


def test_the_users_want_what_they_want_on_the_last_day():
    drift = find_scenario("drift")
    assert policy.today(drift).drift == replace(drift.conditions.drift, on_day=0)
    later = replace(drift, days=drift.conditions.drift.on_day)
    assert policy.today(later).drift is None
    assert policy.today(find_scenario("dirty")).dirt == find_scenario("healthy").conditions.dirt


# --- every measure on the small run -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "known"),
    [
        (reward.measured_reward, 3 + 2),
        (ratings.measured_ratings, 2),
        (ab.measured_ab, 2 * 3),
        (verdicts.measured_verdicts, 2),
    ],
)
def test_a_run_of_the_pipeline_is_measured(run, measured, known):
    found = measured(run)
    assert len({(one.figure, one.method) for one in found}) == len(found)
    assert len({one.stage for one in found}) == 1
    assert sum(math.isfinite(one.value) for one in found if one.method == LOOP) >= known


def test_the_champion_beats_dwell_on_what_is_truly_preferred(run):
    figure = "accuracy on true preferences, delayed_session"
    found = reward.measured_reward(run)
    assert values(found)[figure] > max(0.6, values(found, reward.DWELL)[figure])


def _told(scenario, **rows):
    run = TinyRun(**rows)
    run.scenario = find_scenario(scenario)
    return run


def _candidate(name, number):
    day = FIRST_DAY + timedelta(days=number)
    whole = {"kind": "best_of_n", "base_model_id": "incumbent", "n": 4, "reward_version": name}
    return {"day": day, "model_id": name} | whole


def _screened(name, passed, number):
    return {"day": FIRST_DAY + timedelta(days=number), "model_id": name, "passed": passed}


def _effect(value, relative=None):
    return Effect(1.0, 1.0 + value, value, 0.0, relative, 0.0, 9, 9)
