"""Dialogues annotated with acts, as messages, and how well their ends are told from their middles."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLOSING_EXCHANGE = 2
"""Messages of the exchange that ends a dialogue: a cut within it is neither an end nor a middle."""


def english(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Dialogues of SGD, all of which end with goodbyes: id, and the messages, the user's first."""
    for path in sorted(folder.glob("*.json.gz")):
        for dialogue in json.loads(gzip.decompress(path.read_bytes())):
            yield dialogue["dialogue_id"], [turn["utterance"] for turn in dialogue["turns"]]


def chinese(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The same of CrossWOZ, most of which end with thanks."""
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            dialogues = json.loads(archive.read(path.name.removesuffix(".zip")))
        for name, dialogue in dialogues.items():
            yield name, [message["content"] for message in dialogue["messages"]]


SETS = {"sgd": english, "crosswoz": chinese}


def half(name: str) -> str:
    """The half of its set that a dialogue is in: rules are written on `read` and reported on both."""
    return ("read", "unread")[hashlib.md5(name.encode()).digest()[-1] % 2]


def prefixes(dialogues: Iterator[tuple[str, list[str]]]) -> Any:
    """Every dialogue cut after each of its messages, as `endings` takes it (the last eight messages of each will do);
    and for each cut the dialogue, its half, and whether the cut is the whole dialogue."""
    import pandas as pd

    messages, cuts = [], []
    for name, said in dialogues:
        for end in (*range(1, len(said) - CLOSING_EXCHANGE + 1), len(said)):
            key = len(cuts)
            cuts.append((key, name, half(name), end == len(said), end % 2 == 1))
            messages += [
                (key, place, ("user", "system")[place % 2], said[place]) for place in range(max(0, end - 8), end)
            ]
    return (
        pd.DataFrame(messages, columns=["conversation_id", "position", "speaker", "text"]),
        pd.DataFrame(cuts, columns=["conversation_id", "dialogue", "half", "whole", "after_user"]),
    )


def figures(told: Any) -> dict[str, float]:
    """Of cuts with `closed`, `score` and `whole`: precision, recall and F1 of whole dialogues against one cut of each
    in mid-dialogue, AUC of the score against all such cuts, and the share of these that is taken for an end."""
    whole, middle = told[told["whole"]], told[~told["whole"]]
    cut = middle.groupby("dialogue").sample(1, random_state=0)
    hits, false = int(whole["closed"].sum()), int(cut["closed"].sum())
    ranks = told["score"].rank()[told["whole"]].sum()
    return {
        "precision": hits / max(hits + false, 1),
        "recall": hits / len(whole),
        "F1": 2 * hits / (hits + false + len(whole)),
        "AUC": (ranks - len(whole) * (len(whole) + 1) / 2) / (len(whole) * len(middle)),
        "false positives after a user's message": middle[middle["after_user"]]["closed"].mean(),
        "false positives after a reply": middle[~middle["after_user"]]["closed"].mean(),
    }
