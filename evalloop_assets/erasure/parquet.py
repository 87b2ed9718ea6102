"""Parquet files outside the lake: whose rows name the person, and the file without them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from evalloop_assets.erasure.person import Person


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
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, view in person.views.items():
            connection.register(name, view.rows)
        try:
            columns = {name: type_ for name, type_, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
            condition = person.condition(columns)
            nested = [f'"{name}"' for name, type_ in columns.items() if "STRUCT" in type_ or type_.endswith("[]")]
            if nested:
                connection.create_function("names_them", _naming(person), ["VARCHAR"], "BOOLEAN")  # type: ignore[list-item, arg-type]
                condition += "".join(f" OR names_them(CAST(to_json({name}) AS VARCHAR))" for name in nested)
            connection.execute(
                f"CREATE TEMP VIEW marked AS SELECT *, coalesce({condition}, false) AS theirs FROM {source}"
            )
            yield connection
        except duckdb.Error as error:
            raise Undecodable(str(error).splitlines()[0]) from error


def _naming(person: Person) -> Callable[[str], bool]:
    def names_them(text: str) -> bool:
        return person.needles.count(json.dumps(json.loads(text), ensure_ascii=False).encode()) > 0

    return names_them


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
