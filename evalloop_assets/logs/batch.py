"""Some rows of a file on their way into the lake, and columns built from values of any kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

POSITION, DETAIL = "position", "detail"
UNDECODABLE = "\ufdd0"
"""Stands for a byte that is no UTF-8 while a file is parsed; a noncharacter, so that no text holds it by right."""

NOT_UTF8 = "holds bytes that are no UTF-8"
WRITE_UTF8 = "Write the file in UTF-8."


class Rejected(NamedTuple):
    """One row that does not come in."""

    position: int
    """Row, line or record of the file, counted from 1."""
    reason: str
    mend: str


@dataclass(frozen=True)
class RawBatch:
    """Rows of one file for one table, before the mapping is applied."""

    table: str
    data: pa.Table
    """`position` BIGINT, `detail` VARCHAR (which reply of a record; NULL for a whole record), one column per need."""
    rejected: tuple[Rejected, ...] = ()
    skipped: int = 0
    """Records that hold nothing for the table, such as a dialogue without a reply."""


class Column(NamedTuple):
    values: pa.Array
    faults: dict[int, str]
    """Index to reason, of values that no column can hold."""


def column(values: Sequence[object]) -> Column:
    """An Arrow column of JSON-like values; of mixed kinds it is text, lists and objects are their JSON."""
    try:
        array = pa.array(values)
        if not pa.types.is_nested(array.type) and not _marked(array):
            return Column(array, {})
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError):
        pass
    texts: list[str | None] = []
    faults: dict[int, str] = {}
    for index, value in enumerate(values):
        text = plain_text(value)
        if text is not None and not _encodable(text):
            faults[index] = NOT_UTF8
            text = None
        texts.append(text)
    return Column(pa.array(texts, pa.string()), faults)


def plain_text(value: object) -> str | None:
    """The value as text; numbers without a needless `.0`, truth values as in JSON, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def rejected_table(rows: Sequence[Rejected]) -> pa.Table:
    """`position`, `reason`, `mend`."""
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    types = (pa.int64(), pa.string(), pa.string())
    return pa.table(
        [pa.array(values, type_) for values, type_ in zip(columns, types, strict=True)], names=Rejected._fields
    )


def decoded(array: pa.Array) -> Column:
    """Strings from bytes or from strings that were never checked; faults are those that are no UTF-8."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.large_binary())
    try:
        text = array.cast(pa.large_string())
        text.validate(full=True)
        return Column(text, {})
    except pa.ArrowInvalid:
        values: list[str | None] = []
        faults: dict[int, str] = {}
        for index, raw in enumerate(array.cast(pa.large_binary()).to_pylist()):
            try:
                values.append(None if raw is None else raw.decode("utf-8"))
            except UnicodeDecodeError:
                values.append(None)
                faults[index] = NOT_UTF8
        return Column(pa.array(values, pa.large_string()), faults)


def _marked(array: pa.Array) -> bool:
    return pa.types.is_string(array.type) and bool(pc.any(pc.match_substring(array, UNDECODABLE)).as_py())


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return UNDECODABLE not in text
