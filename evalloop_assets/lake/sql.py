"""A transform: one SELECT in a `.sql` file, under a header that says what one row is and what it reads.

The header is YAML in the file's first block comment:

    row: what one row stands for
    key: [columns that identify it]
    reads: {table: [first, last]}   # day offsets around the range; null: unbounded; `before`: all days before it
    settings: [section.field]       # optional: columns of the one-row table `settings`, named after the field
    clock: true                     # optional: the one-row table `clock` (watermark DATE, log_end TIMESTAMP)
    horizons: [1, 3, 7]             # optional: days after which rows of a day change because something matured
    waits: column                   # optional: BOOLEAN column, true in rows that change as the log goes on
    columns: {name: "TYPE, meaning and unit"}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evalloop_assets.days import BEFORE, Window
from evalloop_assets.lake.schema import Column, TableSchema

_FILE = re.compile(r"\s*/\*(?P<header>.*?)\*/(?P<query>.*)", re.DOTALL)
_FIELDS = {"row", "key", "reads", "settings", "clock", "horizons", "waits", "columns"}


class BadTransform(ValueError):
    """A `.sql` file that is no transform; names the file and what is wrong with it."""


@dataclass(frozen=True)
class SqlTransform:
    """One SELECT, and what its header says about it."""

    schema: TableSchema
    reads: Mapping[str, Window]
    settings: tuple[str, ...]
    """`section.field` of each setting that the query reads."""
    clock: bool
    horizons: tuple[int, ...]
    query: str
    waits: str | None = None
    """Column that is true in rows that change as the log goes on."""

    @property
    def code(self) -> str:
        """Changes with the query, its windows and its columns, not with comments or layout."""
        words = " ".join(re.sub(r"--[^\n]*|/\*.*?\*/", " ", self.query, flags=re.DOTALL).split())
        parts = (words, sorted(self.reads.items()), self.settings, columns_text(self.schema))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def columns_text(schema: TableSchema) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in schema.columns)


def load(path: Path) -> SqlTransform:
    """Read and check one file; its name is the table's name. Raises BadTransform."""
    text = path.read_text(encoding="utf-8")
    match = _FILE.fullmatch(text)
    if match is None:
        raise BadTransform(f"{path.name}: no header; begin the file with /* … */")
    header = _header(path, match["header"])
    query = match["query"].strip().rstrip(";")
    columns = tuple(_column(path, name, text) for name, text in header["columns"].items())
    schema = TableSchema(path.stem, header["row"], columns, tuple(header["key"]))
    reads = {name: _window(path, window) for name, window in header["reads"].items()}
    return SqlTransform(
        schema,
        reads,
        tuple(header.get("settings", ())),
        bool(header.get("clock", False)),
        tuple(header.get("horizons", ())),
        query,
        header.get("waits"),
    )


def _header(path: Path, text: str) -> dict[str, Any]:
    try:
        header = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise BadTransform(f"{path.name}: its header is no YAML: {error}") from error
    missing = {"row", "key", "reads", "columns"} - set(header)
    unknown = set(header) - _FIELDS
    if missing or unknown:
        raise BadTransform(f"{path.name}: header lacks {sorted(missing)}, does not know {sorted(unknown)}")
    return dict(header)


def _column(path: Path, name: str, text: str) -> Column:
    type_, comma, about = text.partition(", ")
    if not comma:
        raise BadTransform(f"{path.name}: column {name} needs 'TYPE, meaning'")
    return Column(name, type_, about)


def _window(path: Path, window: object) -> Window:
    match window:
        case "before":
            return BEFORE
        case [int() | None as first, int() | None as last]:
            return first, last
    raise BadTransform(f"{path.name}: window {window!r} is neither `before` nor [first, last]")
