"""When runs are due: the loop for the day before."""

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
