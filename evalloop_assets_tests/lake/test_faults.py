"""Writers that are killed, and writers that collide: the lake stays whole."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from evalloop_assets.lake.store import Lake

WRITER = """
import sys
from datetime import date
from evalloop_assets_tests.conftest import connect
from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.days import Days
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Lake

root, writer, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
columns = (Column("writer", "BIGINT", "who"), Column("round", "BIGINT", "when"))
schema = TableSchema("held", "one row", columns, ("writer",))
lake = Lake(root, DuckDBEngine(connect))
days = Days(date(2026, 1, 1), date(2026, 1, 3))
print("ready", flush=True)
for round in range(rounds):
    query = (
        f"SELECT DATE '2026-01-01' + CAST(i % 3 AS INTEGER) AS day, CAST({writer} AS BIGINT) AS writer, "
        f"CAST({round} AS BIGINT) AS round FROM range(3000) AS t(i)"
    )
    lake.replace(schema, days, {}, lambda inputs: query)
    print(round, flush=True)
"""


def start(root: str, writer: int, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, root, str(writer), str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def states(lake: Lake) -> set[tuple[int, int, int]]:
    """(writer, round, rows) of the table's content: one element when it is whole."""
    table = lake.read("held")
    counted = table.group_by(["writer", "round"]).aggregate([("day", "count")]).to_pylist()
    return {(row["writer"], row["round"], row["day_count"]) for row in counted}


def test_kills_at_random_moments_leave_a_whole_table(lake: Lake):
    chance = random.Random(7)
    for attempt in range(6):
        process = start(lake.root, attempt, 10_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.05, 0.6))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if "held" in lake.tables() and lake.view("held").files:
            assert len(states(lake)) == 1
            assert next(iter(states(lake)))[2] == 3000
    survivor = start(lake.root, 99, 1)
    survivor.communicate()
    assert survivor.returncode == 0
    assert states(lake) == {(99, 0, 3000)}


def test_many_writers_of_the_same_days_end_with_one_result(lake: Lake):
    writers = [start(lake.root, number, 4) for number in range(4)]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    found = states(lake)
    assert len(found) == 1
    assert next(iter(found))[2] == 3000
    assert lake.version("held") >= 16
