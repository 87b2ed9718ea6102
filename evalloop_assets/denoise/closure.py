"""Whether dialogues came to their end: what the asset `closures` computes, without a lake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.frames import load_all, require_frame, require_single, run, typed, typed_column
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NEEDED = {
    "conversation_id": "which dialogue it is of",
    "position": "its place in the dialogue, a number",
    "speaker": "who said it",
    "text": "what was said",
}
USERS = frozenset(
    {"user", "human", "usr", "customer", "client", "prompter", "seeker", "player", "person", "visitor"}
    | {"用户", "用戶", "使用者", "我", "客户", "客戶", "顾客", "顧客", "客人", "玩家", "访客", "訪客"}
)
REPLIERS = frozenset(
    {"assistant", "bot", "system", "agent", "sys", "character", "model", "ai", "chatbot", "wizard", "gpt", "operator"}
    | {"助手", "助理", "机器人", "機器人", "客服", "系统", "系統", "角色", "模型", "智能体", "ai助手", "智能助手"}
)
BEGAN = datetime(2000, 1, 1)
CHAIN = [Path(__file__).with_name(f"{name}.sql") for name in ("sessions", "reading", "closing_words", "closures")]

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
    and text (None or empty where nothing was said). Speakers are known by the usual names (user, human, customer,
    用户, 我; assistant, bot, agent, character, 助手, 客服 and so on, in any case, with any marks around them); an
    unknown name beside a known one is the other side, and where no name tells, who speaks first is the user. Several
    messages of the user in a row answer as one, and last words that were never answered count. Further columns of
    the log contract (dwell_ms, typing_ms, foreground_ms …) are taken from the rows of replies, user_id from the
    first row that has one, the day from the first shown_at of a dialogue; a reply whose replaces_event_id is the
    event_id of another stands in its place. dwell_ms makes quiet ends visible: times are judged beside those of the
    same day in the frame (all of it where no shown_at is given), so that a day's dialogues should come together.

    Back come conversation_id, closed (bool), score (evidence from 0 to 1) and marker (farewell, thanks, goal, resolved,
    quiet; None where not closed), as docs/labels.md defines them. UserError for what is no data frame, a column that is
    missing or there twice, a message without conversation or place, a dialogue without a time where others have one,
    and a value that its column cannot hold.
    """
    import pandas as pd

    require_frame(turns, "Give one message a row.")
    for name, about in NEEDED.items():
        if name not in turns.columns:
            raise UserError(f"column {name}", "it is missing", f"Give it: {about}.")
    if not len(turns):
        return pd.DataFrame({"conversation_id": [], "closed": pd.array([], bool), "score": [], "marker": []})
    try:
        codes, conversations = pd.factorize(turns["conversation_id"])
    except TypeError as error:
        raise UserError(
            "column conversation_id", f"not every value is an id: {error}", "Give texts or numbers."
        ) from error
    if (codes < 0).any():
        raise UserError("column conversation_id", "values are missing", "Leave such rows out.")
    log = _log(turns.reset_index(drop=True), codes, conversations)
    first, last = log["shown_at"].min(), log["shown_at"].max()
    days, clock = Days(first.date(), last.date()), Clock(last.date(), last.to_pydatetime())
    found = run(load_all(*CHAIN), {"turns": typed(log, TURNS)}, days, settings or Settings(), clock)
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


