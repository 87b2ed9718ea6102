"""When runs are due: the loop for the day before, ranking and red flags for the day that is still open."""

from datetime import timedelta
from typing import Any

from dagster import DefaultScheduleStatus, RunRequest, ScheduleDefinition, ScheduleEvaluationContext, schedule


def daily_schedule(job: Any) -> ScheduleDefinition:
    """One run of `job` a day, for the day before."""

    @schedule(
        name="daily_schedule",
        cron_schedule="0 1 * * *",
        job=job,
        default_status=DefaultScheduleStatus.STOPPED,
        description="The whole loop for the day before, an hour after it ended (UTC).",
    )
    def _daily(context: ScheduleEvaluationContext) -> RunRequest:
        day = context.scheduled_execution_time.date() - timedelta(days=1)
        return RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return _daily


def hourly_schedule(job: Any) -> ScheduleDefinition:
    """One run of `job` an hour, for the open day."""

    @schedule(
        name="hourly_schedule",
        cron_schedule="15 * * * *",
        job=job,
        default_status=DefaultScheduleStatus.STOPPED,
        description="Ratings, eliminations, matchups, red flags of the open day (UTC): a bad model is out in hours.",
    )
    def _hourly(context: ScheduleEvaluationContext) -> RunRequest:
        hour = context.scheduled_execution_time
        return RunRequest(run_key=hour.isoformat(), partition_key=hour.date().isoformat())

    return _hourly
