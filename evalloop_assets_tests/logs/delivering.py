"""A process that delivers one file and may be killed, without a chance to tidy up, just before its n-th commit."""

import os
import signal
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.mapping_file import load_mapping
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.logs.world import TOLERANCE
from evalloop_assets_tests.processes import PROCESSES


class Doomed(Lake):
    """Dies before commit number `last`."""

    last = 0

    def _commit(self, *given: Any) -> Any:
        self.last -= 1
        if self.last == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._commit(*given)


def deliver_in_process(root: Path, path: Path, mapping: Path, now: datetime, last: int = 0) -> BaseProcess:
    """Start to deliver `path` into the lake at `root`; with `last`, to die before that commit."""
    process = PROCESSES.Process(target=_deliver, args=(root, path, mapping, now, last))
    process.start()
    return process


def ended(process: BaseProcess) -> int:
    """Wait for its end; gives the exit status, negative for a signal."""
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _deliver(root: Path, path: Path, mapping: Path, now: datetime, last: int) -> None:
    lake = Doomed(str(root), DuckDBEngine(connect))
    lake.last = last
    deliver(lake, path, load_mapping(mapping), now=now, tolerance=TOLERANCE, batch_rows=7)
