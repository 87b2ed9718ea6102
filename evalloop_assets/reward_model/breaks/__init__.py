"""Consistency breaks from text alone: contradictions of persona or past, broken promises, narrative ruptures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.breaks.conversation import Message, breaks_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_breaks"]

NEEDED = ("conversation_id", "position", "speaker", "text")
USER = "user"
DIGITS = 4


def find_breaks(turns: pd.DataFrame) -> pd.DataFrame:
    """How surely each message breaks what its conversation has established (design, section 6, Credit).

    `turns` has one row per message: conversation_id, position (its order in the conversation), speaker ("user", or
    anybody else, each of whom has a past of one's own), text, and optionally persona (facts of the speaker, one a
    line). The result has one row per row of `turns`, in its order: conversation_id, position, score in [0, 1], of
    which 0.5 is the threshold of a break, and kind: contradiction, promise, rupture, or None where the score is 0.

    Messages of the user and such without text never break anything. No network, no model, no state: a conversation's
    result depends on its own rows alone. UserError where a column is missing.
    """
    import pandas as pd

    missing = [name for name in NEEDED if name not in turns.columns]
    if missing:
        raise UserError(f"column {missing[0]}", "it is missing", f"Give a frame with {', '.join(NEEDED)}.")
    plain = turns.reset_index(drop=True)
    scores: list[float] = [0.0] * len(plain)
    kinds: list[str | None] = [None] * len(plain)
    texts = plain["text"].tolist()
    speakers = plain["speaker"].tolist()
    personas = plain["persona"].tolist() if "persona" in plain.columns else [None] * len(plain)

    def said(row: int) -> tuple[str, str]:
        text, persona = texts[row], personas[row]
        return text if isinstance(text, str) else "", persona if isinstance(persona, str) else ""

    order = plain["position"].rank(method="first", na_option="bottom").to_numpy()
    number, _ = pd.factorize(plain["conversation_id"], use_na_sentinel=False)
    rows = np.lexsort((order, number))
    for heard in map(np.ndarray.tolist, np.split(rows, np.flatnonzero(np.diff(number[rows])) + 1)):
        found = breaks_of([Message(str(speakers[row]), *said(row), speakers[row] == USER) for row in heard])
        for row, one in zip(heard, found, strict=True):
            scores[row] = round(one.score, DIGITS)
            kinds[row] = one.kind if scores[row] else None
    return pd.DataFrame(
        {
            "conversation_id": plain["conversation_id"],
            "position": plain["position"],
            "score": pd.Series(scores, dtype="float64"),
            "kind": pd.Series(kinds, dtype=object),
        }
    )
