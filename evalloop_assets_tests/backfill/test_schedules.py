from datetime import UTC, datetime

from dagster import build_schedule_context

from evalloop_assets.definitions import build_definitions
from evalloop_assets.settings import Settings

REPOSITORY = build_definitions(Settings()).get_repository_def()


def test_the_daily_run_is_for_the_day_before():
    (request,) = tick("daily_schedule", datetime(2026, 3, 5, 1, tzinfo=UTC))
    assert request.partition_key == "2026-03-04"


def test_the_hourly_run_is_for_the_open_day_and_each_hour_is_a_run_of_its_own():
    late, early = (
        tick("hourly_schedule", datetime(2026, 3, day, hour, 15, tzinfo=UTC)) for day, hour in ((4, 23), (5, 0))
    )
    assert [one.partition_key for one in (*late, *early)] == ["2026-03-04", "2026-03-05"]
    assert late[0].run_key != early[0].run_key


def test_the_hourly_run_takes_in_ranks_and_guards_and_learns_nothing():
    tables = {key.to_user_string() for key in REPOSITORY.get_job("hourly").asset_layer.executable_asset_keys}
    assert {"battles", "traffic", "votes", "ratings", "rating_states", "eliminations", "published_matchups"} <= tables
    assert {"experiment_users", "experiment_results", "guardrail_readings"} <= tables
    assert not tables & {"rating_stability", "horizon_labels", "rewards", "decisions", "allocations"}


def tick(schedule, moment):
    context = build_schedule_context(scheduled_execution_time=moment, repository_def=REPOSITORY)
    return REPOSITORY.get_schedule_def(schedule).evaluate_tick(context).run_requests
