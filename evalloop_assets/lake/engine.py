"""What a step asks of an engine, and DuckDB as the first that answers.

An engine knows views (files or a small table in memory), runs one SELECT over them, and either hands the rows back or
writes them as Parquet files into a table's folder. It knows nothing of versions and commits.
"""

from __future__ import annotations

import json
import re
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from evalloop_assets.lake.schema import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class View:
    """A named input of one query: Parquet files with the columns they hold, or rows in memory."""

    columns: Mapping[str, str]
    """Name to DuckDB type, `day` included."""
    files: Sequence[str] = ()
    rows: pa.Table | None = None


class DataFile(NamedTuple):
    """One Parquet file that an engine wrote, holding rows of one day."""

    path: str
    """Relative to the table's folder."""
    day: date
    rows: int
    size: int
    """Bytes."""


class Fingerprint(NamedTuple):
    """What one day's rows are, whatever their order."""

    rows: int
    exact: int
    """Sum of the hashes of all columns but the floats."""
    digest: int
    """Sum of the hashes of all columns."""


class Engine(Protocol):
    """Runs one SELECT over views."""

    @property
    def rows_at_once(self) -> int | None:
        """Most rows of the largest input for one SELECT, where days can be computed in parts; None for no bound."""
        ...

    def fetch(self, query: str, views: Mapping[str, View], parameters: Mapping[str, object]) -> pa.Table: ...

    def write(self, query: str, views: Mapping[str, View], schema: TableSchema, folder: str) -> list[DataFile]:
        """Write the rows of `query` under `folder`, one file or more for each day, none for no rows."""
        ...


FLOATS = ("DOUBLE", "FLOAT")
FLOAT_TOLERANCE = 1e-9
"""Relative difference up to which two floats are the same figure."""


class WrongColumns(Exception):
    """A query does not give the columns that its table declares: a mistake in the code of the step."""


class DuckDBEngine:
    """DuckDB in memory, one database for the engine's life, spilling to disk above its memory limit."""

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[DuckDBPyConnection]],
        filesystem: Callable[[], Any] | None = None,
        rows_at_once: int | None = None,
    ) -> None:
        self.rows_at_once = rows_at_once
        self._connect = connect
        self._filesystem = filesystem
        self._database: DuckDBPyConnection | None = None
        self._finalizer: Callable[[], object] | None = None

    def fetch(self, query: str, views: Mapping[str, View], parameters: Mapping[str, object]) -> pa.Table:
        with self._cursor() as connection:
            self._create(connection, _named(views, query))
            return connection.sql(query, params=dict(parameters) or None).to_arrow_table()

    def write(self, query: str, views: Mapping[str, View], schema: TableSchema, folder: str) -> list[DataFile]:
        with self._cursor() as connection:
            self._create(connection, _named(views, query))
            _require_columns(connection, query, schema)
            written = connection.execute(
                f"COPY ({query}) TO '{_quoted(folder)}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day), "
                "APPEND, FILENAME_PATTERN '{uuid}', RETURN_STATS)"
            ).fetchall()
        root = folder.rstrip("/") + "/"
        return [
            DataFile(path.removeprefix(root), date.fromisoformat(keys["day"]), rows, size)
            for path, rows, size, _, _, keys, _ in written
        ]

    def fingerprints(self, view: View) -> dict[date, Fingerprint]:
        """Of each day of the view, free of order: equal rows, equal figures."""
        if not view.files:
            return {}
        exact = ", ".join(identifier(name) for name in view.columns if name != "day" and not _is_float(view, name))
        exact = f"hash({exact or 'day'})"
        whole = ", ".join([exact, *(identifier(name) for name in view.columns if _is_float(view, name))])
        with self._cursor() as connection:
            self._create(connection, {"t": view})
            found = connection.execute(f"""
                SELECT day, count(*), sum({exact}::HUGEINT), sum(hash({whole})::HUGEINT)
                FROM t GROUP BY day""").fetchall()
        return {day: Fingerprint(rows, int(exact_sum), int(digest)) for day, rows, exact_sum, digest in found}

    def same_floats(self, old: View, new: View, key: Sequence[str]) -> set[date]:
        """Days on which both views have the same keys and, under each, the same floats to 1e-9 relative.

        Engines, and threads of one engine, add floats up in different orders.
        """
        joined = ", ".join(identifier(name) for name in dict.fromkeys(("day", *key)))
        close = " AND ".join(
            near(name, type_, "old", "new")
            for name, type_ in new.columns.items()
            if type_ in FLOATS and name not in key
        )
        with self._cursor() as connection:
            self._create(connection, {"old": old, "new": new})
            found = connection.execute(f"""
                WITH met AS (
                    SELECT day, count(*) AS n FROM old JOIN new USING ({joined}) WHERE {close or "true"} GROUP BY day
                )
                SELECT day FROM met
                JOIN (SELECT day, count(*) AS n FROM old GROUP BY day) AS before USING (day, n)
                JOIN (SELECT day, count(*) AS n FROM new GROUP BY day) AS after USING (day, n)""").fetchall()
        return {day for (day,) in found}

    def close(self) -> None:
        """Close the database; the next call opens another one."""
        if self._finalizer is not None:
            self._finalizer()
        self._database, self._finalizer = None, None

    def _cursor(self) -> DuckDBPyConnection:
        """A connection to the engine's database with temporary views of its own."""
        if self._database is None:
            opened = self._connect()
            self._database = opened.__enter__()
            self._finalizer = weakref.finalize(self, opened.__exit__, None, None, None)
            if self._filesystem is not None:
                self._database.register_filesystem(self._filesystem())
        return self._database.cursor()

    def _create(self, connection: DuckDBPyConnection, views: Mapping[str, View]) -> None:
        for name, view in views.items():
            if view.rows is not None:
                connection.register(name, view.rows)
            else:
                connection.execute(f"CREATE TEMP VIEW {identifier(name)} AS {rows_of_files(view)}")


