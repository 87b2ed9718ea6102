"""Files outside the lake: every one in the home folder and in what was exported elsewhere, searched and made clean.

What a file is follows from how it begins. Parquet loses the person's rows and JSON Lines and CSV their lines; SQLite
databases and other text keep everything but the person's ids and words, which become `[erased]`. Nothing else may be
changed: a binary file that names the person is reported.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from evalloop_assets.erasure import databases, parquet
from evalloop_assets.erasure.parquet import Undecodable
from evalloop_assets.erasure.person import Person

LINES = (".jsonl", ".ndjson", ".csv", ".tsv")
SQLITE, GZIP, PARQUET = b"SQLite format 3\0", b"\x1f\x8b", b"PAR1"


class Cleaned(NamedTuple):
    """What was taken out of one file."""

    path: Path
    what: str
    """rows, lines or values."""
    number: int


class Left(NamedTuple):
    """A file that still holds the person, or of which nobody can tell."""

    path: str
    why: str


def files_under(places: Iterable[Path], without: Iterable[Path]) -> Iterator[Path]:
    """Every file under these folders, or these files; nothing under those of `without`."""
    left_out = {path.resolve() for path in without}
    for place in places:
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in found:
            if path.is_file() and not path.is_symlink() and not left_out & {path.resolve(), *path.resolve().parents}:
                yield path


def clean(path: Path, person: Person) -> Cleaned | None:
    """Take the person out of one file; None where nothing was found or can be done."""
    head = _head(path)
    if head.startswith(PARQUET):
        try:
            count = parquet.erase_rows(path, person)
        except Undecodable:
            return None
        return Cleaned(path, "rows", count) if count else None
    if head.startswith(SQLITE):
        return _clean_database(path, person)
    return _clean_text(path, person, head.startswith(GZIP))


def left_in(path: Path, person: Person) -> Left | None:
    """Decode one file and search it."""
    head = _head(path)
    if head.startswith(PARQUET):
        try:
            rows = parquet.rows_of(path, person)
        except Undecodable as error:
            return Left(str(path), f"cannot be decoded ({error})")
        return Left(str(path), f"{rows} rows") if rows else None
    try:
        values = databases.values_with(path, person) if head.startswith(SQLITE) else 0
        content = gzip.decompress(path.read_bytes()) if head.startswith(GZIP) else path.read_bytes()
    except (OSError, EOFError, zlib.error, sqlite3.Error) as error:
        return Left(str(path), f"cannot be decoded ({error})") if path.exists() else None
    found = values + person.needles.count(content)  # of a database also the bytes, for what free pages keep
    return Left(str(path), f"{found} places") if found else None


def _clean_database(path: Path, person: Person) -> Cleaned | None:
    try:
        if databases.values_with(path, person) or person.needles.count(path.read_bytes()):
            return Cleaned(path, "values", databases.erase_values(path, person))
    except (OSError, sqlite3.Error):
        return None  # the search names it
    return None


def _clean_text(path: Path, person: Person, zipped: bool) -> Cleaned | None:
    try:
        content = gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()
        content.decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return None
    found = person.needles.count(content)
    if not found:
        return None
    if Path(path.name.removesuffix(".gz")).suffix in LINES:
        lines = content.splitlines(keepends=True)
        kept = [line for line in lines if not person.needles.count(line)]
        put, what, count = b"".join(kept), "lines", len(lines) - len(kept)
    else:
        put, what, count = person.needles.without(content), "values", found
    beside = path.with_name(f".{path.name}.erasing")
    beside.write_bytes(gzip.compress(put) if zipped else put)
    os.replace(beside, path)
    return Cleaned(path, what, count)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(16)
    except OSError:
        return b""
