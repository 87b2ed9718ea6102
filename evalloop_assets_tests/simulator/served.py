"""Scenarios served once for all tests of a process, and DuckDB over what they left."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import duckdb

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS, Scenario, resized
from evalloop_assets.simulator.serve import serve, truth_folder
from evalloop_assets.simulator.truth import TRUTH_TABLES

_KEPT = tempfile.TemporaryDirectory(prefix="evalloop-served-")


@cache
def home(name: str, seed: int, days: int | None = None) -> Path:
    """The home folder of a scenario after so many days, all of them unless said."""
    folder = Path(_KEPT.name) / f"{name}-{seed}-{days}"
    serve(SCENARIOS[name], Settings(home=folder), seed, days=days)
    return folder


def small(name: str, users: int) -> Scenario:
    """The scenario with fewer users."""
    return resized(SCENARIOS[name], users)


def rows(folder: Path, query: str) -> list[tuple]:
    """Rows of a query over the log tables and the truth tables; these have `served`, the day of serving."""
    with duckdb.connect() as connection:
        for table in ("turns", "visits", "signups", "battles", "assignments"):
            files = f"{folder / 'landing' / table}/*.parquet"
            if list((folder / "landing" / table).glob("*.parquet")):
                connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{files}')")
        for name in TRUTH_TABLES:
            files = f"{truth_folder(folder) / name.removeprefix('truth_')}/*.parquet"
            connection.execute(
                f"CREATE VIEW {name} AS SELECT CAST(parse_filename(filename, true) AS DATE) AS served, * "
                f"EXCLUDE filename FROM read_parquet('{files}', filename = true)"
            )
        return connection.execute(query).fetchall()
