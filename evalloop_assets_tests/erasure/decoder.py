"""The test's own search: every file of a home decoded by other means than the erasure's, and looked through as text."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def files_with(home: Path, terms: Iterable[str]) -> dict[str, set[str]]:
    """File (relative to the home) to the terms that are part of any string in it."""
    wanted = tuple(terms)
    found: dict[str, set[str]] = {}
    for path in sorted(home.rglob("*")):
        if path.is_file():
            text = "\n".join(strings(path))
            hits = {term for term in wanted if term in text}
            if hits:
                found[str(path.relative_to(home))] = hits
    return found


def strings(path: Path) -> Iterator[str]:
    raw = path.read_bytes()
    if raw[:4] == b"PAR1":
        for column in pq.read_table(path).columns:
            yield from _values(column)
        return
    yield (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace")
    if raw.startswith(b"SQLite format 3"):
        with sqlite3.connect(path) as connection:
            yield from connection.iterdump()
        connection.close()


def _values(column: pa.ChunkedArray) -> Iterator[str]:
    if pa.types.is_nested(column.type):
        yield from (str(value) for value in column.to_pylist())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        yield from (value for value in column.unique().to_pylist() if value is not None)
