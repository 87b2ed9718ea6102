"""Files outside the lake: every one in the home folder and in what was exported elsewhere, searched and made clean.

What a file is follows from how it begins. Parquet loses the person's rows, JSON Lines and CSV their records; SQLite
databases and other text keep everything but the person's ids and words, which become `[erased]`. Nothing else may be
changed: a binary file that names the person is reported.
"""

from __future__ import annotations

import csv
import gzip
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from evalloop_assets.erasure import databases, formats, parquet
from evalloop_assets.erasure.parquet import Undecodable
from evalloop_assets.erasure.person import Person

SQLITE, GZIP, PARQUET = b"SQLite format 3\0", b"\x1f\x8b", b"PAR1"


class Cleaned(NamedTuple):
    """What was taken out of one file."""

    path: Path
    what: str
    """rows, records or values."""
    number: int


class Left(NamedTuple):
    """A file that still holds the person, or of which nobody can tell."""

    path: str
    why: str
    decoded: bool = True
    """Whether the person was seen there; else nobody can tell."""


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
            return Left(str(path), f"cannot be decoded ({error})", False)
        return Left(str(path), f"{rows} rows") if rows else None
    try:
        values = databases.values_with(path, person) if head.startswith(SQLITE) else 0
        content = gzip.decompress(path.read_bytes()) if head.startswith(GZIP) else path.read_bytes()
    except (OSError, EOFError, zlib.error, sqlite3.Error) as error:
        return Left(str(path), f"cannot be decoded ({error})", False) if path.exists() else None
    form = None if head.startswith(SQLITE) else formats.form_of(path)
    try:
        found = formats.without(form, content, person)[1] if form is not None else person.needles.count(content)
    except csv.Error as error:
        seen = person.needles.count(content)
        if seen or person.user_id.encode() in content:
            return Left(str(path), f"cannot be read as {form} ({error})", bool(seen))
        return None
    found += values  # of a database also the bytes were searched, for what free pages keep
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
    form = formats.form_of(path)
    if form is None:
        put, count = person.needles.without(content), person.needles.count(content)
    else:
        try:
            put, count = formats.without(form, content, person)
        except csv.Error:
            return None  # the search names it
    if not count:
        return None
    beside = path.with_name(f".{path.name}.erasing")
    beside.write_bytes(gzip.compress(put) if zipped else put)
    os.replace(beside, path)
    return Cleaned(path, "values" if form in (None, formats.JSON) else "records", count)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(16)
    except OSError:
        return b""
