"""The retrain sensor on a real instance with a real check: one request for each decay."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckEvaluation, DagsterInstance, build_sensor_context

from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.registry import declared
from evalloop_assets.reward_model.checks import CHECKS, follows_retention
from evalloop_assets.reward_model.sensors import CHECK
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY, _table


class Watch:
    """A lake with a series of correlations, the check on it, and the sensor."""

    def __init__(self, stage: Stage, instance: DagsterInstance) -> None:
        self.stage, self.instance = stage, instance
        self.repository = build_definitions(stage.settings).get_repository_def()
        self.sensor = self.repository.get_sensor_def("retrain_sensor")
        self.cursor: str | None = None

    def day(self, day: date, correlation: float) -> None:
        """The day's correlation becomes known, and the check looks at it."""
        self.put(day, correlation)
        self.check(day)

    def put(self, day: date, correlation: float) -> None:
        schema = declared("reward_retention")
        table = _table(schema, [{"model_id": "all", "users": 400, "correlation": correlation}], day)
        self.stage.lake.replace(schema, Days.one(day), {}, lambda inputs: table)

    def check(self, day: date) -> None:
        found = follows_retention(self.stage.lake, Days.one(day))
        self.instance.report_runless_asset_event(
            AssetCheckEvaluation(
                asset_key=CHECK.asset_key,
                check_name=CHECK.name,
                passed=found.passed,
                metadata=found.metadata,
                severity=found.severity,
                description=found.description,
            )
        )

    def tick(self) -> Any:
        with build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository
        ) as context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return found


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with DagsterInstance.ephemeral() as instance:
        found = Watch(Stage.at(tmp_path), instance)
        for back in range(34, 6, -1):
            found.put(DAY - timedelta(days=back), 0.2)
        yield found


def requested(found: Any) -> list[str]:
    return [str(request.partition_key) for request in found.run_requests]


def test_nothing_is_requested_before_a_look_and_while_the_reward_goes_with_returns(watch: Watch):
    assert "not yet held against returns" in watch.tick().skip_message
    watch.day(DAY - timedelta(days=6), 0.2)
    assert "goes with returns" in watch.tick().skip_message


def test_one_training_for_each_decay(watch: Watch):
    asked = []
    for back in range(6, -1, -1):
        watch.day(DAY - timedelta(days=back), -0.3)
        asked += requested(watch.tick()) + requested(watch.tick())
    assert len(asked) == 1
    assert asked[0] < DAY.isoformat()
    for ahead in range(1, 8):
        watch.day(DAY + timedelta(days=ahead), 0.3)
        assert requested(watch.tick()) == []
    assert "goes with returns" in watch.tick().skip_message
    for ahead in range(8, 15):
        watch.day(DAY + timedelta(days=ahead), -0.3)
        asked += requested(watch.tick())
    assert len(asked) == 2


def test_a_look_at_days_gone_by_changes_nothing(watch: Watch):
    for back in range(6, -1, -1):
        watch.put(DAY - timedelta(days=back), -0.3)
    watch.put(DAY + timedelta(days=10), 0.2)
    watch.check(DAY)
    assert "days gone by" in watch.tick().skip_message


def test_the_check_that_is_read_is_there():
    assert CHECK in {key for check in CHECKS for key in check.check_keys}


def test_what_is_requested_trains_the_reward_model(watch: Watch):
    watch.day(DAY, -0.9)
    (request,) = watch.tick().run_requests
    job = build_definitions(watch.stage.settings).resolve_job_def("train")
    assert "reward_model_report" in {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert watch.sensor.job_name == "train"
    assert request.partition_key == DAY.isoformat()
    assert "a retraining is called for" in request.tags["evalloop/reasons"]
