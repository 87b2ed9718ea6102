"""A process that delivers one file and may be killed, without a chance to tidy up, just before its n-th commit.

python -m evalloop_assets_tests.logs.delivering LAKE FILE MAPPING NOW [N]
"""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.mapping_file import load_mapping
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.logs.world import TOLERANCE


class Doomed(Lake):
    """Dies before commit number `last`."""

    last = 0

    def _commit(self, *given: Any) -> Any:
        self.last -= 1
        if self.last == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._commit(*given)


if __name__ == "__main__":
    root, path, mapping, now, *kill = sys.argv[1:]
    lake = Doomed(root, DuckDBEngine(connect))
    lake.last = int(kill[0]) if kill else 0
    deliver(
        lake,
        Path(path),
        load_mapping(mapping),
        now=datetime.fromisoformat(now),
        tolerance=TOLERANCE,
        batch_rows=7,
    )
