"""Writers that are killed, and writers that collide: the lake stays whole."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from evalloop_assets.lake.store import Lake

WRITER = """
import sys
from datetime import date, timedelta
from evalloop_assets.days import Days
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.settings import Settings

root, writer, rounds, first_day = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), date.fromisoformat(sys.argv[4])
columns = (Column("writer", "BIGINT", "who"), Column("round", "BIGINT", "when"))
schema = TableSchema("held", "one row", columns, ("writer",))
lake = lake_resource(Settings(lake=root)).open()
days = Days(first_day, first_day + timedelta(days=2))
print("ready", flush=True)
for round in range(rounds):
    query = (
        f"SELECT DATE '{first_day}' + CAST(i % 3 AS INTEGER) AS day, CAST({writer} AS BIGINT) AS writer, "
        f"CAST({round} AS BIGINT) AS round FROM range(3000) AS t(i)"
    )
    lake.replace(schema, days, {}, lambda inputs: query)
    print(round, flush=True)
"""
COMMON = date(2026, 1, 1)


def start(root: str, writer: int, rounds: int, first_day: date = COMMON) -> subprocess.Popen[str]:
    """A process that replaces three days of one table again and again."""
    command = [sys.executable, "-c", WRITER, root, str(writer), str(rounds), first_day.isoformat()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def ended(writers: list[subprocess.Popen[str]]) -> list[int]:
    """Exit statuses of the processes, once all have ended."""
    for writer in writers:
        writer.communicate()
    return [writer.returncode for writer in writers]


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
    assert ended(writers) == [0, 0, 0, 0]
    found = states(lake)
    assert len(found) == 1
    assert next(iter(found))[2] == 3000
    assert lake.version("held") >= 16


def test_processes_on_partitions_of_their_own_and_on_common_ones_all_get_through(lake: Lake):
    assert_all_get_through(lake, rounds=4)


def assert_all_get_through(lake: Lake, rounds: int) -> None:
    """Three processes with three days each and two processes on the same three days commit to one table at once.

    Each process's own days hold its last round, the common ones one round of one process, and none waited for another.
    """
    own = {number: date(2026, 2, 1) + timedelta(days=3 * number) for number in range(3)}
    writers = [start(lake.root, number, rounds, first) for number, first in own.items()]
    writers += [start(lake.root, 10 + number, rounds) for number in range(2)]
    assert ended(writers) == [0] * 5
    rows = lake.read("held").group_by(["day", "writer", "round"]).aggregate([("day", "count")]).to_pylist()
    found = {(row["day"], row["writer"], row["round"]): row["day_count"] for row in rows}
    expected = {
        (first + timedelta(days=offset), number, rounds - 1): 1000
        for number, first in own.items()
        for offset in range(3)
    }
    assert {key: count for key, count in found.items() if key[1] < 10} == expected
    common = {key: count for key, count in found.items() if key[1] >= 10}
    assert {key[0] for key in common} == {COMMON + timedelta(days=offset) for offset in range(3)}
    assert len({key[1:] for key in common}) == 1
    assert set(common.values()) == {1000}
    assert lake.version("held") >= 5 * rounds
