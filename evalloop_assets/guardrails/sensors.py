"""The guardrail sensor: from a verdict to a rollback run.

It reads the metadata of new materialisations of `guardrail_readings` and nothing else, so that a tick takes
milliseconds and never waits for the lake. Each ROLLBACK becomes one run of the job `rollback`; the run key holds the
materialisation's storage id, since run keys deduplicate for ever, and the run itself repeats harmlessly, since the
ledger knows the reading. A tick that finds nothing new says what the last look saw.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DefaultSensorStatus,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from evalloop_assets.guardrails.assets import VERDICTS
from evalloop_assets.guardrails.rollback import rollback, rollback_config

READINGS = AssetKey("guardrail_readings")
AT_ONCE = 50
FIGURES = (
    "verdict",
    "cause",
    "duration_effect",
    "duration_low",
    "duration_high",
    "retention_effect",
    "retention_low",
    "retention_high",
    "matured_users",
    "srm_p",
    "daily_users",
    "day",
)


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
        materialization = record.asset_materialization
        found = materialization.metadata.get(VERDICTS) if materialization else None
        if found is None:  # a day of a range before its last: the last one carries the verdicts
            continue
        readings: Sequence[Mapping[str, Any]] = found.value  # type: ignore[assignment]
        requests += [request(record.storage_id, reading) for reading in readings if reading["verdict"] == "ROLLBACK"]
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
    return RunRequest(
        run_key=f"{storage_id}-{name}",
        run_config=rollback_config(
            experiment_id=name,
            reading_id=reading["reading_id"],
            reason=reading["reason"],
            at=reading["as_of"],
            evidence={figure: reading[figure] for figure in FIGURES if reading[figure] is not None},
        ),
        tags={"evalloop/experiment": name, "evalloop/reading": reading["reading_id"]},
    )


def sentence(reading: Mapping[str, Any]) -> str:
    """One reading and what follows from it, in plain words."""
    cause = f" ({reading['cause']})" if reading["cause"] else ""
    done = " Rollback requested." if reading["verdict"] == "ROLLBACK" else ""
    return f"{reading['experiment_id']} on {reading['day']}: {reading['verdict']}{cause}. {reading['reason']}{done}"
