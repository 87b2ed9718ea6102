"""Examples of what a candidate did, for an alert: figures of a few conversations, none of their words.

A conversation is named by a digest of its id and the reading's, so that an alert, which leaves the lake for good,
holds no id and no text of anybody; `evalloop alerts show` leads from it back to the conversation as long as the lake
has it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from evalloop_assets.lake.store import Inputs

WORST = """
SELECT experiment_id, conversation_id, kept_turns, regenerations, complaints
FROM sessions
WHERE arm = 'treatment'
QUALIFY row_number() OVER (
    PARTITION BY experiment_id ORDER BY complaints DESC, regenerations DESC, kept_turns DESC, session_id
) <= 3
ORDER BY experiment_id, complaints DESC, regenerations DESC, kept_turns DESC, session_id"""
CONVERSATIONS = """
SELECT DISTINCT conversation_id
FROM sessions
WHERE experiment_id = $experiment AND arm = 'treatment'
ORDER BY conversation_id"""
REPLIES = """
SELECT reply_text
FROM turns
WHERE conversation_id = $conversation AND reply_text IS NOT NULL
ORDER BY shown_at, event_id
LIMIT 3"""
DIGITS = 10
MAIL = re.compile(r"\S+@\S+")
DIGIT = re.compile(r"\d")


def examples_of(inputs: Inputs, readings: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Reading id of each ROLLBACK to the candidate's sessions of the day that complain, regenerate and last most."""
    fired = {row["experiment_id"]: row["reading_id"] for row in readings if row["verdict"] == "ROLLBACK"}
    found: dict[str, list[dict[str, Any]]] = {reading_id: [] for reading_id in fired.values()}
    for row in inputs.query(WORST).to_pylist() if fired else ():
        reading_id = fired.get(row["experiment_id"])
        if reading_id is not None:
            found[reading_id].append(
                {
                    "digest": digest(reading_id, row["conversation_id"]),
                    "replies": row["kept_turns"],
                    "regenerations": row["regenerations"],
                    "complaints": row["complaints"],
                }
            )
    return found


def digest(reading_id: str, conversation_id: str) -> str:
    """What an alert calls a conversation: ten hexadecimal digits."""
    return hashlib.sha256(f"{reading_id}\0{conversation_id}".encode()).hexdigest()[:DIGITS]


def redacted(text: str, characters: int) -> str:
    """A text for a screen: its beginning on one line, addresses and digits masked."""
    line = DIGIT.sub("#", MAIL.sub("[address]", " ".join(text.split())))
    return line if len(line) <= characters else line[: characters - 1] + "…"
