"""The day's breaks: kept replies held against what their conversations said in the days before."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.reward_model.blocks import blocks, each
from evalloop_assets.reward_model.breaks import USER, find_breaks

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs

TURNS_AT_ONCE = 10_000
"""Turns of a block."""
BREAK = 0.5

CONVERSATIONS = """
    WITH newest AS (
        SELECT character_id, persona
        FROM personas
        QUALIFY row_number() OVER (PARTITION BY character_id ORDER BY day DESC) = 1
    )
    SELECT
        r.day, r.event_id, r.session_id, r.user_id, r.conversation_id, t.user_text, t.reply_text, newest.persona,
        r.day = $day AND r.position IS NOT NULL AS wanted
    FROM reading AS r
    JOIN turns AS t ON t.event_id = r.event_id
    LEFT JOIN newest ON newest.character_id = t.character_id
    WHERE r.position IS NOT NULL
        AND r.conversation_id IN (SELECT conversation_id FROM reading WHERE day = $day AND position IS NOT NULL)
    ORDER BY r.conversation_id, t.shown_at, r.event_id
"""


class Found(NamedTuple):
    """Rows of `breaks`, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def break_day(inputs: Inputs, day: date, processes: int = 1) -> Found:
    """One row per kept reply of the day; replies of the days before are history only."""
    import pyarrow as pa

    turns = inputs.query(CONVERSATIONS, {"day": day})
    parts = each(judged, blocks(turns, "conversation_id", TURNS_AT_ONCE), processes)
    rows = pa.concat_tables([judged(turns.slice(0, 0)), *parts])
    scores = rows.column("score").to_numpy()
    kinds = rows.column("kind").filter(pa.array(scores >= BREAK)).value_counts().to_pylist()
    shown: dict[str, Any] = {one["values"]: one["counts"] for one in kinds}
    return Found(rows, {"replies": rows.num_rows, "breaks": int((scores >= BREAK).sum()), "by_kind": shown})


def judged(heard: pa.Table) -> pa.Table:
    """Rows of `breaks` for the wanted replies among these rows of CONVERSATIONS, all of some conversations."""
    import pandas as pd
    import pyarrow as pa

    turns = heard.to_pandas()
    place = pd.Series(range(len(turns)), index=turns.index)
    messages = pd.concat(
        [
            pd.DataFrame(
                {
                    "conversation_id": turns["conversation_id"],
                    "position": 2 * place + said,
                    "speaker": speaker,
                    "text": turns[column],
                    "persona": turns["persona"] if said else None,
                }
            )
            for said, (speaker, column) in enumerate(((USER, "user_text"), ("character", "reply_text")))
        ],
        ignore_index=True,
    )
    found = find_breaks(messages).iloc[len(turns) :].set_index(turns.index)
    wanted = turns["wanted"].astype(bool)
    rows = turns.loc[wanted, ["event_id", "session_id", "user_id", "conversation_id"]]
    columns = [(name, pa.float64() if name == "score" else pa.string()) for name in (*rows.columns, "score", "kind")]
    scored = rows.assign(score=found["score"], kind=found["kind"])
    return pa.Table.from_pandas(scored, schema=pa.schema(columns), preserve_index=False)
