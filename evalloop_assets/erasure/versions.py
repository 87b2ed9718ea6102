"""Old files of a table that hold the person: which they are, which versions need them, and their end.

What the newest version needs is clean by then. A file that cannot be decoded is what a killed writer left, if it was
last touched before this attempt: every attempt commits to each table, and no writer in flight can pass that commit. A
younger one is still being written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import duckdb

from evalloop_assets.erasure.person import Person
from evalloop_assets.lake.engine import View
from evalloop_assets.lake.files import LOG, LakeFile, actions, delete, table_files
from evalloop_assets.lake.store import Lake

T = TypeVar("T")


class Held(NamedTuple):
    """Files of one table that hold the person, or that nobody can read."""

    holding: tuple[str, ...]
    undecodable: tuple[LakeFile, ...]


def data_views(lake: Lake, table: str) -> list[View]:
    """One view over all decodable data files of the table, of whatever version or of none."""
    files = [file.uri for file in table_files(lake, table) if file.is_data]
    return _views(lake, files)[0]


def held(lake: Lake, table: str, person: Person) -> Held:
    """Look into every data file of the table."""
    files = {file.uri: file for file in table_files(lake, table) if file.is_data}
    views, undecodable = _views(lake, list(files))
    holding: list[str] = []

    def holders(view: View) -> list[str]:
        theirs = f"coalesce({person.condition(view.columns)}, false)"
        query = f"SELECT DISTINCT filename FROM {_source(view)} AS source WHERE {theirs}"
        return [str(uri) for uri in lake.reader.fetch(query, person.views, {}).column("filename").to_pylist()]

    for view in views:
        for part, found in decoded(holders, view):
            holding += found or []
            undecodable += part.files if found is None else []
    return Held(tuple(sorted(holding)), tuple(files[uri] for uri in undecodable))


def decoded(read: Callable[[View], T], view: View) -> Iterator[tuple[View, T | None]]:
    """What `read` gives of the view, or of each of its files where one is broken: None of that one."""
    try:
        yield view, read(view)
    except duckdb.Error:
        if len(view.files) < 2:
            yield view, None
            return
        for file in view.files:
            yield from decoded(read, View(view.columns, [file]))


def unreadable_without(lake: Lake, table: str, gone: Iterable[str]) -> list[tuple[int, int]]:
    """Ranges of versions that need one of these files, from the log of the table."""
    spans = _spans(lake, table)
    root = f"{lake.root}/{table}/"
    lost: set[int] = set()
    for uri in gone:
        first, last = spans.get(uri.removeprefix(root), (0, -1))
        lost |= set(range(first, last + 1))
    return _ranges(sorted(lost))


def delete_files(lake: Lake, uris: Sequence[str]) -> None:
    for uri in uris:
        delete(lake.root, uri)


def _spans(lake: Lake, table: str) -> dict[str, tuple[int, int]]:
    """First and last version in which each file is part of the table."""
    opened = lake.delta(table)
    newest = opened.version() if opened else -1
    spans: dict[str, tuple[int, int]] = {}
    for file in table_files(lake, table):
        folder, _, name = file.uri.rpartition("/")
        if not folder.endswith(LOG) or not name.endswith(".json") or not name[:-5].isdigit():
            continue
        version = int(name[:-5])
        for action in actions(lake.root, file.uri):
            if "add" in action:
                spans.setdefault(action["add"]["path"], (version, newest))
            elif "remove" in action:
                path = action["remove"]["path"]
                spans[path] = (spans.get(path, (0, newest))[0], version - 1)
    return spans


def _views(lake: Lake, files: list[str]) -> tuple[list[View], list[str]]:
    """The decodable files by their columns, and the others."""
    by_columns: dict[tuple[tuple[str, str], ...], list[str]] = {}
    undecodable = []
    for uri in files:
        try:
            described = lake.reader.fetch(f"DESCRIBE SELECT * FROM {_source(View({}, [uri]))}", {}, {})
        except (duckdb.Error, OSError):
            undecodable.append(uri)
            continue
        names, types = described.column("column_name").to_pylist(), described.column("column_type").to_pylist()
        columns = tuple((name, type_) for name, type_ in zip(names, types, strict=True) if name != "filename")
        by_columns.setdefault(columns, []).append(uri)
    return [View(dict(columns), uris) for columns, uris in by_columns.items()], undecodable


def _source(view: View) -> str:
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in view.files)
    return f"read_parquet([{paths}], hive_partitioning = true, filename = true)"


def _ranges(versions: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for version in versions:
        if found and version == found[-1][1] + 1:
            found[-1] = (found[-1][0], version)
        else:
            found.append((version, version))
    return found
