"""Effective reading of a log in a data frame: what the asset `reading` computes, without a lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.frames import load_all, require_frame, run, typed
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

CHAIN = [Path(__file__).with_name(f"{name}.sql") for name in ("sessions", "reading")]
TOLD = ("effective_read_s", "chars_per_second", "background", "reason", "background_score")
"""Columns of the result after event_id."""


def effective_reading(turns: pd.DataFrame, settings: Settings | None = None) -> pd.DataFrame:
    """How each reply was read, one row per row of `turns` in its order, under its index.

    `turns` has columns of the log contract; only user_id, conversation_id and shown_at must be there. Times may be of
    any zone, without one they are UTC. What a missing column leaves unknown is missing in the result, and `reason` says
    why. The result has event_id, effective_read_s (seconds), chars_per_second, background (whether part of the time
    was spent elsewhere), reason and background_score (evidence of that, from 0 to 1); docs/labels.md defines them. A
    reply is judged beside the others of its user and day, so that the whole log of a day should come in one frame.

    UserError for what is no data frame, a required column that is missing or has gaps, an event_id that is there twice,
    and a value that its column cannot hold, such as a negative dwell_ms.
    """
    import pandas as pd

    require_frame(turns, "Give one reply a row.")
    log = turns.reset_index(drop=True)
    if "event_id" not in log:
        log["event_id"] = log.index
    log = log.assign(model_id=log["model_id"].astype(object).fillna("") if "model_id" in log else "")
    table = typed(log, TURNS)
    ids = pd.Index(table["event_id"].to_pandas(), dtype=object)
    if not ids.is_unique:
        raise UserError(f"event_id {ids[ids.duplicated()][0]}", "it is there more than once", "Keep one row of each.")
    if not len(ids):
        read = pd.DataFrame(columns=list(TOLD))
    else:
        shown = pd.Series(table["shown_at"].to_pandas())
        days = Days(shown.min().date(), shown.max().date())
        clock = Clock(days.last, shown.max().to_pydatetime())
        found = run(load_all(*CHAIN), {"turns": table}, days, settings or Settings(), clock)["reading"]
        read = found.select(["event_id", *TOLD]).to_pandas().set_index("event_id").loc[ids]
    read.insert(0, "event_id", turns["event_id"].to_numpy() if "event_id" in turns else None)
    return read.set_index(turns.index)
