"""Processes that end with the one that they work for, however that ends."""

from __future__ import annotations

import os
import threading
import time

WATCHED_EVERY_S = 1.0


def end_with(parent: int) -> None:
    """Watches the parent of this process from now on: one that was killed would be waited for for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCHED_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
