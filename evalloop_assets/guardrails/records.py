"""Guardrail readings as Dagster's record of materialisations has them: all that the sensors read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster import AssetKey, AssetRecordsFilter

from evalloop_assets.guardrails.assets import EXAMPLES, VERDICTS

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord

READINGS = AssetKey("guardrail_readings")
AT_ONCE = 50
SHOWN = timedelta(days=28)


class Seen(NamedTuple):
    """The readings of one materialisation."""

    storage_id: int
    at: datetime
    """When they were made (UTC, without zone)."""
    readings: list[dict[str, Any]] | None
    """Rows of `guardrail_readings`, those that ask for a rollback with `examples`; None for a day of a range before its
    last, which carries the verdicts."""


def seen_after(instance: DagsterInstance, storage_id: int | None, since: datetime) -> Iterator[Seen]:
    """Every materialisation after that one, oldest first; where none is named, every one since that time (UTC)."""
    started = since.replace(tzinfo=UTC).timestamp()
    while True:
        asked = AssetRecordsFilter(
            READINGS, after_storage_id=storage_id, after_timestamp=started if storage_id is None else None
        )
        records = instance.fetch_materializations(asked, limit=AT_ONCE, ascending=True).records
        yield from map(seen_in, records)
        if len(records) < AT_ONCE:
            return
        storage_id = records[-1].storage_id


def seen_in(record: EventLogRecord) -> Seen:
    metadata = record.asset_materialization.metadata if record.asset_materialization else {}
    verdicts: Any = metadata[VERDICTS].value if VERDICTS in metadata else None
    examples: Any = metadata[EXAMPLES].value if EXAMPLES in metadata else {}
    readings = verdicts and [
        {**reading, "examples": examples[reading["reading_id"]]} if reading["reading_id"] in examples else reading
        for reading in verdicts
    ]
    return Seen(record.storage_id, datetime.fromtimestamp(record.timestamp, UTC).replace(tzinfo=None), readings)


def readings_of(instance: DagsterInstance, experiment_id: str, now: datetime) -> list[dict[str, Any]]:
    """The newest reading of each day of an experiment, oldest day first, as made in the last four weeks."""
    by_day = {
        reading["day"]: reading
        for seen in seen_after(instance, None, now - SHOWN)
        for reading in seen.readings or ()
        if reading["experiment_id"] == experiment_id
    }
    return [by_day[day] for day in sorted(by_day)]
