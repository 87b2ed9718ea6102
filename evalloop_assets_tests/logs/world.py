"""Small logs for the tests of this folder: rows, files that hold them, and what the lake then holds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from evalloop_assets.lake.store import Lake
from evalloop_assets.logs import mapping as shapes
from evalloop_assets.logs.contract import DELIVERED, TURNS
from evalloop_assets.logs.deliver import Delivery, deliver
from evalloop_assets.logs.mapping_file import parse_mapping

NOW = datetime(2026, 3, 10, 12, 0)
TOLERANCE = timedelta(minutes=10)
DAY = date(2026, 3, 1)

TURNS_AS_THEY_ARE = "format: jsonl\ntable: turns\ncolumns:\n" + "".join(
    f"  {name}: {name}\n" for name in TURNS.column_names
)


def turn(number: int, **changes: Any) -> dict[str, Any]:
    """A turn shown `number` minutes into the first day."""
    row = {
        "event_id": f"e{number}",
        "user_id": f"u{number % 3}",
        "conversation_id": f"c{number % 3}",
        "model_id": "m",
        "shown_at": (datetime(2026, 3, 1) + timedelta(minutes=number)).isoformat(),
        "user_text": "how are you",
        "reply_text": f"reply {number}",
    }
    return {**row, **changes}


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def as_mapping(content: str) -> shapes.Mapping:
    return parse_mapping(content, "test.yaml")


def take_in(lake: Lake, path: Path, content: str = TURNS_AS_THEY_ARE, **options: Any) -> Delivery:
    given = {"now": NOW, "tolerance": TOLERANCE, "batch_rows": 1000} | options
    return deliver(lake, path, as_mapping(content), **given)


def rows_of(lake: Lake, table: str, columns: Sequence[str] = ("*",), where: str = "true") -> list[dict[str, Any]]:
    """Rows of a table in a fixed order; none where it was never written."""
    if lake.version(table) is None:
        return []
    key = ", ".join(f'"{name}"' for name in DELIVERED[table].key)
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY {key}"
    return lake.reader.fetch(sql, {table: lake.view(table)}, {}).to_pylist()


def everything(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """All tables that a delivery writes."""
    return {name: rows_of(lake, name) for name in DELIVERED}


def reasons(lake: Lake) -> dict[int, str]:
    """Position to reason of every rejected row."""
    return {row["position"]: row["reason"] for row in rows_of(lake, "rejected_rows")}
