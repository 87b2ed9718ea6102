"""Whole runs of the command: killed at random moments, two at once, in parts, and repeated."""

import json
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.lake.assets import TRANSFORMS
from evalloop_assets_tests.homes import command, copy_of, days_served, run, serve, tables

pytestmark = pytest.mark.long

VERSIONS = re.compile(r'"input_versions": \{[^}]*\}')
RANGE = ("run", "--from", "2026-03-02", "--to", "2026-03-04")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("served") / "home"
    home.mkdir()
    serve(home)
    return home


@pytest.fixture(scope="module")
def undisturbed(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = copy_of(served, tmp_path_factory.mktemp("undisturbed") / "home")
    run(home, *RANGE)
    return home


def test_an_undisturbed_run_fills_every_stage(undisturbed: Path):
    found = tables(undisturbed)
    for name in (
        "turns", "sessions", "reading", "exits", "returns", "horizon_labels", "tail_pairs", "preference_pairs",
        "reward_model_report", "rewards", "policy_candidates", "ratings", "experiment_results", "guardrail_readings",
        "decisions", "maturity",
    ):  # fmt: skip
        assert found.get(name), f"no row in {name}"


def commits(home: Path) -> int:
    """Commits in the lake so far, of all tables."""
    return len(list((home / "lake").glob("*/_delta_log/*.json")))


def test_killed_twice_and_then_run_by_two_at_once_it_ends_the_same(served: Path, undisturbed: Path, tmp_path: Path):
    home = copy_of(served, tmp_path / "home")
    chance, whole = random.Random(11), commits(undisturbed)
    for moment in sorted(chance.sample(range(1, whole - 1), 2)):
        process = command(home, *RANGE)
        while commits(home) < moment and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, f"the run ended before its commit {moment} of {whole}"
        time.sleep(chance.uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    both = [command(home, *RANGE), command(home, *RANGE)]
    printed = [process.communicate(timeout=900)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(printed)
    _assert_same(tables(home), tables(undisturbed))


def test_in_two_runs_the_labels_and_results_are_those_of_one(served: Path, undisturbed: Path, tmp_path: Path):
    home = copy_of(served, tmp_path / "home")
    shutil.rmtree(home / "landing")
    first, *others = days_served()
    for days in ([first], others):
        for day in days:
            for delivered in (served / "landing").glob(f"*/{day}.parquet"):
                to = home / "landing" / delivered.parent.name / delivered.name
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(delivered, to)
        (home / "landing" / "complete.json").write_text(json.dumps({"through": days[-1].isoformat()}))
        run(home, "run")
    found, expected = tables(home), tables(undisturbed)
    cases = ("bad_signals", "bad_case_groups", "training_cases")
    learned = (
        "maturity",
        "trajectory_returns",
        "reward_retention",
        "slice_units",
        *cases,
    )  # these read what was learned
    queries = [name for name in TRANSFORMS if name not in learned]
    _assert_same({name: found[name] for name in queries}, {name: expected[name] for name in queries})
    last = days_served()[-1]
    results = [row for row in found["experiment_results"] if row[0] == last]
    assert results
    _assert_same({"results": results}, {"results": [row for row in expected["experiment_results"] if row[0] == last]})


def test_run_again_changes_nothing(undisturbed: Path, tmp_path: Path):
    home = copy_of(undisturbed, tmp_path / "home")
    before = tables(home)
    run(home, *RANGE)
    assert tables(home) == before


def test_nothing_is_pickled(undisturbed: Path):
    names = [path.name for path in (undisturbed / "dagster").rglob("*") if path.is_file()]
    assert names
    assert not [name for name in names if name.endswith((".pkl", ".pickle")) or name == "result"]


def _assert_same(found: dict[str, list], expected: dict[str, list]) -> None:
    assert found.keys() == expected.keys()
    for name in expected:
        assert _without_versions(found[name]) == _without_versions(expected[name]), f"table {name} differs"


def _without_versions(rows: list[tuple]) -> list[tuple]:
    """Decisions cite the versions they read, which count the commits that it took to get there."""
    return [tuple(VERSIONS.sub("", value) if isinstance(value, str) else value for value in row) for row in rows]
