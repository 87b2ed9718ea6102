"""Conversations as frames, and the real sets of others as frames with their truth."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from evalloop_assets_tests.denoise.dialogues import SETS

CASES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8")
)
COLUMNS = ["conversation_id", "position", "speaker", "text", "persona"]
SPEAKERS = ("character", "user")


def talk(messages: Sequence[str | None], persona: str | None = None, name: object = "c") -> pd.DataFrame:
    """Messages in turn, the character's last."""
    last = len(messages) - 1
    rows = [(name, place, SPEAKERS[(last - place) % 2], text, persona) for place, text in enumerate(messages)]
    return pd.DataFrame(rows, columns=COLUMNS)


def talks(conversations: Iterable[tuple[object, Sequence[str], str | None]]) -> pd.DataFrame:
    """Many conversations of (name, messages, persona)."""
    return pd.concat([talk(messages, persona, name) for name, messages, persona in conversations], ignore_index=True)


def cdconv(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The four messages of each dialogue; and for each dialogue its label, group (what it begins with) and half.

    Rules were tuned on the half `read`.
    """
    rows = [json.loads(line) for line in gzip.decompress((folder / "cdconv_1_to_3.jsonl.gz").read_bytes()).splitlines()]
    group = [hashlib.md5((row["u1"] + row["b1"]).encode()).hexdigest() for row in rows]
    frame = pd.DataFrame(
        [
            (number, place, SPEAKERS[1 - place % 2], row[said], None)
            for number, row in enumerate(rows)
            for place, said in enumerate(("u1", "b1", "u2", "b2"))
        ],
        columns=COLUMNS,
    )
    half = [("read", "unread")[hashlib.md5((row["u1"] + row["b1"]).encode()).digest()[-1] % 2] for row in rows]
    return frame, pd.DataFrame({"label": [row["label"] for row in rows], "group": group, "half": half})


def convai(folder: Path) -> pd.DataFrame:
    """Real chats with persona bots; `thumb` is 1, 0 or NaN."""
    rows = []
    for number, chat in enumerate(json.loads(gzip.decompress((folder / "data_intermediate.json.gz").read_bytes()))):
        persona = "\n".join(chat["bot_profile"])
        for place, message in enumerate(chat["dialog"]):
            bot = message["sender_class"] == "Bot"
            thumb = message["evaluation_score"] if bot else None
            rows.append((number, place, SPEAKERS[not bot], message["text"], persona if bot else None, thumb))
    return pd.DataFrame(rows, columns=[*COLUMNS, "thumb"])


def annotated(name: str, folder: Path) -> pd.DataFrame:
    """Task dialogues of SGD or CrossWOZ, in which nobody contradicts oneself."""
    rows = [
        (key, place, SPEAKERS[1 - place % 2], text, None)
        for key, said in SETS[name](folder)
        for place, text in enumerate(said)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive scores above a negative, ties half."""
    ranks = pd.Series(score).rank().to_numpy()
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))
