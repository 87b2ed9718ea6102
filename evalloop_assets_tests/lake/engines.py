"""One log and both engines: what the tests of Spark share."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from dagster import DagsterInstance

from evalloop_assets.cli.instance import execute, require_success
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS
from evalloop_assets.simulator.serve import serve
from evalloop_assets_tests.lake import awkward
from evalloop_assets_tests.postgresql import free_port

DAYS = Days(awkward.NOON.date().replace(day=2), awkward.NOON.date().replace(day=11))
TUNED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Queries over a few thousand rows take longer to compile and to plan anew than to run."""


def deliver_log(landing: Path, home: Path) -> None:
    """A simulated log with every fault but the user who fills half of it, and the awkward chats."""
    scenario = SCENARIOS["dirty"]
    scale = replace(scenario.conditions.scale, base_users=60, new_users=3, battles=60)
    dirt = replace(scenario.conditions.dirt, whale_turns=0, bots=1)
    conditions = replace(scenario.conditions, scale=scale, dirt=dirt)
    served = Settings(home=home)
    serve(replace(scenario, days=len(list(DAYS)), conditions=conditions), served, seed=3)
    awkward.write(served.landing)
    for folder in served.landing.iterdir():
        if folder.is_dir():
            _in_one_file(folder, landing / folder.name)


def _in_one_file(folder: Path, to: Path) -> None:
    """Taking in a file costs a third of a second, whatever is in it."""
    to.mkdir(parents=True)
    rows = pa.concat_tables(
        [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))], promote_options="permissive"
    )
    pq.write_table(rows, to / "all.parquet")


def compute(settings: Settings, log: Path, days: Days = DAYS, tables: Sequence[str] | None = None) -> None:
    """Take in the log and compute these of the tables that are queries, or all, through the jobs of the location."""
    shutil.copytree(log, settings.landing)
    definitions = build_definitions(settings)
    with DagsterInstance.ephemeral() as instance:
        require_success(execute(definitions, "ingest", instance, days), "ingest")
        require_success(execute(definitions, "relabel", instance, days, tables=tables), "relabel")


def assert_same_rows(found: pa.Table, expected: pa.Table, key: tuple[str, ...]) -> None:
    """The same rows in any order: all but floats exactly, floats to 1e-9 relative."""
    assert found.schema == expected.schema
    ours, theirs = (
        sorted(table.to_pylist(), key=lambda row: [repr(row[name]) for name in ("day", *key)])
        for table in (found, expected)
    )
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert all(same(one[name], other[name]) for name in one), f"{one}\n is not \n{other}"


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


@contextmanager
def standalone_spark(folder: Path) -> Iterator[str]:
    """URL of a standalone master on loopback with two workers of one core."""
    import pyspark

    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_DIRS": str(folder),
    }
    dying = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [*dying, str(program), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", "--webui-port", "0"]
        with open(folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                [*command, *arguments], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    running = [start("master.Master", "--port", str(port))]
    try:
        worker = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / "work"), url)
        running += [start("worker.Worker", *worker) for _ in range(2)]
        _wait_for_workers(folder / "master.Master.log", running)
        yield url
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_workers(log: Path, running: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + 120
    while log.read_text(encoding="utf-8").count("Registering worker") < 2:
        assert time.monotonic() < until, log.read_text(encoding="utf-8")
        assert all(process.poll() is None for process in running), log.read_text(encoding="utf-8")
        time.sleep(0.2)
