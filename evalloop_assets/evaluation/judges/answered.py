"""Completions that were paid for already, by the hash of what was asked.

A judge may quote what it read. So each completion carries the hashes of the texts that it speaks of, by which an
erasure finds it (`erasure/databases.py`); the texts themselves are not kept.
"""

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


TEXTS = ("user_text", "reply_a", "reply_b")


class Answered:
    """A SQLite file of completions. Threads may share it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS answers (asked TEXT PRIMARY KEY, completion TEXT NOT NULL, "
            "prompt_tokens INTEGER, completion_tokens INTEGER, at TEXT NOT NULL, "
            f"{', '.join(f'{name}_hash TEXT' for name in TEXTS)})"
        )

    def get(self, asked: str) -> Kept | None:
        with self._lock:
            found = self._database.execute(
                "SELECT completion, prompt_tokens, completion_tokens, at FROM answers WHERE asked = ?", (asked,)
            ).fetchone()
        return None if found is None else Kept(Completion(*found[:3]), datetime.fromisoformat(found[3]))

    def put(self, asked: str, kept: Kept, item: Mapping[str, str]) -> None:
        """Keep the answer to what was asked about this item."""
        of_texts = (_md5(item.get(name)) for name in TEXTS)
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (asked, *kept.completion, kept.at.isoformat(), *of_texts),
            )

    def close(self) -> None:
        self._database.close()


def hash_of(base_url: str, model: str, messages: Sequence[Mapping[str, str]]) -> str:
    """What names a question: who was asked what."""
    return hashlib.sha256(json.dumps([base_url, model, list(messages)]).encode()).hexdigest()


def _md5(text: str | None) -> str | None:
    return None if text is None else hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
