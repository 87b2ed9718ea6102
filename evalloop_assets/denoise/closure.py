"""Whether dialogues came to their end: what the asset `closures` computes, without a lake."""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.frames import run, typed
from evalloop_assets.lake.sql import SqlTransform, load
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

NEEDED = {
    "conversation_id": "which dialogue it is of",
    "position": "its place in the dialogue, a number",
    "speaker": "who said it",
    "text": "what was said",
}
USERS = frozenset({"user", "human", "usr", "customer", "client", "prompter", "seeker", "player", "person", "visitor"})
REPLIERS = frozenset(
    {"assistant", "bot", "system", "agent", "sys", "character", "model", "ai", "chatbot", "wizard", "gpt", "operator"}
)
BEGAN = datetime(2000, 1, 1)
CHAIN = ("sessions", "reading", "closing_words", "closures")

REPLIES = """
WITH said AS (
  SELECT
    *,
    COUNT(*) FILTER (WHERE NOT by_user) OVER (
      PARTITION BY code ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - CASE WHEN by_user THEN 0 ELSE 1 END AS reply
  FROM messages
)
SELECT
  code,
  reply,
  STRING_AGG(text, chr(10) ORDER BY place) FILTER (WHERE by_user) AS user_text,
  MAX(text) FILTER (WHERE NOT by_user)                            AS reply_text,
  MAX(place) FILTER (WHERE NOT by_user)                           AS replied_at
FROM said
GROUP BY code, reply
ORDER BY code, reply
"""


def endings(turns: pd.DataFrame, settings: Settings | None = None) -> pd.DataFrame:
    """Which dialogues closed by themselves: one row per conversation, in the order of their first rows.

    `turns` holds one message a row: conversation_id (text or number), position (a number; orders the messages), speaker
    and text (None or empty where nothing was said). Speakers are known by the usual names (user, human, customer …;
    assistant, bot, agent, character …, in any case); an unknown name beside a known one is the other side, and where no
    name tells, who speaks first is the user. Several messages of the user in a row answer as one, and last words that
    were never answered count. Further columns of the log contract (dwell_ms, typing_ms, foreground_ms, user_id …) are
    taken from the rows of replies; dwell_ms makes quiet ends visible.

    Back come conversation_id, closed (bool), score (evidence from 0 to 1) and marker (farewell, thanks, goal, resolved,
    quiet; None where not closed), as docs/labels.md defines them. UserError for a column that is missing, a message
    without conversation or place, and a value that its column cannot hold.
    """
    import pandas as pd

    for name, about in NEEDED.items():
        if name not in turns.columns:
            raise UserError(f"column {name}", "it is missing", f"Give it: {about}.")
    if not len(turns):
        return pd.DataFrame({"conversation_id": [], "closed": pd.array([], bool), "score": [], "marker": []})
    codes, conversations = pd.factorize(turns["conversation_id"])
    if (codes < 0).any():
        raise UserError("column conversation_id", "values are missing", "Leave such rows out.")
    log = _log(turns.reset_index(drop=True), codes)
    clock = Clock(BEGAN.date(), BEGAN)
    found = run(_chain(), {"turns": typed(log, TURNS)}, Days.one(BEGAN.date()), settings or Settings(), clock)
    names = found["sessions"].to_pandas().set_index("session_id")["conversation_id"].astype("int64")
    told = found["closures"].to_pandas()
    told["code"] = told["session_id"].map(names)
    told = told.set_index("code").reindex(range(len(conversations)))
    marker = told["marker"].astype(object).where(told["marker"].notna(), None)
    return pd.DataFrame(
        {
            "conversation_id": conversations,
            "closed": told["closed"].to_numpy(bool),
            "score": told["score"].to_numpy(float),
            "marker": marker.to_numpy(),
        }
    )


def _log(turns: pd.DataFrame, codes: object) -> pd.DataFrame:
    """One row of `turns` as the contract has it for each reply, and for last words without one."""
    import duckdb
    import pandas as pd

    try:
        position = pd.to_numeric(turns["position"])
    except (ValueError, TypeError) as error:
        raise UserError("column position", f"not every value is a number: {error}", "Number the messages.") from error
    if position.isna().any():
        raise UserError("column position", f"{int(position.isna().sum())} values are missing", "Leave such rows out.")
    text = turns["text"]
    messages = pd.DataFrame({"code": codes, "at": position, "text": text.where(text.notna(), None).astype(object)})
    messages["text"] = messages["text"].map(str, na_action="ignore").replace("", None)
    messages["source"] = turns.index
    messages["speaker"] = turns["speaker"].fillna("").astype(str).str.strip().str.lower()
    messages = messages.sort_values(["code", "at"], kind="stable", ignore_index=True)
    messages["place"] = messages.index
    messages["by_user"] = _by_user(messages)
    with duckdb.connect() as connection:
        connection.register("messages", messages)
        rows = connection.sql(REPLIES).df()
    replied = messages["source"].reindex(rows["replied_at"]).to_numpy()
    more = (
        turns.drop(columns=[*NEEDED, "shown_at", "event_id"], errors="ignore").reindex(replied).reset_index(drop=True)
    )
    code = rows["code"].astype(str)
    return more.assign(
        event_id=rows.index.astype(str).str.zfill(12),
        user_id=more["user_id"].astype(object).where(more["user_id"].notna(), code) if "user_id" in more else code,
        conversation_id=code,
        model_id="",
        shown_at=BEGAN + pd.to_timedelta(rows["reply"], unit="ms"),
        user_text=rows["user_text"],
        reply_text=rows["reply_text"],
    )


def _by_user(messages: pd.DataFrame) -> pd.Series:
    """Which messages, in their order, are the user's."""
    user, replier = messages["speaker"].isin(USERS), messages["speaker"].isin(REPLIERS)
    by_conversation = messages["code"]
    known_user = user.groupby(by_conversation).transform("any")
    known_replier = replier.groupby(by_conversation).transform("any")
    first = messages["speaker"] == messages.groupby("code")["speaker"].transform("first")
    return user | (~replier & ~known_user & (known_replier | first))


@functools.cache
def _chain() -> tuple[SqlTransform, ...]:
    return tuple(load(Path(__file__).with_name(f"{name}.sql")) for name in CHAIN)
