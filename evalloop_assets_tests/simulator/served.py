"""Scenarios served once for all tests of a process, and DuckDB over what they left."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.conditions import Conditions
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.dirt import Dirt
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


@cache
def paired(name: str, seed: int) -> tuple[Path, Path]:
    """Homes of two products with the same users and random numbers: everybody on the champion, and everybody on the
    treatment of the scenario's first trial from its day on. Their log is clean, and there are no battles."""
    scenario = SCENARIOS[name]
    conditions = scenario.conditions
    clean = replace(conditions, dirt=Dirt(), scale=replace(conditions.scale, battles=0))
    for_all = replace(scenario.trials[0], weight_percent=100.0, user_share=0.0, segment=(0.0, 100.0), ramp=())
    treated = Path(_KEPT.name) / f"{name}-{seed}-treated"
    serve(replace(scenario, trials=(for_all,), conditions=clean), Settings(home=treated), seed)
    return _incumbent_home(clean, seed), treated


@cache
def _incumbent_home(conditions: Conditions, seed: int) -> Path:
    """Home of a product without trials, as long as the longest scenario: those of the same conditions share it."""
    days = max(scenario.days for scenario in SCENARIOS.values())
    folder = Path(tempfile.mkdtemp(prefix="incumbent-", dir=_KEPT.name))
    serve(Scenario("incumbent", "", days, conditions, (INCUMBENT,)), Settings(home=folder), seed)
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