def _log(turns: pd.DataFrame, codes: np.ndarray, conversations: pd.Index) -> pd.DataFrame:
    """One row of `turns` as the contract has it for each reply, and for last words without one."""
    import duckdb
    import pandas as pd

    messages = pd.DataFrame({"code": codes, "at": _positions(turns["position"]), "text": _texts(turns["text"])})
    messages["source"] = turns.index
    messages["user_id"] = turns["user_id"].astype(object) if "user_id" in turns else None
    names = turns["speaker"].astype(object).where(turns["speaker"].notna(), "").astype(str)
    messages["speaker"] = names.str.lower().str.replace(r"^[\W_]+|[\W_]+$", "", regex=True)
    messages = messages.sort_values(["code", "at"], kind="stable", ignore_index=True)
    messages["place"] = messages.index
    messages["by_user"] = _by_user(messages)
    with duckdb.connect() as connection:
        connection.register("messages", messages[["code", "place", "by_user", "text"]])
        rows = connection.sql(REPLIES).df()
    replied = messages["source"].reindex(rows["replied_at"]).to_numpy()
    more = turns.drop(columns=[*NEEDED, "shown_at"], errors="ignore").reindex(replied).reset_index(drop=True)
    code = rows["code"].astype(str)
    user = rows["code"].map(messages.groupby("code")["user_id"].first())
    ids = pd.Series(rows.index.astype(str).str.zfill(12))
    return more.assign(
        event_id=ids,
        replaces_event_id=_replaced(more, ids),
        user_id=user.where(user.notna(), code),
        conversation_id=code,
        model_id="",
        shown_at=rows["code"].map(_days(turns, codes, conversations)) + pd.to_timedelta(rows["reply"], unit="ms"),
        user_text=rows["user_text"],
        reply_text=rows["reply_text"],
    )


def _replaced(replies: pd.DataFrame, ids: pd.Series) -> pd.Series | None:
    """Which of `ids` each reply replaces; None where the frame does not tell."""
    import pandas as pd

    names = ("event_id", "replaces_event_id")
    if not set(names) <= set(replies.columns):
        return None
    for name in names:
        _require_single(replies[name], "Give texts or numbers.")
    known = pd.Series(ids.to_numpy(), replies["event_id"].astype(object))
    known = known[known.index.notna() & ~known.index.duplicated()]
    return replies["replaces_event_id"].astype(object).map(known)


def _days(turns: pd.DataFrame, codes: np.ndarray, conversations: pd.Index) -> pd.Series:
    """Midnight of the UTC day on which each conversation began, by code; one day for all where no time is given."""
    import pandas as pd

    if "shown_at" not in turns or turns["shown_at"].isna().all():
        return pd.Series(BEGAN, range(len(conversations)))
    known = turns["shown_at"].notna()
    times = pd.Series(typed_column(turns.loc[known, "shown_at"], TURNS.column("shown_at")).to_pandas())
    days = times.groupby(codes[known]).min().dt.floor("D").reindex(range(len(conversations)))
    if days.isna().any():
        name = conversations[days.isna()][0]
        raise UserError(
            f"conversation {name}", "none of its messages has shown_at", "Give a time, or leave the column out."
        )
    return days


def _positions(values: pd.Series) -> pd.Series:
    import pandas as pd

    try:
        position = pd.to_numeric(values)
        if position.dtype.kind == "c":
            raise TypeError("complex numbers have no order")
    except (ValueError, TypeError) as error:
        raise UserError("column position", f"not every value is a number: {error}", "Number the messages.") from error
    if position.isna().any():
        raise UserError("column position", f"{int(position.isna().sum())} values are missing", "Leave such rows out.")
    return position


def _require_single(values: pd.Series, mend: str) -> None:
    try:
        require_single(values[values.notna()])
    except TypeError as error:
        raise UserError(f"column {values.name}", f"not every value is a text: {error}", mend) from error


def _texts(values: pd.Series) -> pd.Series:
    """Texts, None where nothing was said; UserError for half of a surrogate pair, which no table can hold."""
    _require_single(values, "Decode it, join its parts.")
    texts = values.astype(object).where(values.notna(), None).map(str, na_action="ignore").replace("", None)
    broken = texts.str.contains("[\ud800-\udfff]", regex=True, na=False) if texts.notna().any() else texts.notna()
    if broken.any():
        text = ascii(texts[broken].iloc[0][:60])
        raise UserError(f"column text, {text}", "it holds half of a surrogate pair", "Decode it as UTF-8 or UTF-16.")
    return texts


def _by_user(messages: pd.DataFrame) -> pd.Series:
    """Which messages, in their order, are the user's."""
    user, replier = messages["speaker"].isin(USERS), messages["speaker"].isin(REPLIERS)
    by_conversation = messages["code"]
    known_user = user.groupby(by_conversation).transform("any")
    known_replier = replier.groupby(by_conversation).transform("any")
    first = messages["speaker"] == messages.groupby("code")["speaker"].transform("first")
    return user | (~replier & ~known_user & (known_replier | first))
