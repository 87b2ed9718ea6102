"""Transforms over tables in memory: what the assets compute, for whoever has a data frame and no lake."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.constants import constants
from evalloop_assets.lake.delta import arrow_schema, arrow_type
from evalloop_assets.lake.engine import columns_of
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.sql import SqlTransform, load
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


@functools.cache
def load_all(*files: Path) -> tuple[SqlTransform, ...]:
    """The transforms of these files, in this order."""
    return tuple(map(load, files))


def require_frame(frame: object, mend: str, what: str = "turns") -> None:
    """UserError where it is no data frame, or one with two columns of a name."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        kind = type(frame)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise UserError(what, f"it is no data frame of pandas but {name}", mend)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise UserError(f"column {twice}", "it is there more than once", "Keep one of them.")


def run(
    chain: Sequence[SqlTransform], tables: Mapping[str, pa.Table], days: Days, settings: Settings, clock: Clock
) -> dict[str, pa.Table]:
    """Every table of the chain over the range, each transform reading `tables` and what those before it gave.

    `tables` hold `day` and the columns of their schemas. KeyError for an input that nobody gave.
    """
    import duckdb

    found = dict(tables)
    with duckdb.connect() as connection:
        for transform in chain:
            found[transform.schema.name] = compute(connection, transform, found, days, settings, clock)
    return {transform.schema.name: found[transform.schema.name] for transform in chain}


def compute(
    connection: DuckDBPyConnection,
    transform: SqlTransform,
    tables: Mapping[str, pa.Table],
    days: Days,
    settings: Settings,
    clock: Clock,
) -> pa.Table:
    """One table over the range, from the days of each input that its header asks for."""
    with connection.cursor() as cursor:
        for name, window in transform.reads.items():
            first, last = days.window(window)
            cursor.register(f"all_{name}", tables[name])
            cursor.execute(
                f"CREATE TEMP VIEW {name} AS SELECT * FROM all_{name} "
                f"WHERE day >= '{first or date.min}' AND day <= '{last or date.max}'"
            )
        for name, view in constants(transform, settings, clock).items():
            cursor.register(name, view.rows)
        query = cursor.sql(f"SELECT * FROM ({transform.query}) WHERE day BETWEEN '{days.first}' AND '{days.last}'")
        found = dict(zip(query.columns, map(str, query.types), strict=True))
        if list(found.items()) != list(columns_of(transform.schema).items()):
            raise TypeError(f"{transform.schema.name}: the query gives {found}")
        return query.to_arrow_table().cast(arrow_schema(transform.schema))


def typed(frame: pd.DataFrame, schema: TableSchema) -> pa.Table:
    """The frame's rows as a table of that schema, in their order, with `day`; a missing column is NULL throughout.

    Numbers may be floats with NaN, times strings or of any zone (made UTC, cut to microseconds), ids numbers; other
    columns are left out.
    UserError for a required column that is missing or NULL somewhere, and for a value that its column cannot hold.
    """
    import pyarrow as pa

    wanted = arrow_schema(schema)
    arrays = {}
    for column in schema.columns:
        if column.name in frame.columns:
            arrays[column.name] = typed_column(frame[column.name], column)
        elif column.required:
            raise UserError(f"column {column.name}", "it is missing", f"Give it: {column.about}.")
        else:
            arrays[column.name] = pa.nulls(len(frame), wanted.field(column.name).type)
    if schema.day_from:
        arrays["day"] = arrays[schema.day_from].cast(pa.date32())
    return pa.table([arrays[name] for name in wanted.names], schema=wanted)


def typed_column(values: pd.Series, column: Column) -> pa.Array:
    """One column as `typed` makes it, with the same errors."""
    import pyarrow as pa

    unknown = values.isna()
    if column.required and unknown.any():
        raise UserError(f"column {column.name}", f"{int(unknown.sum())} values are missing", "Leave such rows out.")
    known = values[~unknown]
    try:
        array = pa.array(_converted(known, column.type), arrow_type(column.type), from_pandas=True)
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        why = f"not every value is {_KINDS[column.type]}: {str(error).splitlines()[0]}"
        mend = f"Give {_KINDS[column.type]} ({column.about}), or leave the column out."
        raise UserError(f"column {column.name}", why, mend) from error
    if column.minimum is not None and len(known) and (found := min(array.to_pylist())) < column.minimum:
        raise UserError(
            f"column {column.name}", f"{found} is below {column.minimum:g}", "Leave what is not known empty."
        )
    places = (~unknown).cumsum().to_numpy() - 1
    return array.take(pa.array(places, mask=unknown.to_numpy()))


_KINDS = {
    "VARCHAR": "a text",
    "BIGINT": "a whole number",
    "DOUBLE": "a number",
    "TIMESTAMP": "a time",
    "BOOLEAN": "true or false",
}


def require_single(known: pd.Series) -> None:
    """TypeError for bytes, lists and whatever else is several values: their Python form is nobody's text or id."""
    for kind in set(known.map(type)):
        if issubclass(kind, Iterable) and not issubclass(kind, str):
            raise TypeError(f"{kind.__name__} is no text")


def _converted(known: pd.Series, type_: str) -> pd.Series:
    import pandas as pd

    if isinstance(known.dtype, pd.ArrowDtype):
        known = known.astype(object)
    match type_:
        case "VARCHAR":
            require_single(known)
            return known.astype(str)
        case "BIGINT":
            numbers = _numbers(known).round()
            if (numbers.abs() >= 2**63).any():
                raise OverflowError(f"{numbers[numbers.abs() >= 2**63].iloc[0]} has no place in 64 bits")
            return numbers.astype("int64")
        case "DOUBLE":
            return _numbers(known).astype("float64")
        case "BOOLEAN":
            return known.astype("boolean")
        case "TIMESTAMP":
            if pd.api.types.is_numeric_dtype(known):
                raise TypeError("a number does not say its unit")
            times = pd.to_datetime(known, utc=True, format="ISO8601" if known.dtype == object else None)
            return times.dt.tz_localize(None).dt.floor("us")
    raise TypeError(f"a frame cannot hold {type_}")


def _numbers(known: pd.Series) -> pd.Series:
    import pandas as pd

    if known.dtype.kind in "mM":
        raise TypeError("a time or duration is no number")
    numbers = pd.to_numeric(known)
    if pd.api.types.is_bool_dtype(numbers):
        raise TypeError("true or false is no number")
    return numbers
