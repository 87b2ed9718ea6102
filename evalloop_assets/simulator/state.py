"""What the product remembers from one day to the next, as Parquet and JSON in a folder per day."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.delivery import write_json, write_table
from evalloop_assets.simulator.rows import Exposure
from evalloop_assets.simulator.soiling import HeldBack


@dataclass(frozen=True)
class DaySummary:
    """What a day's delivery holds."""

    day: date
    active_users: int
    """Users who opened the app."""
    new_users: int
    conversations: int
    turns: int
    """Replies written in conversations begun on this day; those shown after midnight are delivered a day later."""
    battles: int
    turns_by_model: dict[str, int]


@dataclass(frozen=True)
class ProductState:
    """State after a day. The population itself is drawn again from the seed."""

    satisfaction: Floats
    """(users,) in the order of the population."""
    last_day: Ints
    """(users,) ordinal of the user's last day in the app."""
    seen: Floats
    """(users, phrases) uses of each phrase that each user remembers."""
    held: HeldBack
    """Rows not delivered yet."""
    exposed: frozenset[Exposure]
    """Users reported in `assignments`."""
    models: frozenset[str]
    """Models reported in `models`."""


def save(folder: Path, state: ProductState, summary: DaySummary, identity: dict[str, Any]) -> None:
    """Writes the state after `summary.day`; a kill leaves it whole or absent."""
    final = _of_day(folder, summary.day)
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    write_table(partial / "users.parquet", pa.table({"satisfaction": state.satisfaction, "last_day": state.last_day}))
    uses = pa.FixedSizeListArray.from_arrays(pa.array(state.seen.astype(np.float32).ravel()), state.seen.shape[1])
    write_table(partial / "seen.parquet", pa.table({"uses": uses}))
    for name, rows in state.held.tables.items():
        write_table(partial / "held" / f"{name}.parquet", rows)
    exposed = sorted(state.exposed)
    columns = {name: [row[i] for row in exposed] for i, name in enumerate(("experiment_id", "user_id", "arm"))}
    write_table(partial / "exposed.parquet", pa.table(columns, schema=_EXPOSED))
    written = {**asdict(summary), "day": summary.day.isoformat()}
    write_json(partial / "state.json", {"identity": identity, "summary": written, "models": sorted(state.models)})
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


def load(folder: Path, day: date) -> tuple[ProductState, DaySummary, dict[str, Any]] | None:
    """State after `day`, its summary and whose it is; None if that day has not been served."""
    kept = _of_day(folder, day)
    if not kept.is_dir():
        return None
    written = json.loads((kept / "state.json").read_text(encoding="utf-8"))
    users = pq.read_table(kept / "users.parquet")
    exposed = pq.read_table(kept / "exposed.parquet").to_pylist()
    state = ProductState(
        satisfaction=np.array(users["satisfaction"], dtype=np.float64),
        last_day=np.array(users["last_day"], dtype=np.int64),
        seen=_seen(kept),
        held=HeldBack({path.stem: pq.read_table(path) for path in sorted((kept / "held").glob("*.parquet"))}),
        exposed=frozenset((row["experiment_id"], row["user_id"], row["arm"]) for row in exposed),
        models=frozenset(written["models"]),
    )
    summary = DaySummary(**{**written["summary"], "day": day})
    return state, summary, written["identity"]


def _seen(kept: Path) -> Floats:
    uses = pq.read_table(kept / "seen.parquet")["uses"].combine_chunks()
    return np.asarray(uses.values.to_numpy(zero_copy_only=False).reshape(len(uses), uses.type.list_size))


_EXPOSED = pa.schema([("experiment_id", pa.string()), ("user_id", pa.string()), ("arm", pa.string())])


def _of_day(folder: Path, day: date) -> Path:
    return folder / "state" / day.isoformat()
