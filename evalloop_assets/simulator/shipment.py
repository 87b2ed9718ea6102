"""One day's delivery: what is sent today, what is held back for later, and the truth beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.contract import LOG_TABLES, TURNS
from evalloop_assets.simulator.arrow import arrow_schema
from evalloop_assets.simulator.delivery import Parcel, deliver, delivered_file
from evalloop_assets.simulator.dirt import TRUTH_DIRT
from evalloop_assets.simulator.soiling import HeldBack, Soiled, joined
from evalloop_assets.simulator.truth import truth_file

Soil = Callable[[Mapping[str, pa.Table], int], Soiled]
"""Soils the tables of one part of the day; the number of the part picks its randomness."""


class Shipment:
    """Takes the rows of one served day, part by part; on an error nothing of it is left behind.

    `soil` makes the log dirty on the way. What it holds back, rows of a later UTC day among it (a conversation across
    midnight, users west of Greenwich), comes with the delivery of its own day.
    """

    def __init__(self, out: Path, truth: Path, day: date, held: HeldBack, soil: Soil) -> None:
        self._out, self._truth, self._day, self._soil = out, truth, day, soil
        self._turns = Parcel(delivered_file(out, TURNS.name, day), arrow_schema(TURNS))
        self._truths: dict[str, Parcel] = {}
        self._tables: dict[str, pa.Table] = {}
        self._delivered = False
        due, self.held = held.due(day)
        self._send(due)

    def __enter__(self) -> Shipment:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._delivered:
            for parcel in (self._turns, *self._truths.values()):
                parcel.discard()

    def add(self, tables: Mapping[str, pa.Table], part: int) -> None:
        """Tables of the day, or a part of them, in the contract's columns."""
        soiled = self._soil({name: _in_order(LOG_TABLES[name], rows) for name, rows in tables.items()}, part)
        self.held = self.held.plus(soiled.held)
        self.add_truth(TRUTH_DIRT, soiled.truth)
        self._send(soiled.tables)

    def add_truth(self, schema: TableSchema, rows: pa.Table) -> None:
        """Rows of a truth table, in parts or whole."""
        if schema.name not in self._truths:
            path = truth_file(self._truth, schema, self._day)
            self._truths[schema.name] = Parcel(path, arrow_schema(schema))
        self._truths[schema.name].add(rows)

    def settle_truth(self) -> None:
        for parcel in self._truths.values():
            parcel.settle()

    def deliver(self) -> None:
        """Puts the day's files in place and declares it complete."""
        deliver(self._out, self._day, self._tables, self._turns)
        self._delivered = True

    def _send(self, tables: Mapping[str, pa.Table]) -> None:
        if TURNS.name in tables:
            self._turns.add(tables[TURNS.name])
        others = {name: rows for name, rows in tables.items() if name != TURNS.name and rows.num_rows}
        self._tables = joined(self._tables, others)


def _in_order(schema: TableSchema, rows: pa.Table) -> pa.Table:
    if schema.day_from is None:
        return rows
    return rows.sort_by([(schema.day_from, "ascending"), (schema.key[0], "ascending")])
