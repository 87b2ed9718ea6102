"""The lake: versioned tables in Delta format, read as one snapshot and replaced by whole days in one commit.

A writer takes the version of its output first and those of its inputs after it. If somebody else commits one of its
days in the meantime (any day, where the table reads its own past), it takes its inputs anew and recomputes, so that of
two runs on the same days the later reading wins and no stale result overwrites a fresh one. Delta itself does not
refuse two first writes of one empty partition (docs/decisions/0002-own-conflict-check.md), so that check is made here,
on commits without rebase.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.days import Days, Window
from evalloop_assets.lake.changed_days import changed_days, rows_by_day
from evalloop_assets.lake.clock import Clock, read_clock
from evalloop_assets.lake.commit_notes import (
    NOTE,
    Change,
    Computed,
    changes,
    days_computed,
    note_of,
    notes_after,
    same_reading,
)
from evalloop_assets.lake.delta import arrow_schema, delta_actions, stored_columns, stored_rows, view_of
from evalloop_assets.lake.engine import DataFile, DuckDBEngine, Engine, View, columns_of, select_all
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.opened import OpenTables
from evalloop_assets.lake.parts import in_parts
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.schema import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from evalloop_assets.lake.erasures import Unreadable

__all__ = ["Commit", "Days", "Inputs", "Lake", "Window"]

ATTEMPTS = 30
COMMIT_ATTEMPTS = 200
TABLE_PROPERTIES = {"delta.logRetentionDuration": "interval 36500 days", "delta.checkpointInterval": "10"}
"""Nothing of the log is ever cleaned up; a checkpoint every ten versions keeps opening a table as fast as at first."""


class Commit(NamedTuple):
    """What a write did."""

    table: str
    version: int
    days: Days
    changed: tuple[date, ...]
    """Days whose rows are not what they were."""
    rows: Mapping[date, int]
    """Rows of each day of the range after the commit."""
    inputs: Mapping[str, int]
    before: int | None = None
    """The version that it is to be compared with, where that is not the one before: of several commits as one."""


@dataclass(frozen=True)
class Inputs:
    """One consistent reading of some tables: fixed versions, fixed files."""

    views: Mapping[str, View]
    versions: Mapping[str, int]
    clock: Clock
    days: Days
    engine: DuckDBEngine

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Rows of one SELECT over the tables that were asked for; values are bound as `$name`."""
        return self.engine.fetch(sql, self.views, parameters or {})


Compute = Callable[[Inputs], "str | pa.Table"]


