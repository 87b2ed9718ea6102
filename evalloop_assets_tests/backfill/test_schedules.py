"""Schedules evaluated for real, and the runs that they ask for carried out."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterInstance, build_schedule_context

from evalloop_assets.backfill.staleness import stale_spans
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.resource import lake_resource, open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.homes import DAYS, FIRST_DAY, serve


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    serve(tmp_path)
    return Settings(home=tmp_path)


def test_the_daily_run_is_for_the_day_before():
    repository = build_definitions(Settings()).get_repository_def()
    schedule = repository.get_schedule_def("daily_schedule")
    moment = datetime(2026, 3, 5, 1, tzinfo=UTC)
    context = build_schedule_context(scheduled_execution_time=moment, repository_def=repository)
    (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-03-04"


def test_relabelling_is_asked_for_until_nothing_is_stale(settings: Settings):
    definitions = build_definitions(settings)
    schedule = definitions.get_repository_def().get_schedule_def("relabel_schedule")
    with DagsterInstance.ephemeral() as instance:

        def tick():
            with build_schedule_context(
                instance=instance,
                scheduled_execution_time=datetime(2026, 3, 8, 3, tzinfo=UTC),
                resources={"lake": lake_resource(settings), "settings": settings},
            ) as context:
                return schedule.evaluate_tick(context)

        empty = tick()
        assert not empty.run_requests
        assert "no day is stale" in empty.skip_message
        day = FIRST_DAY.isoformat()
        assert definitions.resolve_job_def("ingest").execute_in_process(instance=instance, partition_key=day).success
        (request,) = tick().run_requests
        assert request.tags["dagster/asset_partition_range_start"] == day
        assert "never computed" in request.tags["evalloop/reasons"]
        job = definitions.resolve_job_def("relabel")
        assert job.execute_in_process(instance=instance, tags=request.tags).success
        assert not tick().run_requests
    lake = open_lake(settings)
    last = FIRST_DAY.replace(day=FIRST_DAY.day + DAYS - 1)
    assert stale_spans(lake, settings, FIRST_DAY, last) == []
    censored = lake.reader.fetch(
        "SELECT count(*) FILTER (WHERE returned_next_day IS NOT NULL) AS known, "
        "count(*) FILTER (WHERE returned_next_day IS NULL) AS open FROM returns",
        {"returns": lake.view("returns")},
        {},
    ).to_pylist()[0]
    assert censored["known"] > 0
    assert censored["open"] > 0
