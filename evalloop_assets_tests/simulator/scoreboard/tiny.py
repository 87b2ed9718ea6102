"""Worlds of a few rows, written by hand, that answer the queries of the scoreboard's measures."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa

import evalloop_assets.denoise.assets
import evalloop_assets.horizon_labels.assets
import evalloop_assets.reward_model.assets  # noqa: F401
from evalloop_assets.lake.registry import all_declared
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.arrow import ARROW_TYPES, table
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.truth import TRUTH_TABLES

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12)


class TinyRun:
    """A run whose tables hold the given rows; what a row does not say is NULL, and a table without rows is empty.

    Tables of vectors are left out.
    """

    settings = Settings()

    def __init__(self, **rows: list[dict]) -> None:
        schemas = {**all_declared(), **TRUTH_TABLES}
        unknown = set(rows) - set(schemas)
        if unknown:
            raise KeyError(f"no tables {sorted(unknown)}")
        self._database = duckdb.connect()
        for name, schema in schemas.items():
            if all(column.type in ARROW_TYPES for column in schema.columns):
                self._database.register(name, _rows(schema, rows.get(name, [])))

    def query(self, sql: str) -> pa.Table:
        return self._database.sql(sql).to_arrow_table()


def at(minutes: float) -> datetime:
    """Minutes after noon of DAY."""
    return NOON + timedelta(minutes=minutes)


def values(measured, method: str = LOOP) -> dict[str, float]:
    """Figure to value of one method; every figure once."""
    found = {one.figure: one.value for one in measured if one.method == method}
    assert len(found) == sum(one.method == method for one in measured)
    return found


def _rows(schema, rows: list[dict]) -> pa.Table:
    unknown = {name for row in rows for name in row} - {"day", *schema.column_names}
    if unknown:
        raise KeyError(f"table {schema.name} has no columns {sorted(unknown)}")
    columns = {name: [row.get(name) for row in rows] for name in schema.column_names}
    days = pa.array([row.get("day", DAY) for row in rows], pa.date32())
    return table(schema, columns, len(rows)).append_column("day", days)
