"""Scenarios served once for all tests, whatever number of workers they are spread over; DuckDB over what they left."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
from filelock import FileLock

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.conditions import Conditions
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.dirt import Dirt
from evalloop_assets.simulator.scenarios import SCENARIOS, Scenario, resized
from evalloop_assets.simulator.serve import serve, truth_folder
from evalloop_assets.simulator.truth import TRUTH_TABLES

kept = Path(tempfile.gettempdir())
"""Where the homes are; `conftest.py` names the folder that the workers share."""


@cache
def home(name: str, seed: int, days: int | None = None) -> Path:
    """The home folder of a scenario after so many days, all of them unless said."""
    called = f"{name}-{seed}-{days or 'all'}"
    return _once(called, lambda folder: serve(SCENARIOS[name], Settings(home=folder), seed, days=days))


@cache
def paired(name: str, seed: int) -> tuple[Path, Path]:
    """Homes of two products with the same users and random numbers: everybody on the champion, and everybody on the
    treatment of the scenario's first trial from its day on. Their log is clean, and there are no battles."""
    scenario = SCENARIOS[name]
    conditions = scenario.conditions
    clean = replace(conditions, dirt=Dirt(), scale=replace(conditions.scale, battles=0))
    for_all = replace(scenario.trials[0], weight_percent=100.0, user_share=0.0, segment=(0.0, 100.0), ramp=())
    treated = replace(scenario, trials=(for_all,), conditions=clean)
    return (
        _incumbent_home(clean, seed),
        _once(f"{name}-{seed}-treated", lambda folder: serve(treated, Settings(home=folder), seed)),
    )


@cache
def _incumbent_home(conditions: Conditions, seed: int) -> Path:
    """Home of a product without trials, as long as the longest scenario: those of the same conditions share it."""
    days = max(scenario.days for scenario in SCENARIOS.values())
    scenario = Scenario("incumbent", "", days, conditions, (INCUMBENT,))
    called = hashlib.sha256(repr(conditions).encode()).hexdigest()[:12]
    return _once(f"incumbent-{called}-{seed}", lambda folder: serve(scenario, Settings(home=folder), seed))


def _once(name: str, serve_in: Callable[[Path], object]) -> Path:
    folder = kept / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            serve_in(kept / f"{name}.partial")
            (kept / f"{name}.partial").rename(folder)
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
