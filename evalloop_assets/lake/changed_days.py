"""Which days of a write are new: those whose rows are others, floats apart by rounding aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from evalloop_assets.lake.delta import stored_columns, stored_rows, view_of
from evalloop_assets.lake.engine import DataFile, DuckDBEngine, View, columns_of
from evalloop_assets.lake.schema import TableSchema

if TYPE_CHECKING:
    from deltalake import DeltaTable


def changed_days(
    reader: DuckDBEngine,
    table: DeltaTable,
    folder: str,
    schema: TableSchema,
    wanted: Sequence[date],
    files: Sequence[DataFile],
) -> tuple[date, ...]:
    """Of the wanted days, those on which `files`, just written into the table's folder, hold other rows than it has."""
    if set(stored_columns(table)) != set(columns_of(schema)):
        return tuple(wanted)
    before, after = stored_rows(table), rows_by_day(wanted, files)
    alike = [day for day in wanted if after[day] and before.get(day, 0) in (after[day], None)]
    unlike = {day for day in wanted if before.get(day, 0) != after[day]}.difference(alike)
    differing = unlike | (_differing(reader, table, folder, schema, alike, files) if alike else set())
    return tuple(day for day in wanted if day in differing)


def rows_by_day(days: Sequence[date], files: Sequence[DataFile]) -> dict[date, int]:
    rows = dict.fromkeys(days, 0)
    for file in files:
        rows[file.day] += file.rows
    return rows


def _differing(
    reader: DuckDBEngine,
    table: DeltaTable,
    folder: str,
    schema: TableSchema,
    days: Sequence[date],
    files: Sequence[DataFile],
) -> set[date]:
    """Of these days, which have as many rows as before, those whose rows are others."""
    stood = view_of(table, min(days), max(days))
    fresh = View(columns_of(schema), [f"{folder}/{file.path}" for file in files if file.day in days])
    old, new = reader.fingerprints(stood), reader.fingerprints(fresh)
    differing = {day for day in days if old.get(day) != new[day]}
    near = {day for day in differing if day in old and old[day][:2] == new[day][:2]}
    return differing - (near & reader.same_floats(stood, fresh, schema.key)) if near else differing
