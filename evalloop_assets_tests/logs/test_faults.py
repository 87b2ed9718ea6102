"""Killed deliveries and deliveries side by side, in processes of their own."""

import json
import random
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.logs.delivering import deliver_in_process, ended
from evalloop_assets_tests.logs.test_dialogue import NESTED, chat
from evalloop_assets_tests.logs.world import NOW, everything, rows_of

COMMITS = 5
"""begin, rejected rows, turns, characters, finish"""


@pytest.fixture
def delivery(tmp_path):
    """A log with good, repeated and bad records on several days, and the command that delivers it into a lake."""
    records = [
        chat(
            "H:hi", "B:one", "H:so", "B:two", chat=f"c{number % 9}", began=f"2026-03-0{number % 5 + 1} 10:00:00",
            ended=f"2026-03-0{number % 5 + 1} 10:05:00", profile=[f"fact {number % 2}"],
        )
        for number in range(18)
    ]  # fmt: skip
    records.append(chat("H:hi", "X:meow"))
    path, mapping = tmp_path / "chats.json", tmp_path / "map.yaml"
    path.write_text(json.dumps(records))
    mapping.write_text(NESTED)

    return lambda root, now=NOW, last=0: deliver_in_process(root, path, mapping, now, last)


def lake_at(root: Path) -> Lake:
    return Lake(str(root), DuckDBEngine(connect))


def test_killed_before_any_commit_and_repeated_a_day_later(tmp_path, delivery):
    assert ended(delivery(tmp_path / "calm")) == 0
    calm = everything(lake_at(tmp_path / "calm"))
    assert len(calm["turns"]) == 18
    assert len(calm["rejected_rows"]) == 1
    for commit in range(1, COMMITS + 1):
        root = tmp_path / f"killed{commit}"
        assert ended(delivery(root, NOW, commit)) == -signal.SIGKILL
        lake = lake_at(root)
        assert lake.clock().watermark is None
        assert ended(delivery(root, NOW + timedelta(days=1) if commit > 1 else NOW)) == 0
        assert everything(lake) == calm, f"killed before commit {commit}"


def test_killed_at_random_moments(tmp_path, delivery):
    assert ended(delivery(tmp_path / "calm")) == 0
    calm = everything(lake_at(tmp_path / "calm"))
    began = time.monotonic()
    assert ended(delivery(tmp_path / "timed")) == 0
    whole = time.monotonic() - began
    root = tmp_path / "killed"
    for share in random.Random(7).sample(range(40, 100), 3):
        process = delivery(root)
        time.sleep(whole * share / 100)
        process.kill()
        ended(process)
    assert ended(delivery(root)) == 0
    assert everything(lake_at(root)) == calm


def test_side_by_side(tmp_path, delivery):
    assert ended(delivery(tmp_path / "calm")) == 0
    processes = [delivery(tmp_path / "shared") for _ in range(3)]
    assert [ended(process) for process in processes] == [0, 0, 0]
    assert everything(lake_at(tmp_path / "shared")) == everything(lake_at(tmp_path / "calm"))
    assert all(row["finished"] for row in rows_of(lake_at(tmp_path / "shared"), "log_deliveries"))
