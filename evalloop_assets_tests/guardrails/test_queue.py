"""A rollback in the queue of Dagster's daemon, under the project's own `dagster.yaml`, and when it fails at first."""

import shutil
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from evalloop_assets.definitions import build_definitions
from evalloop_assets.settings import Settings

ROOT = Path(__file__).parents[2]
JOBS = build_definitions(Settings()).get_repository_def()


@pytest.fixture
def instance(tmp_path):
    shutil.copyfile(ROOT / "dagster.yaml", tmp_path / "dagster.yaml")
    with DagsterInstance.from_config(str(tmp_path)) as one:
        yield one


def put(instance, job, status):
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("loop"), "loop"), job)
    tags = JOBS.get_job(job).tags
    return create_run_for_test(instance, job_name=job, status=status, tags=tags, remote_job_origin=origin)


def next_ones(instance):
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    return [run.job_name for run in daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)]


def test_a_rollback_goes_first_and_long_runs_leave_it_a_place(instance):
    for job in ("daily", "train", "hourly"):
        put(instance, job, DagsterRunStatus.STARTED)
    for job in ("relabel", "decide", "vacuum", "rollback"):
        put(instance, job, DagsterRunStatus.QUEUED)
    assert next_ones(instance) == ["rollback", "relabel", "vacuum"]


def test_every_place_that_long_runs_may_have_is_taken_and_a_rollback_starts(instance):
    for job in ("daily", "train", "hourly", "relabel"):
        put(instance, job, DagsterRunStatus.STARTED)
    for job in ("decide", "ingest", "rollback", "undo"):
        put(instance, job, DagsterRunStatus.QUEUED)
    assert next_ones(instance) == ["rollback", "undo"]


def test_a_rollback_is_tried_again_for_a_minute():
    (node,) = JOBS.get_job("rollback").nodes
    retries = node.definition.retry_policy
    assert sum(retries.calculate_delay(attempt) for attempt in range(1, retries.max_retries + 1)) >= 60
