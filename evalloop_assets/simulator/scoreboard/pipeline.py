"""One scenario through the whole loop: served, taken in, labelled, learned from and judged, in a home of its own."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.packs import HELD_OUT
from evalloop_assets.simulator.scenarios import Scenario, find_scenario
from evalloop_assets.simulator.serve import FIRST_DAY, serve, truth_folder
from evalloop_assets.simulator.truth import TRUTH_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Lake

ENVIRONMENT = {
    "EVALLOOP_FIRST_DAY": FIRST_DAY.isoformat(),
    "EVALLOOP_GUARDRAILS__VOLUME_FLOOR": "100",
    "EVALLOOP_AB__PLANNED_USERS": "1500",
    "EVALLOOP_ENGINE__THREADS": "1",
}
"""Settings of the runs: the products are small, so the volume floor is lowered and bounds planned for fewer users."""


class Run(NamedTuple):
    """A scenario that went through the loop."""

    scenario: Scenario
    seed: int
    settings: Settings
    lake: Lake

    def query(self, sql: str) -> pa.Table:
        """Rows of one SELECT over the lake's tables and the truth (TRUTH_TABLES, with `day`, the day of serving)."""
        from evalloop_assets.lake.engine import View, columns_of
        from evalloop_assets.lake.registry import all_declared

        views = {name: self.lake.view(name) for name in all_declared()}
        for name, schema in TRUTH_TABLES.items():
            folder = truth_folder(self.settings.home) / name.removeprefix("truth_")
            files = [str(path) for path in sorted(folder.glob("*.parquet"))]
            views[name] = View(columns_of(schema), files)
        return self.lake.reader.fetch(sql, {name: view for name, view in views.items() if name in sql}, {})


def run_scenario(name: str, seed: int, home: Path) -> Run:
    """Serves the scenario in the words of HELD_OUT and runs the `daily` job over all of its days.

    Needs ENVIRONMENT to be set before the assets are first imported (`set_environment`). UserError where a run fails.
    """
    from dagster import DagsterInstance

    from evalloop_assets.cli.instance import execute, require_success
    from evalloop_assets.days import Days
    from evalloop_assets.definitions import build_definitions
    from evalloop_assets.lake.resource import open_lake

    scenario = find_scenario(name)
    settings = Settings(home=home)
    serve(scenario, settings, seed, lexicon=HELD_OUT)
    days = Days(FIRST_DAY, FIRST_DAY + timedelta(days=scenario.days - 1))
    with DagsterInstance.ephemeral() as instance:
        require_success(execute(build_definitions(settings), "daily", instance, days), "daily")
    return Run(scenario, seed, settings, open_lake(settings))


def set_environment() -> None:
    """What ENVIRONMENT says, over what was set before: the board's figures do not depend on who prints them."""
    for name in [name for name in os.environ if name.startswith("EVALLOOP_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
