"""Files that are whole or absent: written under another name, forced to disk, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COMPLETE = "complete.json"
"""Names the last day of which every file is in place; a reader takes no later file."""


class Parcel:
    """One Parquet file, written part by part under another name; `settle` puts it in its place, whole."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._partial = path, path.with_name(f".{path.name}.partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partial, schema, compression="zstd")
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._writer.write_table(rows)
            self.rows += rows.num_rows

    def settle(self) -> None:
        self._writer.close()
        _settle(self._partial, self._path)

    def discard(self) -> None:
        """Leaves nothing behind, not even a folder that it was the first to need."""
        self._writer.close()
        self._partial.unlink(missing_ok=True)
        for folder in (self._path.parent, self._path.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def write_table(path: Path, rows: pa.Table) -> None:
    parcel = Parcel(path, rows.schema)
    parcel.add(rows)
    parcel.settle()


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _settle(partial, path)


def deliver(out: Path, day: date, tables: Mapping[str, pa.Table], turns: Parcel) -> None:
    """Writes `<out>/<table>/<day>.parquet` for every table that has rows, then declares the day complete.

    A kill before the end leaves the declaration as it was; serving the day again replaces the files.
    """
    for name, rows in tables.items():
        if rows.num_rows:
            write_table(delivered_file(out, name, day), rows)
    if turns.rows:
        turns.settle()
    else:
        turns.discard()
    write_json(out / COMPLETE, {"through": day.isoformat()})


def delivered_file(out: Path, table: str, day: date) -> Path:
    return out / table / f"{day}.parquet"


def complete_through(out: Path) -> date | None:
    """The last complete day, None before the first."""
    try:
        return date.fromisoformat(json.loads((out / COMPLETE).read_text(encoding="utf-8"))["through"])
    except FileNotFoundError:
        return None


def _settle(partial: Path, path: Path) -> None:
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
