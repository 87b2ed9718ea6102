"""Another champion scores the newest days anew, in one run, and nothing is trained or decided for it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance

from evalloop_assets.backfill.staleness import work
from evalloop_assets.cli.instance import execute
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.assets import STEPS, version_of
from evalloop_assets.lake.freshness import MODEL
from evalloop_assets.reward_model.assets import champion_in_use
from evalloop_assets.reward_model.daily import train_day
from evalloop_assets.reward_model.registry import champion_version, find_champion
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY, fill, pair_rows, turn_rows

TRAINING = STEPS["reward_model_report"].reads
LAST = DAY + timedelta(days=2)
DAYS = Days(DAY, LAST)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Three days of replies, complete, and two models: the second one is trained a day later on other pairs."""
    found = Stage.at(tmp_path_factory.mktemp("stage"), reward={"promotion_slack": 1.0, "rescore_days": 2})
    for number, day in enumerate(DAYS):
        fill(found.lake, pair_rows(400, seed=number), turn_rows(20, day, seed=number), day)
    landing = found.settings.landing
    landing.mkdir(parents=True)
    (landing / "complete.json").write_text(json.dumps({"through": LAST.isoformat()}))
    return found


def rewards_due(stage: Stage) -> list[tuple[int, tuple[str, ...]]]:
    found = work(stage.lake, stage.settings, tables=["rewards"]).stale
    return [((item.day - DAY).days, item.reasons) for item in found]


def test_another_champion_scores_the_newest_days_anew_in_one_run(stage: Stage):
    assert champion_version(stage.settings) is None
    train_day(stage.inputs(DAY, **TRAINING), DAY, stage.settings)
    first = champion_version(stage.settings)
    assert first == find_champion(stage.settings).version
    definitions = build_definitions(stage.settings)
    with DagsterInstance.ephemeral() as instance:
        assert execute(definitions, "ingest", instance, Days.one(LAST)).ok
        assert execute(definitions, "relabel", instance, DAYS, tables=["reply_quality", "rewards"]).ok
        assert not rewards_due(stage)
        train_day(stage.inputs(LAST, **TRAINING), LAST, stage.settings)
        second = champion_version(stage.settings)
        assert second not in (None, first)
        assert second == champion_in_use(stage.settings) == version_of("rewards", stage.settings).partition("/")[2]
        assert rewards_due(stage) == [(1, (MODEL,)), (2, (MODEL,))]
        assert not work(stage.lake, stage.settings, tables=["reply_quality"]).stale
        reports = stage.lake.version("reward_model_report")
        ran = execute(definitions, "relabel", instance, DAYS, tables=["rewards"])
        assert ran.ok
        events = instance.all_logs(ran.run_id)
        assert {event.step_key.partition("_")[0] for event in events if event.step_key} == {"rewards"}
        told = [
            event.dagster_event.step_materialization_data.materialization.metadata
            for event in events
            if event.dagster_event_type and event.dagster_event_type.value == "ASSET_MATERIALIZATION"
        ]
        (difference,) = [metadata["difference"].value for metadata in told if "difference" in metadata]
        assert "reward_version: 36 other" in difference.splitlines()[-1]
    rows = stage.rows("rewards")
    assert {(row["day"], row["reward_version"]) for row in rows} == {
        (DAY, first), (DAY + timedelta(days=1), second), (LAST, second)
    }  # fmt: skip
    assert not rewards_due(stage)
    assert stage.lake.version("reward_model_report") == reports
    before = stage.lake.version("rewards")
    with DagsterInstance.ephemeral() as instance:
        assert execute(definitions, "relabel", instance, DAYS, tables=["rewards"]).ok
    assert stage.lake.version("rewards") == before


def test_without_rescoring_former_rewards_stand(stage: Stage):
    settings = stage.settings.model_copy(
        update={"reward": stage.settings.reward.model_copy(update={"rescore_days": 0})}
    )
    assert not work(stage.lake, settings, tables=["rewards"]).stale


def test_the_folder_of_a_home_without_a_registry_is_not_made(tmp_path: Path):
    stage = Stage.at(tmp_path)
    assert champion_version(stage.settings) is None
    assert not (tmp_path / "mlflow").exists()
