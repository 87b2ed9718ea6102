"""Columns to Arrow tables with exactly the columns and types of a table schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.simulator.arrays import Floats, Ints

ARROW_TYPES: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}
_US = 1_000_000


def arrow_schema(schema: TableSchema) -> pa.Schema:
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in schema.columns])


def table(schema: TableSchema, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """A table of `rows` rows; columns that are not given are NULL, a scalar stands for every row."""
    unknown = set(columns) - set(schema.column_names)
    if unknown:
        raise ValueError(f"table {schema.name} has no columns {sorted(unknown)}")
    arrays = [_array(column, columns.get(column.name), rows) for column in schema.columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(schema))


def _array(column: Column, values: Any, rows: int) -> pa.Array:
    type_ = ARROW_TYPES[column.type]
    if values is None:
        return pa.nulls(rows, type_)
    if np.ndim(values) == 0 and not isinstance(values, list | np.ndarray):
        return pa.array([values] * rows, type_)
    return pa.array(values, type_)


def day_start_us(day: date) -> int:
    """Microseconds from the epoch to the start of the UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _US


def times_us(day: date, seconds: Floats) -> Ints:
    """Times (microseconds from the epoch, on whole milliseconds) of seconds after the day's midnight UTC."""
    return np.asarray(day_start_us(day) + np.round(seconds * 1000).astype(np.int64) * 1000)