class Lake:
    """All tables under one root, a folder or an object store URL.

    `reader` reads, merges deliveries and writes what Python computed; `engine` runs the transforms, and is the reader
    unless another one is given. Lakes of one root may share what they have `opened`.
    """

    def __init__(
        self,
        root: str,
        reader: DuckDBEngine,
        engine: Engine | None = None,
        options: Mapping[str, str] | None = None,
        opened: OpenTables | None = None,
    ) -> None:
        self.root = root.rstrip("/")
        self.reader = reader
        self.engine: Engine = engine or reader
        self.options = dict(options or {})
        self._opened = opened or OpenTables()
        self._pinned: dict[tuple[str, int], DeltaTable] = {}
        self._unreadable: list[Unreadable] | None = None

    def inputs(self, reads: Mapping[str, Window], days: Days, versions: Mapping[str, int] | None = None) -> Inputs:
        """Resolve each table once, at its newest or as in `versions`; one never written or not in these is empty."""
        names = {*reads, "log_deliveries"}
        pinned = dict.fromkeys(names) if versions is None else versions
        opened = {name: self._open(name, pinned[name]) if name in pinned else None for name in names}
        views = {}
        for name, window in reads.items():
            empty = View(columns_of(declared(name))) if opened[name] is None else None
            views[name] = empty or view_of(opened[name], *days.window(window))
        clock = self._clock(opened["log_deliveries"])
        found = {name: table.version() for name, table in opened.items() if table is not None}
        return Inputs(views, found, clock, days, self.reader)

    def read(self, table: str, days: Days | None = None, version: int | None = None) -> pa.Table:
        """Rows of one table, `day` first."""
        view = self.view(table, days, version)
        if not view.columns:
            raise KeyError(f"the lake at {self.root} has no table {table}")
        return self.reader.fetch(select_all(view.columns, table), {table: view}, {})

    def clock(self) -> Clock:
        return self._clock(self._open("log_deliveries", None))

    def delta(self, table: str) -> DeltaTable | None:
        """The Delta table itself at its newest version; None where it does not exist."""
        return None if self._open(table, None) is None else self._to_write(table)

    def tables(self) -> list[str]:
        """Names of the tables that exist, in order."""
        return sorted(name for name in _folders(self.root, self.options) if self._open(name, None) is not None)

    def version(self, table: str) -> int | None:
        """Newest version; None where the table does not exist."""
        opened = self._open(table, None)
        return None if opened is None else opened.version()

    def row_count(self, table: str, version: int | None = None) -> int:
        """Rows of all days, from the log of the table alone; 0 where it does not exist."""
        opened = self._open(table, version)
        return 0 if opened is None else opened.count()

    def version_at(self, table: str, moment: datetime) -> int | None:
        """The version that was newest at `moment` (UTC); None where the table did not exist yet."""
        opened = self._open(table, None)
        if opened is None:
            return None
        at = moment.timestamp() * 1000
        return max((entry["version"] for entry in opened.history() if entry["timestamp"] <= at), default=None)

    def view(self, table: str, days: Days | None = None, version: int | None = None) -> View:
        """Columns and files of one table; both empty where it does not exist."""
        first, last = (days.first, days.last) if days else (None, None)
        return view_of(self._open(table, version), first, last)

    def computed(self, table: str) -> dict[date, Computed]:
        """How each day of the table came to be, from the metadata of its commits."""
        opened = self._open(table, None)
        return days_computed(opened.history() if opened else [])

    def changes(self, table: str) -> list[Change]:
        """Every change of the rows of a day, oldest first, likewise."""
        opened = self._open(table, None)
        return changes(table, opened.history() if opened else [])

    def replace(
        self,
        schema: TableSchema,
        days: Days | Sequence[date],
        reads: Mapping[str, Window],
        compute: Compute,
        *,
        code: str = "",
        run: str = "",
        constants: Callable[[Clock], Mapping[str, View]] = lambda clock: {},
        engine: Engine | None = None,
        waits: str | None = None,
    ) -> Commit:
        """Compute these days from one reading of the inputs and replace them in one commit.

        `compute` gives a SELECT over the inputs or a table of rows, with `day` and the schema's columns; it is called
        again with a fresh reading when somebody else committed one of the days meanwhile. `constants` gives further
        views, and `engine` runs the SELECT where that is not for the reader. Days whose rows are what they were, floats
        to 1e-9, are noted as computed but not rewritten, and a computation that was made before from the same versions
        leaves no trace at all. `waits` names a column that is true in rows that change as the logs go on; the days that
        have such rows are noted.
        """
        wanted = tuple(days)
        span = days if isinstance(days, Days) else Days(min(wanted), max(wanted))
        failure: Exception | None = None
        for attempt in range(ATTEMPTS):
            base = self._ensure(schema)
            inputs = self.inputs(reads, span)
            files: list[DataFile] = []
            try:
                for part in self._write(schema, wanted, inputs, reads, compute, constants, engine or self.reader):
                    files += part
                waiting = self._waiting(schema, files, waits)
                commit = self._commit(schema, span, wanted, base, files, inputs, reads, code, run, waiting)
            except Exception as error:
                if all(self.version(name) == inputs.versions.get(name) for name in reads):
                    raise
                # An input has moved on, and an erasure may have deleted files of what was read.
                failure, commit = error, None
            if commit is not None:
                return commit
            self.discard(schema.name, files, base)
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))
        raise RuntimeError(f"{schema.name}: other writers kept replacing {span.first} … {span.last}") from failure

    def _write(
        self,
        schema: TableSchema,
        wanted: Sequence[date],
        inputs: Inputs,
        reads: Mapping[str, Window],
        compute: Compute,
        constants: Callable[[Clock], Mapping[str, View]],
        engine: Engine,
    ) -> Iterator[list[DataFile]]:
        """The files of each part as soon as they are there, so that a part that fails leaves none unknown."""
        computed, folder = compute(inputs), self._path(schema.name)
        given = constants(inputs.clock)
        if isinstance(computed, str):
            query, parts = computed, self._parts(schema, wanted, inputs, engine.rows_at_once)
        else:
            query, parts = select_all(columns_of(schema), "computed"), [wanted]
            given = {**given, "computed": View({}, rows=computed)}
        query = f"SELECT * FROM ({query}) AS computed_rows WHERE day IN (SELECT day FROM wanted_days)"
        for part in parts:
            read = self.inputs(reads, Days(min(part), max(part)), inputs.versions) if len(parts) > 1 else inputs
            views = {**read.views, **given, "wanted_days": View({}, rows=_day_table(part))}
            yield engine.write(query, views, schema, folder)

    def _parts(
        self, schema: TableSchema, wanted: Sequence[date], inputs: Inputs, most: int | None
    ) -> Sequence[Sequence[date]]:
        """What is computed at once; a table that reads its own past is computed whole."""
        if most is None or schema.name in inputs.views:
            return [wanted]
        opened = [self._open(name, version) for name, version in inputs.versions.items() if name in inputs.views]
        return in_parts(wanted, [stored_rows(table) for table in opened if table is not None], most)

    def _commit(
        self,
        schema: TableSchema,
        span: Days,
        wanted: Sequence[date],
        base: int,
        files: Sequence[DataFile],
        inputs: Inputs,
        reads: Mapping[str, Window],
        code: str,
        run: str,
        waiting: Sequence[date],
    ) -> Commit | None:
        from deltalake import CommitProperties, Schema
        from deltalake.exceptions import CommitFailedError

        for attempt in range(COMMIT_ATTEMPTS):
            table = self._to_write(schema.name)
            notes = notes_after(table.history(), base) if table.version() != base else []
            theirs = {date.fromisoformat(text) for note in notes for text in note["days"]}
            erased = any("erasure" in note for note in notes)  # what was read may hold somebody who is gone
            if erased or theirs & set(wanted) or (theirs and schema.name in reads):
                return None
            changed = changed_days(self.reader, table, self._path(schema.name), schema, wanted, files)
            note = note_of(wanted, changed, inputs.versions, code, run, inputs.clock, waiting)
            if not changed and same_reading(schema.name, self.computed(schema.name), wanted, note):
                return Commit(schema.name, table.version(), span, (), rows_by_day(wanted, files), dict(inputs.versions))
            properties = CommitProperties(custom_metadata={NOTE: json.dumps(note)}, max_commit_retries=0)
            arrow = Schema.from_arrow(arrow_schema(schema))
            kept = [file for file in files if file.day in changed]
            try:
                if changed:
                    table.create_write_transaction(
                        delta_actions(kept),
                        "overwrite",
                        arrow,
                        partition_by=["day"],
                        partition_filters=[("day", "in", [day.isoformat() for day in changed])],
                        commit_properties=properties,
                    )
                else:
                    table.create_write_transaction(
                        [], "append", arrow, partition_by=["day"], commit_properties=properties
                    )
            except CommitFailedError:
                time.sleep(random.uniform(0, 0.01 * (attempt + 1)))
                continue
            rows = rows_by_day(wanted, files)
            return Commit(schema.name, table.version() + 1, span, changed, rows, dict(inputs.versions))
        raise RuntimeError(f"{schema.name}: no commit of {span.first} … {span.last} was accepted")

    def _waiting(self, schema: TableSchema, files: Sequence[DataFile], column: str | None) -> list[date]:
        if column is None or not files:
            return []
        view = View(columns_of(schema), [f"{self._path(schema.name)}/{file.path}" for file in files])
        found = self.reader.fetch(f'SELECT DISTINCT day FROM t WHERE "{column}" ORDER BY day', {"t": view}, {})
        return list(found.column("day").to_pylist())

    def discard(self, table: str, files: Sequence[DataFile], base: int) -> None:
        """Delete what a refused commit leaves: it may hold somebody whom an erasure has looked for already.

        What a version after `base` has stays: a store may take a commit and say that it did not.
        """
        from evalloop_assets.lake.files import added, delete

        newest = self._to_write(table).version()
        taken = set().union(*(added(self.root, table, version) for version in range(base + 1, newest + 1)))
        for file in files:
            if file.path not in taken:
                delete(self.root, f"{self._path(table)}/{file.path}")

    def vacuum(self, cited: Mapping[str, Sequence[int]], retention_hours: int = 168) -> dict[str, list[str]]:
        """Delete files that no version needs which is younger than the retention, newest, or cited; names them."""
        removed = {}
        for name in self.tables():
            table = self._to_write(name)
            removed[name] = table.vacuum(
                retention_hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
                keep_versions=sorted(set(cited.get(name, ()))) or None,
            )
        return removed

    def _clock(self, deliveries: DeltaTable | None) -> Clock:
        view = view_of(deliveries, None, None)
        return (
            self._opened.clock(view.files, lambda: read_clock(self.reader, view)) if view.files else Clock(None, None)
        )

    def _ensure(self, schema: TableSchema) -> int:
        """Create the table where it is missing, add columns that are new to it, and give its version."""
        from deltalake import DeltaTable, Schema
        from deltalake.exceptions import CommitFailedError

        table = self._open(schema.name, None)
        if table is None:
            with suppress(CommitFailedError):  # somebody else made it at the same time
                DeltaTable.create(
                    self._path(schema.name),
                    Schema.from_arrow(arrow_schema(schema)),
                    mode="ignore",
                    partition_by=["day"],
                    description=schema.row,
                    configuration=TABLE_PROPERTIES,
                    storage_options=self.options or None,
                )
            table = self._to_write(schema.name)
        new = set(columns_of(schema)) - set(stored_columns(table))
        if new:
            fields = Schema.from_arrow(arrow_schema(schema)).fields
            self._to_write(schema.name).alter.add_columns([field for field in fields if field.name in new])
            table = self._to_write(schema.name)
        return table.version()

    def _to_write(self, name: str) -> DeltaTable:
        """The newest version as an object that nobody else has, for calls that move it."""
        from deltalake import DeltaTable

        return DeltaTable(self._path(name), storage_options=self.options or None)

    def _open(self, name: str, version: int | None) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        table = self._opened.newest(self._path(name), self.options)
        if version is None or table is None or table.version() == version:
            return table
        if (name, version) not in self._pinned:
            try:
                table = DeltaTable(self._path(name), version=version, storage_options=self.options or None)
            except TableNotFoundError:
                return None
            self._require_readable(name, version)
            self._pinned[name, version] = table
        return self._pinned[name, version]

    def _require_readable(self, name: str, version: int) -> None:
        from evalloop_assets.lake.erasures import unreadable

        if self._unreadable is None:
            self._unreadable = unreadable(self)
        dates = [one.erased_at for one in self._unreadable if one.table == name and one.first <= version <= one.last]
        if dates:
            raise UserError(
                f"table {name} at version {version}",
                f"it held somebody who was erased on {min(dates).date()}, and its files are gone",
                "Read a later version; what was decided on this one keeps its figures.",
            )

    def _path(self, name: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"{name!r} is no table name: lower case letters, digits and _ only")
        return f"{self.root}/{name}"


def _day_table(days: Sequence[date]) -> pa.Table:
    import pyarrow as pa

    return pa.table({"day": pa.array(list(days), pa.date32())})


def _folders(root: str, options: Mapping[str, Any]) -> list[str]:
    if "://" not in root:
        return [entry.name for entry in os.scandir(root) if entry.is_dir()] if os.path.isdir(root) else []
    from evalloop_assets.lake.remote import folders

    return folders(root, options)
