"""Ten-row tables for transforms: the rows of the logs in plain Python, and any transform run on them in memory.

It reads the same windows as the lake and knows no files, so that a test states only what matters to it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

import evalloop_assets
from evalloop_assets.days import Days
from evalloop_assets.lake import frames, sql
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.sql import SqlTransform
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.settings import Settings

Row = dict[str, Any]
load = functools.cache(sql.load)
PACKAGE = Path(evalloop_assets.__file__).parent
STAGES = ("denoise", "horizon_labels", "online_ab", "backfill")
FILES = {path.stem: path for stage in STAGES for path in (PACKAGE / stage).glob("*.sql")}
ORDER = tuple(
    TopologicalSorter(
        {name: set(load(path).reads) & set(FILES) - {name} for name, path in sorted(FILES.items())}
    ).static_order()
)
DECISIONS = TableSchema("decisions", "one decision", (Column("experiment_id", "VARCHAR", "it"),), ("experiment_id",))


def at(text: str) -> datetime:
    """`05-01 23:59:30` of 2026; seconds may be left out."""
    return datetime.fromisoformat(f"2026-{text}" if len(text) > 11 else f"2026-{text}:00")


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def turn(event_id: str, shown_at: str, **more: Any) -> Row:
    """One reply of user u in conversation c, unless told otherwise."""
    return {
        "event_id": event_id, "user_id": "u", "conversation_id": "c", "model_id": "m", "shown_at": at(shown_at)
    } | more  # fmt: skip


class World:
    """Tables as rows, a clock, settings; each transform that runs adds its table."""

    def __init__(
        self,
        watermark: str | None = "12-31",
        log_end: str | None = "12-31 23:59",
        settings: Settings | None = None,
        **tables: Sequence[Row],
    ) -> None:
        self.clock = Clock(day(watermark) if watermark else None, at(log_end) if log_end else None)
        self.settings = settings or Settings()
        self.tables = {name: _typed(name, rows) for name, rows in tables.items()}

    def run(self, name: str, first: str = "05-01", last: str | None = None) -> list[Row]:
        """Compute one table over the range, keep its other days, and give the new rows sorted by all columns."""
        span = Days(day(first), day(last or first))
        found = compute(load(FILES[name]), self.tables, span, self.settings, self.clock)
        old = self.tables.get(name)
        kept = [] if old is None else [row for row in old.to_pylist() if not span.first <= row["day"] <= span.last]
        self.tables[name] = pa.concat_tables([pa.Table.from_pylist(kept, found.schema), found])
        return sorted(found.to_pylist(), key=repr)

    def run_to(self, name: str, first: str = "05-01", last: str | None = None) -> list[Row]:
        """Compute this table over the range, and of those before it the ones that it needs."""
        for table in needed(name):
            self.run(table, first, last)
        return self.run(name, first, last)

    def run_daily(self, name: str, first: str, last: str) -> list[Row]:
        """The same as `run_to`, one table after the other and each day for itself."""
        self._run_days((*needed(name), name), first, last)
        return sorted(self.tables[name].to_pylist(), key=repr)

    def run_all(self, first: str, last: str) -> None:
        """Compute every table over the range."""
        for table in ORDER:
            self.run(table, first, last)

    def run_all_daily(self, first: str, last: str) -> None:
        """The same as `run_all`, one table after the other and each day for itself."""
        self._run_days(ORDER, first, last)

    def _run_days(self, tables: Sequence[str], first: str, last: str) -> None:
        days = [f"{one:%m-%d}" for one in Days(day(first), day(last))]
        for table in tables:
            for one in days:
                self.run(table, one)


@functools.cache
def needed(name: str) -> tuple[str, ...]:
    """Tables of the chain that this one is made from, in order."""
    found = {name}
    for table in reversed(ORDER[: ORDER.index(name) + 1]):
        if table in found:
            found |= set(load(FILES[table]).reads) & set(FILES)
    return tuple(table for table in ORDER if table in found - {name})


def compute(
    transform: SqlTransform, tables: Mapping[str, pa.Table], span: Days, settings: Settings, clock: Clock
) -> pa.Table:
    """Rows of one transform over a range, from the days of each table that its header asks for."""
    known = {
        name: tables.get(name, pa.Table.from_pylist([], arrow_schema(schema_of(name)))) for name in transform.reads
    }
    return frames.compute(_database(), transform, known, span, settings, clock)


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """One empty database; what a test registers or creates lives in a cursor of its own."""
    return duckdb.connect(config={"threads": 1})


@functools.cache
def schema_of(name: str) -> TableSchema:
    if name in LOG_TABLES:
        return LOG_TABLES[name]
    return load(FILES[name]).schema if name in FILES else DECISIONS


def _typed(name: str, rows: Sequence[Row]) -> pa.Table:
    schema = schema_of(name)
    dated = [{"day": row[schema.day_from].date()} | row if schema.day_from else row for row in rows]
    return pa.Table.from_pylist(dated, arrow_schema(schema))


def column(rows: Sequence[Row], key: str, value: str) -> dict[Any, Any]:
    return {row[key]: row[value] for row in rows}


def shifted(text: str, minutes: float) -> str:
    return f"{at(text) + timedelta(minutes=minutes):%m-%d %H:%M:%S}"
