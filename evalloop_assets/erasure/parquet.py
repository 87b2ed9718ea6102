"""Parquet files outside the lake: whose rows name the person, and the file without them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb

from evalloop_assets.erasure.person import Person, kind_of
from evalloop_assets.lake.registry import all_declared


class Undecodable(Exception):
    """A file that cannot be read to its end, so that nobody can say what it holds."""


def rows_of(path: Path, person: Person) -> int:
    """Rows of the file that hold the person; Undecodable where it is broken."""
    with _marked(path, person) as connection:
        return int(connection.execute("SELECT count(*) FROM marked WHERE theirs").fetchall()[0][0])


def erase_rows(path: Path, person: Person) -> int:
    """Swap in the file without these rows, or delete it where none is left; gives their number."""
    beside = path.with_name(f".{path.name}.erasing")
    with _marked(path, person) as connection:
        counts = "SELECT count(*) FILTER (WHERE theirs), count(*) FROM marked"
        theirs, rows = connection.execute(counts).fetchall()[0]
        if theirs and theirs < rows:
            kept = "SELECT * EXCLUDE (theirs) FROM marked WHERE NOT theirs"
            connection.execute(f"COPY ({kept}) TO '{_quoted(beside)}' (FORMAT parquet, COMPRESSION zstd)")
            os.replace(beside, path)
        elif theirs:
            path.unlink()
    return int(theirs)


@contextmanager
def _marked(path: Path, person: Person) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view `marked`: the rows of the file and whether each is `theirs`."""
    source = f"read_parquet('{_quoted(path)}', hive_partitioning = false)"
    try:
        described = _database().cursor().execute(f"DESCRIBE FROM {source}").fetchall()
        columns = {name: type_ for name, type_, *_ in described}
        prose = [f'"{name}"' for name, type_ in columns.items() if _is_prose(name, type_)]
        condition = person.condition(columns)
        with duckdb.connect(config={"threads": 1}) if prose else _database().cursor() as connection:
            for name, view in person.views.items():
                connection.register(name, view.rows)
            if prose:
                connection.create_function("names_them", _naming(person), ["VARCHAR"], "BOOLEAN")
                condition += "".join(f" OR names_them(CAST(to_json({name}) AS VARCHAR))" for name in prose)
            connection.execute(
                f"CREATE TEMP VIEW marked AS SELECT *, coalesce({condition}, false) AS theirs FROM {source}"
            )
            yield connection
    except duckdb.Error as error:
        raise Undecodable(str(error).splitlines()[0]) from error


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for all files: opening one costs more than searching a small file."""
    return duckdb.connect(config={"threads": 1})


def _is_prose(name: str, type_: str) -> bool:
    """Whether a column may hold anything anywhere: nested ones, and text that no table of the lake has."""
    if "STRUCT" in type_ or type_.endswith("[]"):
        return True
    known = {column for schema in all_declared().values() for column in schema.column_names}
    return type_ == "VARCHAR" and kind_of(name) is None and name not in known


def _naming(person: Person) -> Callable[[str], bool]:
    def names_them(text: str) -> bool:
        return person.needles.count(json.dumps(json.loads(text), ensure_ascii=False).encode()) > 0

    return names_them


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
