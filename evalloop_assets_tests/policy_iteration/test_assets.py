import json
import shutil
from datetime import timedelta

import pytest
from dagster import ExecuteInProcessResult

import evalloop_assets.horizon_labels.assets  # noqa: F401 - declares its tables
from evalloop_assets.days import Days
from evalloop_assets.lake.assets import STEPS
from evalloop_assets.policy_iteration import assets, checks
from evalloop_assets.policy_iteration.candidates import Served
from evalloop_assets.policy_iteration.daily import filter_day
from evalloop_assets.policy_iteration.making import _draws, candidate_day
from evalloop_assets.policy_iteration.screening import screen_day
from evalloop_assets.policy_iteration.tables import POLICY_SCREEN
from evalloop_assets.reward_model import assets as reward_assets
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets.reward_model.registry import load_champion
from evalloop_assets.settings import PolicySettings
from evalloop_assets_tests.evaluation.bad_cases.world import write
from evalloop_assets_tests.reward_model.stage import Stage, metadata, verdicts
from evalloop_assets_tests.reward_model.world import DAY, fill, pair_rows, turn_rows

CANDIDATES = STEPS["policy_candidates"].reads
SCREEN = STEPS["policy_screen"].reads
PAIRS = STEPS["policy_pairs"].reads


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    found = Stage.at(tmp_path_factory.mktemp("stage"))
    fill(found.lake, pair_rows(1500), turn_rows(400))
    return found


@pytest.fixture(scope="module")
def result(stage: Stage) -> ExecuteInProcessResult:
    return stage.run(DAY, [*reward_assets.ASSETS, *assets.ASSETS, *checks.CHECKS])


def test_the_stage_runs_and_its_check_passes(result: ExecuteInProcessResult):
    assert result.success
    assert verdicts(result) == {"policy_screen_complete": True}


def test_only_pairs_with_one_prefix_are_decided_and_all_of_them(stage: Stage, result: ExecuteInProcessResult):
    rows = stage.rows("policy_pairs")
    assert {row["pair_id"] for row in rows} == {row["pair_id"] for row in pair_rows(1500) if row["same_prefix"]}
    assert all(row["kept"] == (row["reason"] == "kept") for row in rows)
    kept = [row for row in rows if row["kept"]]
    assert min(row["margin"] for row in kept) >= stage.settings.policy.min_margin
    counts = metadata(result, "policy_pairs")["pairs_by_reason"]
    assert sum(counts.values()) == len(rows)
    assert counts["kept"] == len(kept) > 100
    assert counts["contradictory"] > 0


def test_a_promoted_reward_model_makes_one_candidate(stage: Stage, result: ExecuteInProcessResult):
    version = load_champion(stage.settings).version
    (row,) = stage.rows("policy_candidates")
    assert row == {
        "day": DAY,
        "model_id": f"incumbent-best-of-4-{version}",
        "kind": "best_of_n",
        "base_model_id": "incumbent",
        "n": 4,
        "reward_version": version,
        "generation": 1,
        "parent": "incumbent",
        "created_on": DAY,
        "settings": '{"best_of": 4}',
        "seed": None,
        "data_versions": row["data_versions"],
        "step": None,
    }
    versions = json.loads(row["data_versions"])
    assert {"turns", "policy_pairs", "reward_model_report"} <= set(versions)
    assert versions["turns"] == stage.inputs(DAY, turns=(0, 0)).versions["turns"]


def test_the_candidate_passes_the_screen_with_its_figures(stage: Stage, result: ExecuteInProcessResult):
    (row,) = stage.rows("policy_screen")
    assert row["passed"]
    assert 0 < row["low"] < row["reward_gain"] < row["high"]
    assert 0.8 < row["length_ratio"] < 1.25
    turns = turn_rows(400)
    held = [turn for turn, out in zip(turns, is_held_out([turn["user_id"] for turn in turns]), strict=True) if out]
    assert row["prompts"] == len(held), "replies to users that the reward model was trained on prove nothing"
    assert row["users"] == len({turn["user_id"] for turn in held}) < 50
    assert row["model_id"] in metadata(result, "policy_screen")["verdicts"]


