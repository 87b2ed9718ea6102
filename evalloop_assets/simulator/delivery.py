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


def write_table(path: Path, rows: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(rows, partial, compression="zstd")
    _settle(partial, path)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _settle(partial, path)


def deliver(out: Path, day: date, tables: Mapping[str, pa.Table]) -> None:
    """Writes `<out>/<table>/<day>.parquet` for every table that has rows, then declares the day complete.

    A kill before the end leaves the declaration as it was; serving the day again replaces the files.
    """
    for name, rows in tables.items():
        if rows.num_rows:
            write_table(out / name / f"{day}.parquet", rows)
    write_json(out / COMPLETE, {"through": day.isoformat()})


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
