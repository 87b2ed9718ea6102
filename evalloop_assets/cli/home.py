"""Whose home folder this is: the demo's, which the demo may clear, or a user's, which nothing clears."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

STATE = (
    "lake", "dagster", "mlflow", "landing", "serving", "product", "truth", "spill", "policies", "worlds", "reports",
    "training",
)  # fmt: skip
FILES = ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "evalloop.duckdb", "product.lock")


def marker(settings: Settings) -> Path:
    return settings.home / "demo.json"


def open_home(settings: Settings) -> Path:
    """The home folder, made where it is missing; UserError where nothing can be written into it."""
    home, mend = settings.home, "Set EVALLOOP_HOME to a writable folder."
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"folder {home}", f"cannot be made ({error.strerror or error})", mend) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise UserError(f"folder {home}", "cannot be written to", mend)
    return home


def refuse_demo(settings: Settings) -> None:
    """Keep a user's log out of a home that the next demo would clear."""
    if marker(settings).exists():
        raise UserError(
            f"folder {settings.home}",
            "it holds the demo, which the next demo clears",
            "Give your log a folder of its own: EVALLOOP_HOME=data/mine evalloop ingest …",
        )


def clear_for_demo(settings: Settings) -> bool:
    """Remove the last demo's state; True where there was one. A home with somebody's log in it is refused."""
    if not marker(settings).exists():
        if any((settings.home / name).exists() for name in ("lake", "ledger.sqlite")):
            raise UserError(
                f"folder {settings.home}",
                "it holds a lake that no demo made",
                "Run the demo in a folder of its own: EVALLOOP_HOME=data/demo evalloop demo",
            )
        return False
    for name in STATE:
        shutil.rmtree(settings.home / name, ignore_errors=True)
    for name in FILES:
        (settings.home / name).unlink(missing_ok=True)
    return True
