"""Takes one file into the lake: read, apply the mapping, validate, stage, then commit only the days that change.

Delivering the same file again changes nothing, and a delivery that was killed at any moment is completed by repeating
it. Nothing is committed before the file has been read to its end.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from evalloop_assets.lake.erasures import ErasedMeanwhile, tombstones
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import REJECTED_ROWS
from evalloop_assets.logs.harness import NAMED_BY_PATH
from evalloop_assets.logs.ledger import Entry, begin, entries, finish, swap
from evalloop_assets.logs.mapping import Mapping
from evalloop_assets.logs.mapping_file import check_mapping
from evalloop_assets.logs.merge import Change, merge, planned
from evalloop_assets.logs.opened import reading
from evalloop_assets.logs.plan import plans
from evalloop_assets.logs.read import read
from evalloop_assets.logs.stage import Stage, Stamp
from evalloop_assets.logs.validate import Validation

READER_VERSION = "1"
"""Part of a delivery's id: raised when the same file would be read differently."""
STAGING = "evalloop-delivery-"
"""Prefix of the temporary folder that a delivery is staged in; one that is killed leaves it behind."""


@dataclass(frozen=True)
class Delivery:
    """What taking in one file did to one table."""

    delivery_id: str
    """Hash of the file's bytes, the mapping and the table."""
    source: str
    table: str
    rows_read: int
    rows_added: int
    """Rows new to the lake."""
    rows_duplicate: int
    """Rows that the lake had already, or that the file holds twice."""
    rows_rejected: int
    rows_erased: int
    """Rows of people who were erased; they are refused."""
    records_skipped: int
    """Records without a reply, or left out by the mapping's `where`."""
    days: tuple[date, ...]
    """UTC days whose rows changed."""
    complete_through: date | None
    others: tuple[Delivery, ...] = ()
    """The tables filled along with it."""


def deliver(
    lake: Lake,
    path: str | Path,
    mapping: Mapping,
    *,
    now: datetime,
    tolerance: timedelta,
    batch_rows: int,
    complete_through: date | None = None,
    table: str | None = None,
    source: str | None = None,
    progress: Callable[[int], None] | None = None,
    run: str = "",
) -> Delivery:
    """Take one file in. `now` is UTC without zone, `table` overrides that of the mapping, `source` the file's name.

    `progress` is called with the rows read so far. UserError where the file or the mapping is at fault; rows at fault
    go to `rejected_rows`.
    """
    path = Path(path)
    if table is not None and table != mapping.table:
        mapping = mapping.model_copy(update={"table": table})
        check_mapping(mapping)
    again = partial(
        deliver, lake, path, mapping, now=now, tolerance=tolerance, batch_rows=batch_rows,
        complete_through=complete_through, source=source, progress=progress, run=run,
    )  # fmt: skip
    delivery_id = identify(path, mapping)
    before = entries(lake, delivery_id)
    tables = [plan.schema.name for plan in plans(mapping)]
    if all(name in before and _settled(before[name], complete_through) for name in tables):
        return _reported([_repeated(before[name]) for name in tables])
    first = next(iter(before.values()), None)
    stamp = Stamp(delivery_id, source or path.name, first.delivered_at if first else now)
    if first is not None and not first.finished:
        now = first.delivered_at
    refused = tombstones(lake)
    with tempfile.TemporaryDirectory(prefix=STAGING) as folder:
        stages = {
            plan.schema.name: Stage(
                plan, Path(folder), stamp, Validation(plan.schema, now, tolerance, stamp.day, refused.rows)
            )
            for plan in plans(mapping)
        }
        _fill(stages, path, mapping, batch_rows, progress)
        changes = {table: _change(lake, stage) for table, stage in stages.items()}
        size = path.stat().st_size
        wanted = {
            table: _entry(stage, size, complete_through, changes[table], before.get(table))
            for table, stage in stages.items()
        }
        if not before and not begin(lake, [entry.begun() for entry in wanted.values()], run):
            return again()
        try:
            for table, stage in stages.items():
                rejects = stage.rejected or (table in before and before[table].rows_rejected)
                if rejects and before.get(table) != wanted[table]:
                    swap(lake, REJECTED_ROWS, stamp.day, delivery_id, [table], stage.rejected_view(), run, refused)
                merge(lake, stage.schema, stage.accepted_view(), stage.days, changes[table], run, refused)
        except ErasedMeanwhile:
            return again()
        if before != wanted:
            finish(lake, list(wanted.values()), run)
    return _reported([_delivery(wanted[table], before.get(table), changes[table]) for table in tables])


