"""Streams records out of JSON Lines, of a JSON array, or of one JSON object."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.batch import NOT_UTF8, WRITE_UTF8, Rejected
from evalloop_assets.logs.opened import Utf8Marked, opened

MAX_LINE_BYTES = 16 << 20
MAX_OBJECT_BYTES = 64 << 20
BOM = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One record of a file."""

    position: int
    """Line of JSON Lines, element of an array, counted from 1."""
    value: object
    size: int
    """Bytes it takes, roughly."""


def json_lines(path: Path) -> Iterator[Record | Rejected]:
    """One record a line; a line that is no JSON object is rejected, empty lines are left out."""
    with opened(path) as stream:
        yield from _lines(stream)


def json_array(path: Path, records: str) -> Iterator[Record]:
    """The elements of the array at the path `records`, the whole file where it is empty."""
    with opened(path) as stream:
        yield from _array(path, stream, f"{records}.item" if records else "item")


def json_any(path: Path) -> Iterator[Record | Rejected]:
    """Records of an export that may be JSON Lines, an array or one object; told apart by how the file begins."""
    with opened(path) as stream:
        first = stream.readline(MAX_LINE_BYTES).removeprefix(BOM).lstrip()
        while not first.strip():
            following = stream.readline(MAX_LINE_BYTES)
            if not following:
                return
            first = following.lstrip()
    if first.startswith(b"["):
        yield from json_array(path, "")
    elif _is_object(first):
        yield from json_lines(path)
    else:
        yield _one_object(path)


def _lines(stream: BinaryIO) -> Iterator[Record | Rejected]:
    for number in itertools.count(1):
        line = stream.readline(MAX_LINE_BYTES)
        if not line:
            return
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield Rejected(number, f"the line is longer than {MAX_LINE_BYTES >> 20} MB", "Shorten or split the record.")
            continue
        if number == 1:
            line = line.removeprefix(BOM)
        if line.strip():
            yield _parsed(number, line)


def _parsed(number: int, line: bytes) -> Record | Rejected:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Rejected(number, f"the line {NOT_UTF8}", WRITE_UTF8)
    except (ValueError, RecursionError) as error:
        return Rejected(number, f"the line is no JSON: {_short(error)}", "Write one JSON object a line.")
    if not isinstance(value, dict):
        return Rejected(number, "the line is no JSON object", "Write one JSON object a line.")
    return Record(number, value, len(line))


def _array(path: Path, stream: BinaryIO, prefix: str) -> Iterator[Record]:
    import ijson

    source = Utf8Marked(stream)
    found = 0
    read = 0
    try:
        for value in ijson.items(source, prefix, use_float=True):
            found += 1
            yield Record(found, value, max(source.consumed - read, 0))
            read = source.consumed
    except ijson.JSONError as error:
        reason = f"is no whole JSON after record {found}: {_short(error)}"
        raise UserError(
            str(path), reason, "Deliver the whole file, or JSON Lines, of which broken lines are left out."
        ) from error
    if not found:
        at = prefix.removesuffix("item").rstrip(".")
        reason = f"has no array of records {f'at `{at}`' if at else 'at its top'}, or an empty one"
        raise UserError(str(path), reason, "Set `records:` of the mapping to the path of the array.")


def _one_object(path: Path) -> Record:
    with opened(path) as stream:
        content = stream.read(MAX_OBJECT_BYTES + 1)
    if len(content) > MAX_OBJECT_BYTES:
        raise UserError(str(path), f"is one JSON object above {MAX_OBJECT_BYTES >> 20} MB", "Export JSON Lines.")
    try:
        return Record(1, json.loads(content.removeprefix(BOM).decode("utf-8")), len(content))
    except (ValueError, RecursionError) as error:
        raise UserError(str(path), f"is no JSON: {_short(error)}", "Deliver the whole file again.") from error


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:120]
