"""Where reports lie: one file a period, in a folder of the home."""

from __future__ import annotations

import os
from pathlib import Path

from evalloop_assets.days import Days

FOLDER = "reports"


def folder(home: Path) -> Path:
    """The folder of all reports."""
    return home / FOLDER


def name(days: Days) -> str:
    """The file of one period."""
    return f"pyramid-{days.first}-to-{days.last}.html"


def write(path: Path, html: str) -> None:
    """The whole page or, where the writer is killed, what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(html, encoding="utf-8")
    beside.replace(path)
