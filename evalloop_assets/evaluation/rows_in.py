"""Rows of evaluation through the log's own door: validated, deduplicated, rejected with reasons like any log."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.deliver import Delivery, deliver
from evalloop_assets.logs.mapping_file import parse_mapping


def deliver_lines(
    lake: Lake,
    lines: Sequence[str],
    schema: TableSchema,
    source: str,
    *,
    now: datetime,
    tolerance: timedelta,
    batch_rows: int,
) -> Delivery:
    """Take in JSON objects, one a line, in the columns of that table; `source` is what the ledger of deliveries calls
    them.
    """
    columns = "".join(f"  {name}: {name}\n" for name in schema.column_names)
    mapping = parse_mapping(f"format: jsonl\ntable: {schema.name}\ncolumns:\n{columns}", f"rows of {schema.name}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return deliver(lake, path, mapping, now=now, tolerance=tolerance, batch_rows=batch_rows, source=source)
