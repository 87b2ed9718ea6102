"""Rows that break the log contract in every way that the types of a Parquet file allow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.logs.contract import LONG_TEXTS, MAX_ID_CHARS
from evalloop_assets.simulator.dirt import ROW_IDS

BEFORE_EVERY_LOG = datetime(1970, 1, 21, 11)
"""What seconds read as milliseconds give."""
AFTER_EVERY_LOG = datetime(9000, 1, 1)
_SUFFIX = "x"


class Fault(NamedTuple):
    """A value that a column must not hold."""

    column: str
    value: object
    about: str


def faults(schema: TableSchema) -> tuple[Fault, ...]:
    """Every kind of fault of every column, but for those that name the row."""
    columns = (column for column in schema.columns if column.name not in ROW_IDS[schema.name])
    return tuple(fault for column in columns for fault in _of(column))


def malformed(schema: TableSchema, rows: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, pa.Array]:
    """Copies of `rows` with ids of their own and one fault each; (rows,) texts that say which."""
    known = faults(schema)
    which = rng.integers(0, len(known), rows.num_rows)
    for name in ROW_IDS[schema.name]:
        number = rows.schema.get_field_index(name)
        own = pc.binary_join_element_wise(rows[name], _SUFFIX, "")
        rows = rows.set_column(number, rows.schema.field(number), own)
    for fault in sorted(set(which.tolist())):
        number = rows.schema.get_field_index(known[fault].column)
        field = rows.schema.field(number)
        value = pa.scalar(known[fault].value, field.type)
        rows = rows.set_column(number, field, pc.if_else(pa.array(which == fault), value, rows[number]))
    return rows, pa.array([fault.about for fault in known], pa.string()).take(pa.array(which))


def _of(column: Column) -> Iterator[Fault]:
    name = column.name
    if column.required:
        yield Fault(name, None, f"{name} is NULL")
    if column.type == "VARCHAR":
        if column.required:
            yield Fault(name, "  ", f"{name} is blank")
        if name not in LONG_TEXTS:
            yield Fault(name, "y" * (MAX_ID_CHARS + 1), f"{name} is too long")
        yield Fault(name, "a\0b", f"{name} holds a NUL character")
    if column.type == "TIMESTAMP":
        yield Fault(name, BEFORE_EVERY_LOG, f"{name} is before 2000")
        yield Fault(name, AFTER_EVERY_LOG, f"{name} is in the future")
    if column.type == "DOUBLE":
        yield Fault(name, float("nan"), f"{name} is no number")
        yield Fault(name, float("inf"), f"{name} is infinite")
    if column.choices:
        yield Fault(name, "no such word", f"{name} is an unknown word")
    if column.minimum is not None:
        yield Fault(name, column.minimum - 1, f"{name} is below {column.minimum:g}")
    if column.maximum is not None:
        yield Fault(name, column.maximum + 1, f"{name} is above {column.maximum:g}")
