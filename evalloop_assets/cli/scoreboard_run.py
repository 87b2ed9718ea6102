"""One scenario through the whole loop, in a process and a home of its own, and what its stages measure."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from evalloop_assets.days import Days
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.delivery import write_table
from evalloop_assets.simulator.packs import HELD_OUT
from evalloop_assets.simulator.scenarios import find_scenario, resized
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.measures import MEASURES
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.serve import FIRST_DAY, serve

SHARE_OF_USERS, LEAST_USERS = 0.7, 500
"""The board's products have fewer users than the scenarios, but for the smallest: five seeds of all take minutes."""


def run_scenario(name: str, seed: int, home: Path) -> Run:
    """Serves the scenario in the words of HELD_OUT and runs the `daily` job over all of its days.

    UserError where serving or the run fails.
    """
    from dagster import DagsterInstance

    from evalloop_assets.cli.instance import execute, require_success
    from evalloop_assets.definitions import build_definitions
    from evalloop_assets.lake.resource import open_lake

    scenario = find_scenario(name)
    users = scenario.conditions.scale.base_users
    if users > LEAST_USERS:
        scenario = resized(scenario, round(SHARE_OF_USERS * users))
    settings = Settings(home=home)
    serve(scenario, settings, seed, lexicon=HELD_OUT)
    _bundle(settings.landing)
    days = Days(FIRST_DAY, FIRST_DAY + timedelta(days=scenario.days - 1))
    with DagsterInstance.ephemeral() as instance:
        require_success(execute(build_definitions(settings), "daily", instance, days), "daily")
    return Run(scenario, seed, settings, open_lake(settings))


def _bundle(landing: Path) -> None:
    """One file a table instead of one a day, rows in the order of delivery: a file costs more than its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for folder in (path for path in landing.iterdir() if path.is_dir()):
        daily = sorted(folder.glob("*.parquet"))
        rows = pa.concat_tables([pq.read_table(path) for path in daily])
        write_table(folder / "all-days.parquet", rows)
        for path in daily:
            path.unlink()


def measured(name: str, seed: int) -> list[Measured]:
    """What one seed of one scenario measures; for a process whose environment is that of the scoreboard.

    The working folder becomes the run's own, so that no `evalloop.yaml` of the caller is read.
    """
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="evalloop-scoreboard-", ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        try:
            run = run_scenario(name, seed, Path(folder))
            return [one for measure in MEASURES for one in measure(run)]
        finally:
            os.chdir(before)