def test_the_check_names_a_candidate_without_a_verdict(stage: Stage, result: ExecuteInProcessResult, tmp_path):
    assert checks.every_candidate_judged(stage.lake, Days.one(DAY)).passed
    shutil.copytree(stage.settings.home, tmp_path / "home")
    copy = Stage.at(tmp_path / "home")
    (row,) = copy.rows("policy_screen")
    copy.lake.replace(POLICY_SCREEN, Days.one(DAY), {}, lambda inputs: copy.lake.read("policy_screen").slice(0, 0))
    found = checks.every_candidate_judged(copy.lake, Days.one(DAY))
    assert not found.passed
    assert found.metadata["candidates"].value == [row["model_id"]]


def test_computing_the_day_again_changes_nothing(stage: Stage, result: ExecuteInProcessResult):
    again = stage.run(DAY, assets.ASSETS)
    tables = ("policy_pairs", "policy_candidates", "policy_screen")
    assert [metadata(again, name)["days_changed"] for name in tables] == [0, 0, 0]


def test_without_a_promotion_there_is_no_candidate(stage: Stage, result: ExecuteInProcessResult):
    later = DAY + timedelta(days=1)
    fill(stage.lake, [], turn_rows(20, later, seed=3), later)
    step = candidate_day(stage.inputs(later, **CANDIDATES), later, stage.settings)
    assert step.rows.num_rows == 0
    assert "no reward model was promoted" in step.metadata["none"]
    assert screen_day(stage.inputs(later, **SCREEN), stage.settings).rows.num_rows == 0


def test_the_treatment_is_not_taken_for_the_incumbent_and_a_candidate_that_serves_hands_on_its_base(
    stage: Stage, result: ExecuteInProcessResult
):
    (first,) = stage.rows("policy_candidates")
    later = DAY + timedelta(days=2)
    turns = [row | {"arm": "treatment"} for row in turn_rows(60, later, seed=4, model_id="other")]
    turns += turn_rows(30, later, seed=5, model_id=first["model_id"])
    fill(stage.lake, pair_rows(1500, seed=6), turns, later)
    stage.run(later, [*reward_assets.ASSETS, *assets.ASSETS])
    (second,) = [row for row in stage.rows("policy_candidates") if row["day"] == later]
    assert (second["base_model_id"], second["parent"], second["generation"]) == ("incumbent", first["model_id"], 2)


@pytest.mark.parametrize(
    ("kind", "generation", "growth", "draws"),
    [(None, 0, 2, 4), ("lora", 1, 2, 4), ("best_of_n", 1, 1, 4), ("best_of_n", 1, 2, 8), ("best_of_n", 5, 2, 16)],
)
def test_draws_grow_only_where_the_settings_say_so(kind, generation, growth, draws):
    served = Served("incumbent", kind, "base", generation)
    assert _draws(served, PolicySettings(best_of_growth=growth)) == draws


def test_without_a_champion_no_pair_is_kept(tmp_path):
    stage = Stage.at(tmp_path)
    fill(stage.lake, pair_rows(60), turn_rows(20))
    rows = filter_day(stage.inputs(DAY, **PAIRS), stage.settings).rows.to_pylist()
    assert {row["reason"] for row in rows} <= {"unscored", "contradictory", "undecided"}
    assert not any(row["kept"] for row in rows)
    assert {row["reward_version"] for row in rows} == {None}


def test_what_evaluates_trains_no_policy(tmp_path):
    stage = Stage.at(tmp_path)
    rows = [row | {"event_id_a": f"a {row['pair_id']}", "event_id_b": f"b {row['pair_id']}"} for row in pair_rows(60)]
    fill(stage.lake, rows, turn_rows(20))
    one, other, third = [row for row in rows if row["same_prefix"]][:3]
    cases = [
        {"event_id": one["event_id_a"], "side": "evaluation"},
        {"event_id": other["event_id_b"], "side": "withheld"},
        {"event_id": third["event_id_a"], "side": "training"},
    ]
    write(stage, "bad_cases", cases[:1], DAY - timedelta(days=1))  # the session began before midnight
    write(stage, "bad_cases", cases[1:], DAY)
    kept = filter_day(stage.inputs(DAY, **PAIRS), stage.settings).rows.to_pylist()
    left_out = {row["pair_id"] for row in rows if row["same_prefix"]} - {row["pair_id"] for row in kept}
    assert left_out == {one["pair_id"], other["pair_id"]}


def test_no_pairs_at_all(tmp_path):
    stage = Stage.at(tmp_path)
    fill(stage.lake, [], turn_rows(20))
    assert filter_day(stage.inputs(DAY, **PAIRS), stage.settings).rows.num_rows == 0
