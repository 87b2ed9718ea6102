"""The published file while many roll back at once, and when whoever publishes is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from evalloop_assets.serving.flagd import flag_file, publish, publish_if_stale
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.serving.transitions import roll_back, start_experiment
from evalloop_assets_tests.processes import PROCESSES

from .cases import NOON, after, change
from .pools import ended

KILLED = """
import os, signal
from pathlib import Path
from evalloop_assets.serving import flagd
from evalloop_assets_tests.serving.test_publication import roll_back_and_publish

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

{what} = die
roll_back_and_publish({url!r}, Path({path!r}), "reading-1")
"""


def roll_back_and_publish(url, path, request_id):
    ledger = Ledger(url)
    done = ledger.apply(change("rollback", request_id, after(1)), lambda state: roll_back(state, "exp", after(1)))
    publish(path, ledger)
    ledger.close()
    return done.appended


@pytest.fixture
def path(ledger, tmp_path):
    """A published file, with one experiment in flight."""
    ledger.begin("old", change("start", "first"))
    ledger.apply(change("start", "exp"), lambda state: start_experiment(state, "exp", "new", NOON, weight_percent=50))
    publish(tmp_path / "flags.json", ledger)
    return tmp_path / "flags.json"


@pytest.fixture
def seen(path):
    """What a reader that never rests finds in the file: every content, each of which has to be whole."""
    found, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            found.append(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    yield found
    stop.set()
    reader.join()


def assert_whole(seen, ledger):
    allowed = [flag_file(ledger.at(number).allocation, number) for number in (2, 3)]
    assert all(json.loads(text) in allowed for text in set(seen))


def test_a_hundred_rollbacks_at_once_make_one_entry_and_a_file_that_is_whole_at_all_times(
    ledger, ledger_url, path, seen
):
    with PROCESSES.Pool(2) as processes, ThreadPoolExecutor(20) as threads:
        asked = [(ledger_url, path, f"reading-{number % 5}") for number in range(100)]
        elsewhere = processes.starmap_async(roll_back_and_publish, asked[:40])
        appended = list(threads.map(lambda one: roll_back_and_publish(*one), asked[40:]))
        appended += elsewhere.get(timeout=60)
        ended(processes)
    assert sum(appended) == 1
    assert [entry.action for entry in ledger.history()] == ["start", "start", "rollback"]
    assert json.loads(path.read_text()) == flag_file(ledger.head().allocation, 3)
    assert_whole(seen, ledger)


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "what",
    ["flagd._newest", "flagd.os.fsync", "flagd.os.replace"],
    ids=["before", "while it writes", "before the swap"],
)
def test_whoever_is_killed_between_ledger_and_file_is_mended_by_the_next_publisher(ledger, ledger_url, path, what):
    before = path.read_text()
    code = KILLED.format(what=what, url=ledger_url, path=str(path))
    killed = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ledger.head().action == "rollback"
    assert path.read_text() == before, "old, and whole"
    assert publish_if_stale(path, ledger)
    assert json.loads(path.read_text()) == flag_file(ledger.head().allocation, 3)
    assert roll_back_and_publish(ledger_url, path, "reading-1") is False