def identify(path: Path, mapping: Mapping) -> str:
    """Hash of the file's bytes, the mapping and its table, and of its name and folder where these tell the model;
    UserError where the file cannot be read.
    """
    digest = hashlib.sha256(f"{READER_VERSION}\n{mapping.model_dump_json(by_alias=True)}\n".encode())
    if mapping.format in NAMED_BY_PATH:
        digest.update(f"{path.parent.name}/{path.name}\n".encode())
    with reading(path), path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _settled(entry: Entry, complete_through: date | None) -> bool:
    """Whether delivering again can change nothing: rows once rejected as future may be in time now."""
    declared = complete_through is None or (entry.complete_through or date.min) >= complete_through
    return entry.finished and entry.rows_rejected == 0 and declared


def _fill(
    stages: dict[str, Stage], path: Path, mapping: Mapping, batch_rows: int, progress: Callable[[int], None] | None
) -> None:
    try:
        for batch in read(path, mapping, batch_rows):
            stages[batch.table].add(batch)
            if progress is not None:
                progress(stages[mapping.table].read)
    finally:
        for stage in stages.values():
            stage.close()


def _change(lake: Lake, stage: Stage) -> Change:
    if not stage.accepted:
        return Change(0, (), None)
    return planned(lake, stage.schema, stage.accepted_view(), stage.days)


def _entry(stage: Stage, size: int, complete_through: date | None, change: Change, before: Entry | None) -> Entry:
    added = change.added
    days = {day.isoformat() for day in change.days}
    if before is not None:
        added = before.rows_added + (change.added if before.finished else 0)
        days |= set(filter(None, before.touched_days.split(",")))
        complete_through = max(filter(None, (complete_through, before.complete_through)), default=None)
    return Entry(
        delivery_id=stage.stamp.delivery_id,
        source=stage.stamp.source,
        table_name=stage.schema.name,
        rows_read=stage.read,
        rows_added=added,
        rows_duplicate=max(stage.accepted - added, 0),
        rows_rejected=stage.rejected,
        records_skipped=stage.skipped,
        bytes=size,
        first_day=stage.first.date() if stage.first else None,
        last_day=stage.last.date() if stage.last else None,
        last_time=stage.last,
        touched_days=",".join(sorted(days)),
        complete_through=complete_through,
        delivered_at=stage.stamp.delivered_at,
        rows_erased=stage.erased,
    )


def _delivery(entry: Entry, before: Entry | None, change: Change) -> Delivery:
    added = change.added if before is not None and before.finished else entry.rows_added
    return Delivery(
        delivery_id=entry.delivery_id,
        source=entry.source,
        table=entry.table_name,
        rows_read=entry.rows_read,
        rows_added=added,
        rows_duplicate=entry.rows_read - entry.rows_rejected - (entry.rows_erased or 0) - added,
        rows_rejected=entry.rows_rejected,
        rows_erased=entry.rows_erased or 0,
        records_skipped=entry.records_skipped,
        days=change.days,
        complete_through=entry.complete_through,
    )


def _repeated(entry: Entry) -> Delivery:
    return _delivery(entry, entry, Change(0, (), None))


def _reported(found: Sequence[Delivery]) -> Delivery:
    main, *others = found
    return replace(main, others=tuple(others))
