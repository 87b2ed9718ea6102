"""Gathers rows made from records into batches of bounded rows and bytes."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from evalloop_assets.logs.batch import DETAIL, POSITION, WRITE_UTF8, RawBatch, Rejected, column
from evalloop_assets.logs.paths import lookup
from evalloop_assets.logs.plan import Need, TablePlan

BATCH_BYTES = 64 << 20


class Row(NamedTuple):
    """One row before the mapping: the record it comes from and, in a dialogue, the reply."""

    position: int
    record: object
    reply: object = None
    built: dict[str, object] = {}  # noqa: RUF012 - never written to
    detail: str | None = None


class Collector:
    """Rows of one table; `take` hands out what has gathered."""

    def __init__(self, plan: TablePlan) -> None:
        self.plan = plan
        self.seen: set[str] = set()
        """Keys of needs for which some record had a value."""
        self.rows_seen = 0
        self._clear()

    def _clear(self) -> None:
        self._columns: dict[Need, list[object]] = {need: [] for need in self.plan.needs}
        self._positions: list[int] = []
        self._details: list[str | None] = []
        self._rejected: list[Rejected] = []
        self._skipped = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._positions) + len(self._rejected)

    @property
    def full(self) -> bool:
        return self._bytes >= BATCH_BYTES

    def add(self, row: Row, size: int) -> None:
        """`size`: bytes that the row roughly takes."""
        origins = {"record": row.record, "reply": row.reply, "built": row.built}
        for need, values in self._columns.items():
            value = lookup(origins[need.scope], need.path)
            if need.join is not None and isinstance(value, list):
                value = need.join.join(str(part) for part in value)
            if value is not None:
                self.seen.add(need.key)
            values.append(value)
        self.rows_seen += 1
        self._positions.append(row.position)
        self._details.append(row.detail)
        self._bytes += size

    def reject(self, rejected: Rejected) -> None:
        self._rejected.append(rejected)

    def skip(self) -> None:
        self._skipped += 1

    def take(self) -> RawBatch:
        faults: dict[int, str] = {}
        arrays: dict[str, pa.Array] = {
            POSITION: pa.array(self._positions, pa.int64()),
            DETAIL: pa.array(self._details, pa.string()),
        }
        for need, values in self._columns.items():
            built = column(values)
            arrays[need.key] = built.values
            for index, reason in built.faults.items():
                faults.setdefault(index, f"{need.path} {reason}")
        data = pa.table(arrays)
        rejected = [*self._rejected, *(Rejected(self._positions[i], why, WRITE_UTF8) for i, why in faults.items())]
        if faults:
            data = data.filter(pa.array([index not in faults for index in range(data.num_rows)]))
        batch = RawBatch(self.plan.schema.name, data, tuple(rejected), self._skipped)
        self._clear()
        return batch
