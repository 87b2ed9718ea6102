"""When runs are due: the loop for the day before, and days gone by that have become stale."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from dagster import (
    DefaultScheduleStatus,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from evalloop_assets.backfill.staleness import log_days, stale_spans
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.settings import Settings


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


def relabel_schedule(job: Any) -> ScheduleDefinition:
    """One run of `job` for each range of stale days, every day after the daily run."""

    @schedule(
        name="relabel_schedule",
        cron_schedule="0 3 * * *",
        job=job,
        default_status=DefaultScheduleStatus.STOPPED,
        description="Recomputes the days whose labels matured, whose rows came late or whose definition changed.",
    )
    def _relabel(
        context: ScheduleEvaluationContext, lake: LakeResource, settings: ResourceParam[Settings]
    ) -> Iterator[RunRequest | SkipReason]:
        store = lake.open()
        known = log_days(store)
        spans = stale_spans(store, settings, max(known[0], settings.first_day), known[1]) if known else []
        if not spans:
            yield SkipReason("no day is stale: every label that can have matured is computed")
        for span in spans:
            context.log.info("%s to %s: %s", span.first, span.last, ", ".join(span.reasons))
            yield RunRequest(
                tags={
                    "dagster/asset_partition_range_start": span.first.isoformat(),
                    "dagster/asset_partition_range_end": span.last.isoformat(),
                    "evalloop/reasons": ", ".join(span.reasons),
                }
            )

    return _relabel
