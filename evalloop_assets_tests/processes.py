"""Processes beside the test's own, and whether they are still there."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

PROCESSES = multiprocessing.get_context("forkserver")
"""Each is forked from one server that has imported what they need and done no more; its environment is that of the
first test that starts one."""
PROCESSES.set_forkserver_preload(
    ["evalloop_assets_tests.erasure.world", "evalloop_assets_tests.serving.test_flagd", "deltalake", "psycopg"]
)


def alive(process: int) -> bool:
    """Whether it runs; one that has ended and is waited for by nobody does not."""
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def waited(until: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it happened in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return True
        time.sleep(0.05)
    return False
