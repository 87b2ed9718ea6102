"""Chats that two engines may read differently: odd letters, line ends, long chains, ties, gaps in the columns."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.logs.contract import BATTLES, TURNS

LAST_WORDS = (
    "bye\n", "bye\r", "bye \u2028", "İbye", "ΟΔΟΣ BYE", "Straße, bye", "bye\x0b", "thanks\n", "谢谢\n", "再见",
    "拜拜\r\n", "", "that's all 👋🏽", "the end\n", "the end", "[bye]", "good night 𝔣𝔯𝔦𝔢𝔫𝔡", "byé",
    "see you\nlater", "SEE YOU ΣΑΣ",
)  # fmt: skip
CHAIN = 7
"""Versions of one reply, each replacing the one before."""
NOON = datetime(2026, 3, 3, 12)


def rows() -> list[dict[str, Any]]:
    """Turns of the contract's columns; every chat has a user of its own."""
    return [*_last_words(), *_chain(), *_ties(), *_midnights()]


def write(landing: Path) -> None:
    """Put them where the product delivers its logs."""
    for table, found in ((TURNS, rows()), (BATTLES, _choices())):
        folder = landing / table.name
        folder.mkdir(parents=True, exist_ok=True)
        wanted = pa.schema([field for field in arrow_schema(table) if field.name != "day"])
        pq.write_table(pa.Table.from_pylist(found, wanted), folder / "awkward.parquet")


def _choices() -> list[dict[str, Any]]:
    """Choices among three of one user, the second with a pairing of the first, and a pair beside them."""
    chosen = [("k", "x", "y"), ("k", "x", "z"), ("k", "y", "z"), ("l", "z", "y"), ("l", "z", "w"), ("l", "y", "w")]
    return [
        {
            "battle_id": f"choice-{number}", "user_id": "user ΣΑΣ", "model_a": a, "model_b": b, "outcome": "a",
            "decided_at": NOON + timedelta(minutes=number // 3), "choice_id": choice, "shown_first": "ab"[number % 2],
            "turns_a": number, "turns_b": 2, "chars_a": 10 * number, "chars_b": 30,
        }
        for number, (choice, a, b) in enumerate([*chosen, (None, "x", "y")])
    ]  # fmt: skip


def _turn(chat: str, number: int, shown_at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{chat}-{number}", "user_id": f"user {chat}", "conversation_id": f"chat {chat}",
        "model_id": "steady", "shown_at": shown_at, "user_text": f"tell me more, {number}",
        "reply_text": "so it was " * (number % 7 + 1), "dwell_ms": 4000 + 1700 * (number % 5),
    } | more  # fmt: skip


def _last_words() -> list[dict[str, Any]]:
    found = []
    for place, words in enumerate(LAST_WORDS):
        for number in range(6):
            said = {"user_text": words, "reply_text": None if place % 3 else words} if number == 5 else {}
            found.append(_turn(f"words{place}", number, NOON + timedelta(minutes=number), **said))
    return found


def _chain() -> list[dict[str, Any]]:
    first = [_turn("chain", 0, NOON)]
    return first + [
        _turn("chain", number, NOON + timedelta(seconds=number), replaces_event_id=f"chain-{number - 1}")
        for number in range(1, CHAIN)
    ]


def _ties() -> list[dict[str, Any]]:
    """The same moments and the same speeds over and over, and replies about which nothing is known."""
    found = [_turn("ties", number, NOON + timedelta(minutes=number // 3), dwell_ms=5000) for number in range(12)]
    found += [_turn("bare", number, NOON + timedelta(minutes=number), dwell_ms=None) for number in range(6)]
    return found + [
        _turn("zero", number, NOON + timedelta(minutes=number), dwell_ms=0, foreground_ms=0, reply_text="")
        for number in range(5)
    ]


def _midnights() -> list[dict[str, Any]]:
    """Chats across midnight of UTC and of places east and west, fractions of a second included."""
    return [
        _turn(
            f"offset{offset}",
            number,
            datetime(2026, 3, 3 + number // 8, 23, 40, 0, 123456) + timedelta(minutes=7.5 * (number % 8)),
            utc_offset_minutes=offset,
        )
        for offset in (-720, -300, 0, 345, 840)
        for number in range(24)
    ]
