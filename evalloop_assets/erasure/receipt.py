"""What an erasure leaves on paper: what was removed, from where, and what was searched. No id, no text."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from evalloop_assets.lake.erasures import Erasure


@dataclass
class Receipt:
    """One erasure over all its attempts; of one that was killed it holds all but the table or the file
    that was being cleaned."""

    user_hash: str
    salt: str
    begun_at: str
    completed_at: str | None = None
    found: bool = False
    """Whether anything of the person was there."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows left out of the newest version, by table."""
    files: dict[str, int] = field(default_factory=dict)
    """Old files deleted, by table."""
    versions: dict[str, list[list[int]]] = field(default_factory=dict)
    """Ranges of versions that can no longer be read, by table."""
    elsewhere: dict[str, dict[str, int]] = field(default_factory=dict)
    """Rows, records or values taken out of each other file."""
    retrain: dict[str, list[str]] = field(default_factory=dict)
    """Registered models that were trained on data that held the person, by kind: they are to be trained anew."""
    proof: dict[str, int] = field(default_factory=dict)
    """What was looked for, in how many files, and what was found at the end."""

    def add(self, counts: dict[str, int], name: str, count: int) -> None:
        if count:
            counts[name] = counts.get(name, 0) + count
            self.found = True


def receipt_path(folder: Path, erasure: Erasure) -> Path:
    return folder / f"{erasure.short}.json"


def opened(folder: Path, erasure: Erasure) -> Receipt:
    """The receipt as it stands, or a new one."""
    path = receipt_path(folder, erasure)
    if path.exists():
        return Receipt(**json.loads(path.read_text(encoding="utf-8")))
    return Receipt(erasure.user_hash, erasure.salt, iso(erasure.begun_at))


def write(folder: Path, erasure: Erasure, receipt: Receipt) -> Path:
    """Write it beside and swap it in."""
    folder.mkdir(parents=True, exist_ok=True)
    path = receipt_path(folder, erasure)
    beside = path.with_suffix(".partial")
    content: Mapping[str, Any] = asdict(receipt)
    beside.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
    os.replace(beside, path)
    return path


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
