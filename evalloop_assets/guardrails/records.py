"""Guardrail readings as Dagster's record of materialisations has them: all that the sensors read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster import AssetKey, AssetRecordsFilter

from evalloop_assets.guardrails.assets import EXAMPLES, VERDICTS
from evalloop_assets.guardrails.reopened import Finding
from evalloop_assets.guardrails.watch import is_open, is_past
from evalloop_assets.online_ab.assets import DECIDED
from evalloop_assets.online_ab.reopening import ReadingId

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord

READINGS, DECISIONS = AssetKey("guardrail_readings"), AssetKey("decisions")
JUDGED_ANEW = {"evalloop/judged": "anew"}
"""Tag of a run that judges a day again because its rows came late."""
AT_ONCE = 50
SHOWN = timedelta(days=28)


class Seen(NamedTuple):
    """The readings of one materialisation."""

    storage_id: int
    at: datetime
    """When they were made (UTC, without zone)."""
    readings: list[dict[str, Any]] | None
    """Rows of `guardrail_readings`, those that ask for a rollback with `examples`, those that late rows had judged anew
    when a later day was complete with `is_past`; None for a day of a range before its last, which carries the
    verdicts."""


def seen_after(instance: DagsterInstance, storage_id: int | None, since: datetime) -> Iterator[Seen]:
    """Every materialisation after that one, oldest first; where none is named, every one since that time (UTC)."""
    for record in _records_after(instance, READINGS, storage_id, since):
        yield seen_in(record, instance)


def seen_in(record: EventLogRecord, instance: DagsterInstance) -> Seen:
    metadata = _metadata(record)
    verdicts: Any = metadata[VERDICTS].value if VERDICTS in metadata else None
    examples: Any = metadata[EXAMPLES].value if EXAMPLES in metadata else {}
    run = instance.get_run_by_id(record.run_id)
    anew = run is not None and JUDGED_ANEW.items() <= run.tags.items()
    readings = verdicts and [
        reading
        | ({"examples": examples[reading["reading_id"]]} if reading["reading_id"] in examples else {})
        | ({"is_past": True} if anew and _is_before_the_newest(reading) else {})
        for reading in verdicts
    ]
    return Seen(record.storage_id, datetime.fromtimestamp(record.timestamp, UTC).replace(tzinfo=None), readings)


def findings_of(readings: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """What the guardrail says of complete days, oldest first as the readings are."""
    for one in readings:
        if not is_open(one):
            reading = ReadingId(one["experiment_id"], date.fromisoformat(one["day"]))
            rolls_back = one["verdict"] == "ROLLBACK" and not is_past(one)
            yield Finding(reading, "verdict", one["verdict"], one["reason"], rolls_back)


def decided_after(
    instance: DagsterInstance, storage_id: int | None, since: datetime
) -> Iterator[tuple[int, list[Finding]]]:
    """Storage id and decisions of every materialisation of `decisions`, as `seen_after` has those of readings."""
    for record in _records_after(instance, DECISIONS, storage_id, since):
        metadata, partition = _metadata(record), record.partition_key
        decided: Any = metadata[DECIDED].value if DECIDED in metadata and partition else {}
        yield (
            record.storage_id,
            [
                Finding(ReadingId(name, date.fromisoformat(str(partition))), "decision", *said.split(": ", 1))
                for name, said in decided.items()
            ],
        )


def _records_after(
    instance: DagsterInstance, asset: AssetKey, storage_id: int | None, since: datetime
) -> Iterator[EventLogRecord]:
    started = since.replace(tzinfo=UTC).timestamp()
    while True:
        asked = AssetRecordsFilter(
            asset, after_storage_id=storage_id, after_timestamp=started if storage_id is None else None
        )
        records = instance.fetch_materializations(asked, limit=AT_ONCE, ascending=True).records
        yield from records
        if len(records) < AT_ONCE:
            return
        storage_id = records[-1].storage_id


def _metadata(record: EventLogRecord) -> Mapping[str, Any]:
    return record.asset_materialization.metadata if record.asset_materialization else {}


def _is_before_the_newest(reading: Mapping[str, Any]) -> bool:
    return not is_open(reading) and bool(reading["day"] < json.loads(reading["evidence"])["watermark"])


def readings_of(instance: DagsterInstance, experiment_id: str, now: datetime) -> list[dict[str, Any]]:
    """The newest reading of each day of an experiment, oldest day first, as made in the last four weeks."""
    by_day = {
        reading["day"]: reading
        for seen in seen_after(instance, None, now - SHOWN)
        for reading in seen.readings or ()
        if reading["experiment_id"] == experiment_id
    }
    return [by_day[day] for day in sorted(by_day)]