def _named(views: Mapping[str, View], query: str) -> dict[str, View]:
    """Those whose name is in the query: of the others nothing need be opened."""
    words = set(re.findall(r"\w+", query))
    return {name: view for name, view in views.items() if name in words}


def _is_float(view: View, name: str) -> bool:
    return view.columns[name] in FLOATS


def near(name: str, type_: str, left: str, right: str) -> str:
    """Condition under which two sides of a join have the same value of a column, floats to FLOAT_TOLERANCE."""
    one, other = (f"{side}.{identifier(name)}" for side in (left, right))
    same = f"{one} IS NOT DISTINCT FROM {other}"
    if type_ not in FLOATS:
        return f"({same})"
    finite = f"isfinite({one}) AND isfinite({other})"
    close = f"{finite} AND abs({one} - {other}) <= {FLOAT_TOLERANCE} * greatest(abs({one}), abs({other}))"
    return f"({same} OR coalesce({close}, false))"


def _require_columns(connection: DuckDBPyConnection, query: str, schema: TableSchema) -> None:
    found = {name: type_ for name, type_, *_ in connection.execute(f"DESCRIBE {query}").fetchall()}
    wanted = {"day": "DATE"} | {column.name: column.type for column in schema.columns}
    if found != wanted:
        missing = {name: type_ for name, type_ in wanted.items() if found.get(name) != type_}
        extra = {name: type_ for name, type_ in found.items() if wanted.get(name) != type_}
        raise WrongColumns(f"{schema.name}: declared {json.dumps(missing)}, the query gives {json.dumps(extra)}")


def columns_of(schema: TableSchema) -> dict[str, str]:
    """Name to type of every column of the table, the partition first."""
    return {"day": "DATE"} | {column.name: column.type for column in schema.columns}


def rows_of_files(view: View) -> str:
    """SELECT of all rows of the view's files, with its columns and types even where it has none."""
    typed = ", ".join(f"CAST(NULL AS {type_}) AS {identifier(column)}" for column, type_ in view.columns.items())
    empty = f"SELECT {typed} WHERE false"
    if not view.files:
        return empty
    paths = ", ".join(f"'{_quoted(path)}'" for path in view.files)
    stored = f"SELECT * FROM read_parquet([{paths}], hive_partitioning = true, union_by_name = true)"
    return select_all(view.columns, f"({empty} UNION ALL BY NAME {stored})")


def select_all(columns: Iterable[str], source: str) -> str:
    return f"SELECT {', '.join(identifier(column) for column in columns)} FROM {source}"


def identifier(name: str) -> str:
    """A column or a view in quotes."""
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return text.replace("'", "''")
