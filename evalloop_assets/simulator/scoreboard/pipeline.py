"""One scenario through the whole loop: served, taken in, labelled, learned from and judged, in a home of its own."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
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

        views = {}
        for name, schema in all_declared().items():
            if re.search(rf"\b{name}\b", sql):
                found = self.lake.view(name)
                views[name] = found if found.columns else View(columns_of(schema))
        for name in TRUTH_TABLES:
            if name in sql:
                views[name] = View({}, rows=self._truth(name))
        return self.lake.reader.fetch(sql, views, {})

    def _truth(self, name: str) -> pa.Table:
        """One truth table, with the day of serving."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = truth_folder(self.settings.home) / name.removeprefix("truth_")
        parts = []
        for path in sorted(folder.glob("*.parquet")):
            rows = pq.read_table(path)
            day = pa.array([date.fromisoformat(path.stem)] * rows.num_rows, pa.date32())
            parts.append(rows.append_column("day", day))
        return pa.concat_tables(parts)


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
