"""Completions that were paid for already, by the hash of what was asked."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from evalloop_assets.evaluation.judges.endpoint import Completion


class Kept(NamedTuple):
    """A completion, and when it was given (UTC, without zone)."""

    completion: Completion
    at: datetime


class Answered:
    """A SQLite file of completions. Threads may share it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS completions (asked TEXT PRIMARY KEY, text TEXT NOT NULL, "
            "prompt_tokens INTEGER, completion_tokens INTEGER, at TEXT NOT NULL)"
        )

    def get(self, asked: str) -> Kept | None:
        with self._lock:
            found = self._database.execute(
                "SELECT text, prompt_tokens, completion_tokens, at FROM completions WHERE asked = ?", (asked,)
            ).fetchone()
        return None if found is None else Kept(Completion(*found[:3]), datetime.fromisoformat(found[3]))

    def put(self, asked: str, kept: Kept) -> None:
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO completions VALUES (?, ?, ?, ?, ?)",
                (asked, *kept.completion, kept.at.isoformat()),
            )

    def close(self) -> None:
        self._database.close()


def hash_of(base_url: str, model: str, messages: Sequence[Mapping[str, str]]) -> str:
    """What names a question: who was asked what."""
    return hashlib.sha256(json.dumps([base_url, model, list(messages)]).encode()).hexdigest()
