"""Between the project's schemas and Delta's: types, actions, stored columns."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import unquote

from evalloop_assets.lake.engine import DataFile, View, columns_of
from evalloop_assets.lake.schema import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

_DUCKDB_OF_DELTA = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp_ntz": "TIMESTAMP",
}


def arrow_schema(schema: TableSchema) -> pa.Schema:
    """The table's columns as Arrow types, `day` first."""
    import pyarrow as pa

    return pa.schema([(name, arrow_type(type_)) for name, type_ in columns_of(schema).items()])


def rows_of_day(schema: TableSchema, day: date, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """The rows of one day in the types of their table; a column that a row lacks is NULL."""
    import pyarrow as pa

    return pa.Table.from_pylist([{"day": day, **row} for row in rows], arrow_schema(schema))


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a DuckDB type that the lake knows; KeyError for another."""
    import pyarrow as pa

    if name.endswith("[]"):
        return pa.list_(arrow_type(name[:-2]))
    return {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "FLOAT": pa.float32(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
    }[name]


def delta_actions(files: Sequence[DataFile]) -> list[AddAction | RemoveAction]:
    from deltalake.transaction import AddAction

    now = int(time.time() * 1000)
    return [
        AddAction(
            file.path,
            file.size,
            {"day": file.day.isoformat()},
            now,
            True,
            json.dumps({"numRecords": file.rows}),
        )
        for file in files
    ]


def stored_columns(table: DeltaTable) -> dict[str, str]:
    """Name to DuckDB type of the columns that the table has in the lake, the partition first."""
    from deltalake.schema import ArrayType, PrimitiveType

    def named(type_: object) -> str:
        if isinstance(type_, ArrayType):
            return f"{named(type_.element_type)}[]"
        assert isinstance(type_, PrimitiveType)
        return _DUCKDB_OF_DELTA[type_.type]

    columns = {field.name: named(field.type) for field in table.schema().fields}
    return {"day": columns.pop("day")} | columns


def view_of(table: DeltaTable | None, first: date | None, last: date | None) -> View:
    """The table's columns and its files of these days; nothing where there is no table."""
    if table is None:
        return View({})
    limits = [f"day >= '{first}'"] * (first is not None) + [f"day <= '{last}'"] * (last is not None)
    return View(stored_columns(table), stored_files(table, " AND ".join(limits) or None))


def stored_files(table: DeltaTable, predicate: str | None = None) -> list[str]:
    """Paths or URLs of the table's files, of all days or of those that a predicate over `day` holds for.

    delta-rs writes a local path as in a URL, where a blank or a Chinese character is percent-encoded.
    """
    files = table.file_uris(file_pruning_predicate=predicate)
    return [unquote(file) for file in files] if table.table_uri.startswith("file:") else files


def stored_rows(table: DeltaTable) -> dict[date, int | None]:
    """Rows of each day that has any, from the log of the table alone; None where the log does not tell."""
    import pyarrow as pa

    files = pa.table(table.get_add_actions(flatten=True)).select(["partition.day", "num_records"])
    rows: dict[date, int | None] = {}
    for day, count in zip(*(column.to_pylist() for column in files.columns), strict=True):
        known = rows.get(day, 0)
        rows[day] = None if known is None or count is None else known + count
    return rows
