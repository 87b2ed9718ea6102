"""The rejudge sensor: a day on which serving was changed is judged anew when rows of its log came late.

Verdicts and decisions stand as they were given, whatever matures later. Only where the ledger rests on a day, what was
done still stands, and rows of complete days have come since, is that one day judged anew, after the tables that it is
judged by: the relabel sensor, or `evalloop run`, recomputes them. The run judges and no more. What it finds is told by
the alert sensor; nothing is carried out. Like the relabel sensor it reads commits, never rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from evalloop_assets.backfill.late_rows import Late, Traced, late_rows
from evalloop_assets.backfill.sensors import runs_in_flight
from evalloop_assets.backfill.staleness import state_of, work
from evalloop_assets.lake.assets import STEPS, definition_of, recomputed
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.online_ab.reopening import standing
from evalloop_assets.serving.ledger import Entry, Ledger
from evalloop_assets.settings import Settings

JUDGED = ("experiment_results", "guardrail_readings", "decisions")
"""What judges a day."""


def rejudge_sensor(job: Any) -> SensorDefinition:
    """Requests one run of `job` for each day on which something was done that late rows may not bear out."""

    @sensor(
        name="rejudge_sensor",
        job=job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Judges anew the days on which serving was changed and whose rows came late; carries out nothing.",
    )
    def _rejudge(
        context: SensorEvaluationContext, lake: LakeResource, settings: ResourceParam[Settings]
    ) -> SensorResult | SkipReason:
        store, entries = lake.open(), _entries(settings)
        state = f"{state_of(store, settings)} {len(entries)}"
        if state == context.cursor:
            return SkipReason("nothing was committed, redefined or done since the last look")
        found = days_to_judge(store, settings, entries)
        if not found:
            return SensorResult(skip_reason="no rows came late to a day that serving rests on", cursor=state)
        for day, late in found.items():
            context.log.info("%s: %s", day, said(late))
        waiting = stale_inputs(store, settings)
        if waiting:
            why = f"{', '.join(map(str, found))} can be judged anew when {', '.join(waiting)} are recomputed"
            return SensorResult(skip_reason=why, cursor=state)
        busy = list(runs_in_flight(context.instance))
        free = [day for day in found if not any(days.first <= day <= days.last for days in busy)]
        if not free:
            return SkipReason("a run over the day is in flight: its end is waited for")
        requests = [request(day, found[day], state) for day in free]
        return SensorResult(run_requests=requests, cursor=state if len(free) == len(found) else context.cursor)

    return _rejudge


def days_to_judge(lake: Lake, settings: Settings, entries: Sequence[Entry]) -> dict[date, set[Late]]:
    """The days on which something was done that still stands, and the rows that came late to what judged them."""
    days = sorted({reading.day for reading in standing(entries)})
    if not days:
        return {}
    clock, computed = lake.clock(), {table: lake.computed(table) for table in JUDGED}
    tables = feeding() | set(JUDGED)  # a run that was killed may have judged with some of them
    changes = {table: lake.changes(table) for table in {*tables, *LOG_TABLES}}
    traced = Traced({table: definition_of(table, settings, clock) for table in tables}, changes, LOG_TABLES)
    judging = [definition_of(table, settings, clock) for table in JUDGED]
    found: dict[date, set[Late]] = {}
    for day in days:
        late = [
            late_rows(definition, day, computed[definition.table][day], traced)
            for definition in judging
            if day in computed[definition.table]
        ]
        found[day] = set().union(*late)
    return {day: late for day, late in found.items() if late}


def stale_inputs(lake: Lake, settings: Settings) -> list[str]:
    """Tables that a day is judged by and that are to be computed anew first."""
    due = work(lake, settings)
    days_before = [item for item in due.stale if due.new is None or item.day < due.new.first]
    return sorted({item.table for item in days_before} & feeding())


def feeding() -> set[str]:
    """The tables that are kept up to date and that a day is judged by, near and far."""
    kept, found, waiting = set(recomputed()), set[str](), list(JUDGED)
    while waiting:
        new = (set(STEPS[waiting.pop()].reads) & kept) - found
        found |= new
        waiting += new
    return found


def request(day: date, late: set[Late], state: str) -> RunRequest:
    """The run for one day, asked for once for one state of the lake and the ledger."""
    return RunRequest(
        run_key=f"{day} {state}", partition_key=day.isoformat(), tags={"evalloop/reasons": f"late rows: {said(late)}"}
    )


def said(late: set[Late]) -> str:
    """Which rows, table by table."""
    days: dict[str, list[date]] = {}
    for one in late:
        days.setdefault(one.table, []).append(one.day)
    return ", ".join(f"{table} of {_span(of)}" for table, of in sorted(days.items()))


def _span(days: Sequence[date]) -> str:
    first, last = min(days), max(days)
    return str(first) if first == last else f"{first} to {last}"


def _entries(settings: Settings) -> list[Entry]:
    ledger = Ledger(settings.ledger_url)
    try:
        return ledger.history()
    finally:
        ledger.close()
