"""The sensors: from a verdict to a rollback run, and from what goes wrong to somebody who is told.

They read Dagster's record and the ledger's database, never the data files, so that a tick takes milliseconds and never
waits for the lake. `guardrail_sensor` does nothing but request rollbacks, whether anybody can be told or not. Each
ROLLBACK becomes one run of the job `rollback`, but for that of a past day judged anew: the newest day has those rows,
or will, and people are told. The run key holds the materialisation's storage id, since run keys
deduplicate for ever, and the run itself repeats harmlessly, since the ledger knows the reading. `alert_sensor` follows
the same readings with a cursor of its own, and is the only one that sends; the other two open incidents, which it
tells.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from dagster import (
    AssetRecordsFilter,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    run_failure_sensor,
    sensor,
)

from evalloop_assets.guardrails.alert_picture import effects_png
from evalloop_assets.guardrails.alerts import tell
from evalloop_assets.guardrails.channels import alert_channels
from evalloop_assets.guardrails.incidents import Incident, Incidents
from evalloop_assets.guardrails.records import (
    AT_ONCE,
    READINGS,
    decided_after,
    findings_of,
    readings_of,
    seen_after,
    seen_in,
)
from evalloop_assets.guardrails.reopened import close_settled, reopen
from evalloop_assets.guardrails.rollback import rollback, rollback_config
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.guardrails.watch import DEAD_MAN, RUN_FAILURE, advanced, is_past, observe, settle, unwatched
from evalloop_assets.serving.flagd import publish_if_stale
from evalloop_assets.serving.ledger import utc_now
from evalloop_assets.serving.outbox import Attempt, Message, deliver
from evalloop_assets.serving.routers import offer_allocation, router_channels
from evalloop_assets.settings import Settings

FIGURES = (
    "verdict",
    "cause",
    "duration_effect",
    "duration_low",
    "duration_high",
    "retention_effect",
    "retention_low",
    "retention_high",
    "late_retention_effect",
    "late_retention_low",
    "late_retention_high",
    "matured_users",
    "srm_p",
    "daily_users",
    "day",
)

NEWS = timedelta(days=1)
"""A first tick of the alert sensor does not look further back."""


class Cursor(NamedTuple):
    """How far the sensor has read."""

    storage_id: int | None
    said: str
    """What the last look saw and decided."""


@sensor(
    job=rollback,
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="Requests a rollback for every reading whose verdict is ROLLBACK, and says what it saw.",
)
def guardrail_sensor(context: SensorEvaluationContext) -> SensorResult:
    cursor = read_cursor(context.cursor)
    records = context.instance.fetch_materializations(
        AssetRecordsFilter(READINGS, after_storage_id=cursor.storage_id), limit=AT_ONCE, ascending=True
    ).records
    if not records:
        since = f" The last look: {cursor.said}" if cursor.said else ""
        return SensorResult(skip_reason=SkipReason(f"No new guardrail reading.{since}"), cursor=context.cursor)
    requests, words = [], []
    for record in records:
        readings = seen_in(record, context.instance).readings
        if readings is None:
            continue
        requests += [request(record.storage_id, reading) for reading in readings if is_wanted(reading)]
        words += [sentence(reading) for reading in readings] or ["No experiment is in flight."]
    said = " ".join(dict.fromkeys(words)) or cursor.said
    context.log.info(said)
    after = json.dumps(Cursor(records[-1].storage_id, said)._asdict(), ensure_ascii=False)
    if requests:
        return SensorResult(run_requests=requests, cursor=after)
    return SensorResult(skip_reason=SkipReason(f"{said} Nothing to roll back."), cursor=after)


def read_cursor(text: str | None) -> Cursor:
    return Cursor(**json.loads(text)) if text else Cursor(None, "")


def request(storage_id: int, reading: Mapping[str, Any]) -> RunRequest:
    """The rollback run that a reading asks for."""
    name = reading["experiment_id"]
    figures = {figure: reading[figure] for figure in FIGURES if reading.get(figure) is not None}
    return RunRequest(
        run_key=f"{storage_id}-{name}",
        run_config=rollback_config(
            experiment_id=name,
            reading_id=reading["reading_id"],
            reason=reading["reason"],
            at=reading["as_of"],
            evidence=figures | json.loads(reading.get("evidence") or "{}"),
        ),
        tags={"evalloop/experiment": name, "evalloop/reading": reading["reading_id"]},
    )


def is_wanted(reading: Mapping[str, Any]) -> bool:
    """Whether a rollback follows from it."""
    return reading["verdict"] == "ROLLBACK" and not is_past(reading)


def sentence(reading: Mapping[str, Any]) -> str:
    """One reading and what follows from it, in plain words."""
    cause = f" ({reading['cause']})" if reading["cause"] else ""
    done = (
        " Rollback requested." if is_wanted(reading) else " Judged anew: changes nothing." if is_past(reading) else ""
    )
    return f"{reading['experiment_id']} on {reading['day']}: {reading['verdict']}{cause}. {reading['reason']}{done}"


@sensor(
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="Opens and resolves incidents, delivers their alerts, and publishes what is not published yet.",
)
def alert_sensor(context: SensorEvaluationContext, settings: ResourceParam[Settings]) -> SkipReason:
    now = utc_now()
    cursor = {"storage_id": None, "decided_id": None, "days": {}} | json.loads(context.cursor or "{}")
    seen = list(seen_after(context.instance, cursor["storage_id"], now - NEWS))
    readings = [reading for one in seen for reading in one.readings or ()]
    decided = list(decided_after(context.instance, cursor["decided_id"], now - NEWS))
    channels, routers = alert_channels(settings), router_channels(settings)
    with open_stores(settings) as (incidents, outbox, ledger):
        days = observe(incidents, ledger, readings, cursor["days"], now)
        settle(incidents, ledger, now)
        entries = ledger.history()
        close_settled(incidents, entries, now)
        reopen(incidents, entries, [*findings_of(readings), *(one for _, found in decided for one in found)], now)
        close_mended_runs(incidents, context.instance, now)
        publish_if_stale(settings.flags, ledger)
        offer_allocation(outbox, ledger, routers, now)
        tell(
            incidents, outbox, ledger, channels, settings.alerts, now,
            lambda incident: effects_png(readings_of(context.instance, incident.topic, now)),
        )  # fmt: skip
        attempts = deliver(outbox, {**channels, **routers}, utc_now)
        said = told(incidents.open_ones(), attempts, outbox.waiting(), bool(channels))
    storage_id = seen[-1].storage_id if seen else cursor["storage_id"]
    decided_id = decided[-1][0] if decided else cursor["decided_id"]
    context.update_cursor(json.dumps({"storage_id": storage_id, "decided_id": decided_id, "days": days}))
    return SkipReason(said)


@sensor(
    minimum_interval_seconds=300,
    default_status=DefaultSensorStatus.RUNNING,
    description="Opens an incident for an experiment in flight of which no new day has been judged for too long.",
)
def dead_man_sensor(context: SensorEvaluationContext, settings: ResourceParam[Settings]) -> SkipReason:
    now, limit = utc_now(), timedelta(hours=settings.alerts.dead_man_hours)
    cursor = json.loads(context.cursor) if context.cursor else {"storage_id": None, "progress": {}}
    progress = {name: (day, datetime.fromisoformat(at)) for name, (day, at) in cursor["progress"].items()}
    storage_id = cursor["storage_id"]
    for seen in seen_after(context.instance, storage_id, now - 2 * limit):
        progress, storage_id = advanced(progress, seen.readings or (), seen.at), seen.storage_id
    with open_stores(settings) as (incidents, _, ledger):
        found = unwatched(ledger, progress, now, limit)
        for name, since in found.items():
            incidents.open(name, DEAD_MAN, f"{name}@{since.isoformat()}", {"since": f"{since:%Y-%m-%d %H:%M}"}, now)
        for incident in incidents.open_ones():
            if incident.kind == DEAD_MAN and incident.topic not in found:
                incidents.resolve(incident.number, "a new day has been judged, or it is out of flight", now)
    kept = {name: (day, at.isoformat()) for name, (day, at) in progress.items()}
    context.update_cursor(json.dumps({"storage_id": storage_id, "progress": kept}))
    return SkipReason(f"Unwatched: {', '.join(found) or 'no experiment'} (limit {settings.alerts.dead_man_hours:g} h).")


@run_failure_sensor(
    name="run_failure_sensor",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Opens an incident for a job whose run failed; the next success of the job resolves it.",
)
def failed_run_sensor(context: RunFailureSensorContext, settings: ResourceParam[Settings]) -> None:
    run, record = context.dagster_run, context.instance.get_run_record_by_id(context.dagster_run.run_id)
    failures = [one for one in context.get_step_failure_events() if one.step_failure_data.error]
    seen = {
        "run_id": run.run_id,
        "steps": ", ".join(str(one.step_key) for one in failures) or "no step",
        "error": first_cause(failures[0].step_failure_data.error) if failures else "see its log",
    }
    ended = moment(record.end_time) if record and record.end_time else utc_now()
    with open_stores(settings) as (incidents, _, _):
        incidents.open(run.job_name, RUN_FAILURE, run.run_id, seen, ended)


def close_mended_runs(incidents: Incidents, instance: DagsterInstance, now: datetime) -> None:
    """Resolve a failed run where a later run of its job has succeeded."""
    for incident in incidents.open_ones():
        if incident.kind != RUN_FAILURE:
            continue
        wanted = RunsFilter(job_name=incident.topic, statuses=[DagsterRunStatus.SUCCESS])
        for record in instance.get_run_records(wanted, limit=1):
            if record.end_time and moment(record.end_time) > incident.opened_at:
                incidents.resolve(incident.number, f"run {record.dagster_run.run_id} succeeded", now)


def told(
    open_ones: Sequence[Incident], attempts: Sequence[Attempt], waiting: Sequence[Message], reachable: bool
) -> str:
    """What a tick of the alert sensor did and leaves, in plain words."""
    parts = [f"{len(open_ones)} incidents open" + "".join(f", {one.topic} ({one.kind})" for one in open_ones)]
    parts += [
        f"{attempt.message.key} to {attempt.message.channel}: {attempt.error or 'delivered'}" for attempt in attempts
    ]
    parts += [f"{len(waiting)} messages wait"] if waiting else []
    parts += [] if reachable else ["no alert can be sent: EVALLOOP_ALERTS__URLS is not set"]
    return "; ".join(parts) + "."


def first_cause(error: Any) -> str:
    """The class of the exception that started it; its words may quote a row, and an alert holds nothing of a user."""
    while error.cause is not None:
        error = error.cause
    return str(error.cls_name)


def moment(timestamp: float) -> datetime:
    """Seconds since 1970 as a time in UTC, without zone."""
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)


SENSORS = [guardrail_sensor, alert_sensor, dead_man_sensor, failed_run_sensor]
