"""Accepted and rejected rows of one file and table, on their way into the lake: Parquet in a temporary folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.engine import View, columns_of
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.apply import Application
from evalloop_assets.logs.batch import RawBatch, rejected_table
from evalloop_assets.logs.contract import REJECTED_ROWS
from evalloop_assets.logs.database import cursor
from evalloop_assets.logs.merge import STAGED, staged_columns
from evalloop_assets.logs.plan import TablePlan
from evalloop_assets.logs.validate import Validation


class Stamp(NamedTuple):
    """What all rows of one delivery share."""

    delivery_id: str
    source: str
    delivered_at: datetime
    """UTC; of the first attempt."""

    @property
    def day(self) -> date:
        return self.delivered_at.date()


class Stage:
    """Takes the raw batches of one table; holds one batch at a time in memory."""

    def __init__(self, plan: TablePlan, folder: Path, stamp: Stamp, validation: Validation) -> None:
        self.schema: TableSchema = plan.schema
        self.accepted = 0
        self.rejected = 0
        self.skipped = 0
        self.erased = 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.stamp = stamp
        self._apply = Application(plan)
        self._validate = validation
        self._connection = cursor()
        self._files = folder / f"{plan.schema.name}.parquet", folder / f"{plan.schema.name}_rejected.parquet"
        self._writers: dict[Path, pq.ParquetWriter] = {}

    @property
    def read(self) -> int:
        return self.accepted + self.rejected + self.erased

    @property
    def days(self) -> Days:
        """From the first to the last day of the accepted rows; of a table without time that of the delivery."""
        at = self.stamp.delivered_at
        return Days((self.first or at).date(), (self.last or at).date())

    def add(self, batch: RawBatch) -> None:
        applied = self._apply(batch.data)
        self.skipped += batch.skipped + applied.left_out
        accepted, rejected, erased = self._validate(applied.data)
        self.erased += erased
        self._reject(pa.concat_tables([rejected_table(batch.rejected), rejected]))
        if accepted.num_rows:
            self._note_times(accepted)
            numbers = pa.array(range(self.accepted, self.accepted + accepted.num_rows), pa.int64())
            self._connection.register("accepted", accepted.append_column("staged_row", numbers))
            chosen = self._connection.sql(f"SELECT {staged_columns(self.schema)} FROM accepted")
            self._write(self._files[0], chosen.to_arrow_table())
            self.accepted += accepted.num_rows

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def accepted_view(self) -> View:
        return View({**columns_of(self.schema), **STAGED}, self._written(self._files[0]))

    def rejected_view(self) -> View:
        return View(columns_of(REJECTED_ROWS), self._written(self._files[1]))

    def _written(self, file: Path) -> Sequence[str]:
        return (str(file),) if file in self._writers else ()

    def _note_times(self, accepted: pa.Table) -> None:
        if self.schema.day_from is None:
            return
        found = pc.min_max(accepted.column(self.schema.day_from)).as_py()
        self.first = min(self.first or found["min"], found["min"])
        self.last = max(self.last or found["max"], found["max"])

    def _reject(self, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        self._write(self._files[1], as_rejected_rows(rows, self.stamp, self.schema.name))
        self.rejected += rows.num_rows

    def _write(self, file: Path, rows: pa.Table) -> None:
        if file not in self._writers:
            self._writers[file] = pq.ParquetWriter(file, rows.schema, compression="zstd")
        self._writers[file].write_table(rows)


def as_rejected_rows(rows: pa.Table, stamp: Stamp, table_name: str) -> pa.Table:
    """`position`, `reason`, `mend` with what is the same for a whole delivery."""
    known: dict[str, object] = {
        "day": stamp.day,
        "delivery_id": stamp.delivery_id,
        "source": stamp.source,
        "table_name": table_name,
        "rejected_at": stamp.delivered_at,
    }
    wanted = arrow_schema(REJECTED_ROWS)
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.array([known[field.name]] * rows.num_rows, field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)
