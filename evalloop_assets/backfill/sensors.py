"""The relabel sensor: from a stale day to the run that recomputes it.

A late delivery should not wait for the night, so this is a sensor and no schedule. It reads the commits of the lake,
never its rows, and only where anything was committed, redefined or promoted since the tick before. Each range of stale
days is one run over the tables that are stale on any of its days; the run then leaves alone what turns out to be up to
date. Days that no table was ever computed for belong to the daily run. While a run over some of the days is in flight,
the tick waits for it, since what that run commits is part of the answer.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from evalloop_assets.backfill.plan import Span
from evalloop_assets.backfill.staleness import state_of, work
from evalloop_assets.days import Days
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.settings import Settings

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
IN_FLIGHT = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def relabel_sensor(job: Any) -> SensorDefinition:
    """Requests one run of `job` for each range of stale days."""

    @sensor(
        name="relabel_sensor",
        job=job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.STOPPED,
        description="Recomputes the days whose labels matured, whose rows came late, whose definition changed, or that "
        "another reward model scored, and only the tables concerned.",
    )
    def _relabel(
        context: SensorEvaluationContext, lake: LakeResource, settings: ResourceParam[Settings]
    ) -> SensorResult | SkipReason:
        store = lake.open()
        state = state_of(store, settings)
        if state == context.cursor:
            return SkipReason("nothing was committed, redefined or promoted since the last look")
        found = work(store, settings).overdue
        if not found:
            return SensorResult(skip_reason="no day is stale: every label that can have matured is known", cursor=state)
        busy = list(runs_in_flight(context.instance))
        free = [span for span in found if not any(_meet(span, days) for days in busy)]
        for span in found:
            context.log.info("%s to %s: %s", span.first, span.last, ", ".join(span.reasons))
        if len(free) < len(found):
            waits = SkipReason("a run over some of the stale days is in flight: its end is waited for")
            return SensorResult(run_requests=[request(span, state) for span in free]) if free else waits
        return SensorResult(run_requests=[request(span, state) for span in free], cursor=state)

    return _relabel


def request(span: Span, state: str) -> RunRequest:
    """The run for one range, asked for once for one state of the lake."""
    return RunRequest(
        run_key=f"{span.first} {span.last} {state}",
        asset_selection=[AssetKey(table) for table in span.tables],
        tags={
            FIRST: span.first.isoformat(),
            LAST: span.last.isoformat(),
            "evalloop/reasons": ", ".join(span.reasons),
        },
    )


def runs_in_flight(instance: DagsterInstance) -> Iterator[Days]:
    """The days of every run that may still commit."""
    for run in instance.get_runs(RunsFilter(statuses=IN_FLIGHT)):
        days = days_of_run(run)
        if days is not None:
            yield days


def days_of_run(run: DagsterRun) -> Days | None:
    """The days that a run is for; None where it is for none."""
    first = run.tags.get(FIRST) or run.tags.get("dagster/partition")
    last = run.tags.get(LAST) or first
    return Days(date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def _meet(span: Span, days: Days) -> bool:
    return span.first <= days.last and days.first <= span.last
