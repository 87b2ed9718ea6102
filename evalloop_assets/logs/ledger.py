"""The row that each delivery leaves in `log_deliveries`, written before its data and completed after it.

The row stands first with `finished` false and with the counts that were planned. A delivery that is killed and repeated
finds it, takes its counts and its time from it, and so leaves exactly what an undisturbed one would have left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime

import pyarrow as pa

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.engine import View, columns_of
from evalloop_assets.lake.erasures import REFUSED, Tombstones
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets.logs.contract import LOG_DELIVERIES


@dataclass(frozen=True)
class Entry:
    """One row of `log_deliveries`; its columns say what the fields mean."""

    delivery_id: str
    source: str
    table_name: str
    rows_read: int
    rows_added: int
    rows_duplicate: int
    rows_rejected: int
    records_skipped: int
    bytes: int
    first_day: date | None
    last_day: date | None
    last_time: datetime | None
    touched_days: str
    complete_through: date | None
    delivered_at: datetime
    finished: bool = True
    rows_erased: int | None = 0

    @property
    def day(self) -> date:
        return self.delivered_at.date()

    def begun(self) -> Entry:
        """As it stands until its data is in: nothing of it counts for the watermark."""
        return replace(self, last_day=None, last_time=None, complete_through=None, finished=False)


def entries(lake: Lake, delivery_id: str) -> dict[str, Entry]:
    """What is known of a delivery, by table."""
    rows = _rows(lake, "delivery_id = $id", {"id": delivery_id})
    return {entry.table_name: entry for entry in rows}


def finished_sources(lake: Lake) -> set[tuple[str, int]]:
    """Name and size of every file with rows that is in."""
    return {(entry.source, entry.bytes) for entry in _rows(lake, "finished AND rows_read > 0", {})}


def resized(lake: Lake, source: str, before: int, after: int) -> None:
    """Note that a file which is in has another size now, so that it is not taken in again."""
    for entry in _rows(lake, "source = $source AND bytes = $bytes", {"source": source, "bytes": before}):
        finish(lake, [replace(entry, bytes=after)], "")


def unfinished(lake: Lake) -> list[Entry]:
    """Deliveries that were begun and not completed, and files at fault."""
    return _rows(lake, "NOT finished", {})


def begin(lake: Lake, planned: Sequence[Entry], run: str) -> bool:
    """Write the rows of a delivery that nobody else has begun; False where somebody has, whose rows then stand."""
    delivery_id, day = planned[0].delivery_id, planned[0].day
    query = (
        f"SELECT {_listed(LOG_DELIVERIES)} FROM log_deliveries UNION ALL "
        f"SELECT {_listed(LOG_DELIVERIES)} FROM swapped_in "
        f"WHERE NOT EXISTS (SELECT 1 FROM log_deliveries WHERE delivery_id = '{delivery_id}')"
    )
    _replace(lake, LOG_DELIVERIES, day, query, _view(planned), run)
    return entries(lake, delivery_id) == {entry.table_name: entry for entry in planned}


def finish(lake: Lake, found: Sequence[Entry], run: str) -> None:
    """Write the rows of a delivery over those that began it."""
    names = [entry.table_name for entry in found]
    swap(lake, LOG_DELIVERIES, found[0].day, found[0].delivery_id, names, _view(found), run)


def swap(
    lake: Lake,
    schema: TableSchema,
    day: date,
    delivery_id: str,
    tables: Sequence[str],
    rows: View,
    run: str,
    refused: Tombstones | None = None,
) -> None:
    """Put `rows` in the place of what the day holds of this delivery and these tables.

    Raises ErasedMeanwhile where they were held against another list than `refused`.
    """
    listed = _listed(schema)
    named = ", ".join(f"'{table}'" for table in tables)
    query = (
        f"SELECT {listed} FROM {schema.name} WHERE NOT (delivery_id = '{delivery_id}' AND table_name IN ({named})) "
        f"UNION ALL SELECT {listed} FROM swapped_in"
    )
    _replace(lake, schema, day, query, rows, run, refused)


def _replace(
    lake: Lake, schema: TableSchema, day: date, query: str, rows: View, run: str, refused: Tombstones | None = None
) -> None:
    def swapped(inputs: Inputs) -> str:
        if refused is not None:
            refused.require_newest(inputs)
        return query

    lake.replace(
        schema,
        Days.one(day),
        {schema.name: (0, 0), **(REFUSED if refused else {})},
        swapped,
        run=run,
        constants=lambda clock: {"swapped_in": rows},
    )


def _view(found: Sequence[Entry]) -> View:
    rows = [{"day": entry.day, **_values(entry)} for entry in found]
    return View({}, rows=pa.Table.from_pylist(rows, arrow_schema(LOG_DELIVERIES)))


def _listed(schema: TableSchema) -> str:
    return ", ".join(f'"{name}"' for name in columns_of(schema))


def _rows(lake: Lake, condition: str, parameters: Mapping[str, object]) -> list[Entry]:
    if lake.version(LOG_DELIVERIES.name) is None:
        return []
    whole = Days.one(date(2000, 1, 1))
    inputs = lake.inputs({LOG_DELIVERIES.name: (None, None)}, whole)
    stored = inputs.views[LOG_DELIVERIES.name].columns
    names = ", ".join(field.name for field in fields(Entry) if field.name in stored)
    found = inputs.query(f"SELECT {names} FROM {LOG_DELIVERIES.name} WHERE {condition}", parameters)
    return [Entry(**row) for row in found.to_pylist()]


def _values(entry: Entry) -> dict[str, object]:
    return {field.name: getattr(entry, field.name) for field in fields(entry)}
