"""The landing folder: where the product puts its logs, in the contract's own columns, one folder a table.

`<table>/<name>.parquet` is taken in once, in name order; a file is written under another suffix and renamed when it is
whole, and never rewritten: corrections are new files. `complete.json`, `{"through": "2026-01-31"}`, declares up to
which day everything has been delivered; it is read before the files are listed, so that it never vouches for one to
come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from evalloop_assets.lake.engine import View
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.batch import Rejected, rejected_table
from evalloop_assets.logs.contract import LOG_TABLES, REJECTED_ROWS
from evalloop_assets.logs.deliver import Delivery, deliver, identify
from evalloop_assets.logs.ledger import Entry, begin, entries, finish, finished_sources, swap, unfinished
from evalloop_assets.logs.mapping import Mapping
from evalloop_assets.logs.mapping_file import check_mapping, did_you_mean
from evalloop_assets.logs.opened import reading
from evalloop_assets.logs.plan import identity
from evalloop_assets.logs.stage import Stamp, as_rejected_rows

COMPLETE = "complete.json"


@dataclass(frozen=True)
class Landing:
    """What one pass over the landing folder did."""

    deliveries: tuple[Delivery, ...]
    failures: tuple[UserError, ...]
    """Files at fault; they are tried again at every pass, and while there are any no further day is complete."""
    complete_through: date | None
    """The day newly declared complete by this pass."""


def deliver_landing(
    lake: Lake,
    folder: str | Path,
    *,
    now: datetime,
    tolerance: timedelta,
    batch_rows: int,
    progress: Callable[[str], None] | None = None,
    run: str = "",
) -> Landing:
    """Take in what lies in the folder and is not in yet. One file at fault does not stop the others.

    `progress` is called with the name of each file that is taken in.
    """
    folder = Path(folder)
    failures: list[UserError] = []
    deliveries: list[Delivery] = []
    declared: date | None = None
    try:
        declared = _declared(folder / COMPLETE, now)
    except UserError as error:
        failures.append(error)
    failures += _strangers(folder)
    _close_mended(lake, folder, run)
    known = finished_sources(lake)
    for schema, path in _files(folder):
        source = f"{schema.name}/{path.name}"
        if (source, path.stat().st_size) in known:
            continue
        if progress is not None:
            progress(source)
        try:
            mapping = identity_mapping(path, schema)
            deliveries.append(
                deliver(
                    lake,
                    path,
                    mapping,
                    now=now,
                    tolerance=tolerance,
                    batch_rows=batch_rows,
                    source=source,
                    run=run,
                )
            )
        except UserError as error:
            failures.append(error)
            _note_failure(lake, path, schema, source, error, now, run)
    complete = None if failures or declared is None else _declare(lake, declared, now, run)
    return Landing(tuple(deliveries), tuple(failures), complete)


def identity_mapping(path: Path, schema: TableSchema) -> Mapping:
    """The mapping of a Parquet file in the contract's own columns; UserError for a column that is none of them."""
    import pyarrow.parquet as pq

    from evalloop_assets.logs.columnar import whole_parquet

    with reading(path), whole_parquet(path):
        names = [name for name in pq.read_schema(path).names if name != "day"]
    for name in names:
        if name not in schema.column_names:
            mend = did_you_mean(name, schema.column_names) or "Leave it out, or deliver with a mapping."
            raise UserError(f"{path}: column {name}", f"is not in the contract of {schema.name}", mend)
    mapping = identity(schema, tuple(names))
    check_mapping(mapping.model_copy(update={"name": str(path)}))
    return mapping


def _files(folder: Path) -> Iterator[tuple[TableSchema, Path]]:
    for name, schema in LOG_TABLES.items():
        for path in sorted((folder / name).glob("*.parquet")):
            if path.is_file() and not path.name.startswith((".", "_")):
                yield schema, path


def _strangers(folder: Path) -> list[UserError]:
    found = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    return [
        UserError(str(entry), "is no table of the log contract", did_you_mean(entry.name, LOG_TABLES) or "Remove it.")
        for entry in found
        if entry.name not in LOG_TABLES and not entry.name.startswith((".", "_"))
    ]


def _declared(path: Path, now: datetime) -> date | None:
    if not path.exists():
        return None
    with reading(path):
        content = path.read_bytes()
    try:
        through = date.fromisoformat(json.loads(content)["through"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            str(path), "names no day", 'Write {"through": "2026-01-31"}, as a whole, then rename.'
        ) from error
    if through > now.date():
        raise UserError(str(path), f"declares {through} complete, which is not over", "Declare days that have passed.")
    return through


def _declare(lake: Lake, through: date, now: datetime, run: str) -> date | None:
    delivery_id = sha256(f"complete {through.isoformat()}".encode()).hexdigest()
    if entries(lake, delivery_id):
        return None
    begin(lake, [_bare(delivery_id, COMPLETE, "*", 0, now, complete_through=through)], run)
    return through


def _note_failure(
    lake: Lake, path: Path, schema: TableSchema, source: str, error: UserError, now: datetime, run: str
) -> None:
    try:
        delivery_id = identify(path, Mapping(format="parquet", table=schema.name, name=source))
        size = path.stat().st_size
    except (UserError, OSError):
        return
    if entries(lake, delivery_id):
        return
    reason = f"{error.what}: {error.why}".replace(str(path), path.name)
    rejected = rejected_table([Rejected(0, reason, error.mend)])
    rows = View({}, rows=as_rejected_rows(rejected, Stamp(delivery_id, source, now), schema.name))
    swap(lake, REJECTED_ROWS, now.date(), delivery_id, [schema.name], rows, run)
    begin(lake, [_bare(delivery_id, source, schema.name, size, now, finished=False)], run)


def _close_mended(lake: Lake, folder: Path, run: str) -> None:
    """Files once at fault that have been removed or replaced are at fault no longer."""
    for entry in unfinished(lake):
        path = folder / entry.table_name / Path(entry.source).name
        at_fault = entry.rows_read == 0 and entry.source == f"{entry.table_name}/{path.name}"
        if at_fault and not (path.is_file() and path.stat().st_size == entry.bytes):
            finish(lake, [replace(entry, finished=True)], run)


def _bare(
    delivery_id: str,
    source: str,
    table: str,
    size: int,
    now: datetime,
    complete_through: date | None = None,
    finished: bool = True,
) -> Entry:
    return Entry(
        delivery_id=delivery_id,
        source=source,
        table_name=table,
        rows_read=0,
        rows_added=0,
        rows_duplicate=0,
        rows_rejected=0,
        records_skipped=0,
        bytes=size,
        first_day=None,
        last_day=None,
        last_time=None,
        touched_days="",
        complete_through=complete_through,
        delivered_at=now,
        finished=finished,
    )
