"""`evalloop scoreboard` on the smallest scenario, made smaller: what it prints, writes, and shows in the UI."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import duckdb
import pytest
from dagster import AssetKey, DagsterInstance

import evalloop_assets.cli.scoreboard
from evalloop_assets.cli import scoreboard_run
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets_tests.processes import alive, children_of, waited

pytestmark = pytest.mark.long


def measured_in_three_days(name: str, seed: int) -> list[Measured]:
    """For a process of its own; what is printed and kept has the same form for a product of three days as for ten."""
    SCENARIOS[name] = replace(SCENARIOS[name], days=3)
    return scoreboard_run.measured(name, seed)


def test_two_seeds_of_one_scenario(evalloop, home, monkeypatch):
    monkeypatch.setattr(evalloop_assets.cli.scoreboard, "measured", measured_in_three_days)
    said = evalloop("scoreboard", "--scenario", "thin", "--seeds", "2")
    assert (said.status, said.complained) == (0, "")
    words = " ".join(re.sub("[│┃]", " ", said.printed).split())
    for shown in ("Denoise: exits and effective reading", "abrupt ends, F1", "Guardrails", "daily peeking:"):
        assert shown in words or shown in said.printed

    written = (home / "scoreboard.md").read_text(encoding="utf-8")
    assert "Written by `evalloop scoreboard --scenario thin --seeds 2`" in written
    assert (home / "scoreboard.svg").read_text(encoding="utf-8").startswith("<?xml")

    settings = Settings()
    rebuild_catalogue(open_lake(settings), catalogue_path(settings))
    with duckdb.connect(str(catalogue_path(settings)), read_only=True) as connection:
        rows = connection.execute(
            "SELECT method, value, low, high, n FROM scoreboard WHERE scenario = 'thin' AND figure = 'abrupt ends, F1'"
        ).fetchall()
    found = {method: (value, low, high, n) for method, value, low, high, n in rows}
    value, low, high, n = found["loop"]
    assert low < value < high
    assert n == 2
    assert found["every end is a failure"][0] < value

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        event = instance.get_latest_materialization_event(AssetKey("scoreboard"))
    metadata = event.asset_materialization.metadata
    assert metadata["picture"].value.startswith("![scoreboard](data:image/png;base64,")
    assert "abrupt ends, F1" in metadata["figures"].value


def test_its_processes_end_with_it_when_it_is_killed(home, tmp_path):
    """A worker is in the midst of a run of minutes when its parent is gone."""
    command = [sys.executable, "-m", "evalloop_assets", "scoreboard", "--scenario", "thin", "--seeds", "2"]
    kept = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=kept)
    try:
        assert waited(lambda: len(list(tmp_path.glob("evalloop-scoreboard-*"))) == 2)
        children = children_of(run.pid)
    finally:
        run.kill()
        run.wait()
    assert len(children) >= 2
    assert waited(lambda: not any(map(alive, children)), 10)
