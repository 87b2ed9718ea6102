from datetime import UTC, datetime

from dagster import build_schedule_context

from evalloop_assets.definitions import build_definitions
from evalloop_assets.settings import Settings


def test_the_daily_run_is_for_the_day_before():
    repository = build_definitions(Settings()).get_repository_def()
    schedule = repository.get_schedule_def("daily_schedule")
    moment = datetime(2026, 3, 5, 1, tzinfo=UTC)
    context = build_schedule_context(scheduled_execution_time=moment, repository_def=repository)
    (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-03-04"
