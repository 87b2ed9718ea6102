"""What is wrong with a product's log, as rates, and the truth about every row that suffered from it.

The pass that soils a day's tables is in `soiling`, users who are no people are in `strangers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.simulator.arrays import Bools
from evalloop_assets.simulator.arrow import arrow_schema
from evalloop_assets.simulator.hashed import uniform
from evalloop_assets.simulator.requirements import require_count, require_share
from evalloop_assets.simulator.traffic import Assignment, Flags

MOST_WHALE_TURNS = 50_000
"""At WHALE_INTERVAL_S apart, this many fit into a day."""
WHALE_INTERVAL_S = 1.6
MOST_LATE_DAYS = 365
MOST_SKEW_MINUTES = 24 * 60

TRUTH_DIRT = TableSchema(
    "truth_dirt",
    "one row that was soiled",
    (
        Column("table_name", "VARCHAR", "table of the log contract"),
        Column("row_id", "VARCHAR", "id of the row there; of an assignment experiment/unit/unit_id/arm"),
        Column(
            "kind",
            "VARCHAR",
            "duplicate, late, out_of_order, skewed, no_foreground, lost, malformed, bot, whale, silent, "
            "lost_treatment or both_arms",
        ),
        Column("about", "VARCHAR", "what was done to it"),
    ),
    ("table_name", "row_id", "kind"),
)

ROW_IDS = {
    "turns": ("event_id",),
    "visits": ("visit_id",),
    "signups": ("user_id",),
    "battles": ("battle_id",),
    "assignments": ("experiment_id", "unit", "unit_id", "arm"),
    "characters": ("character_id",),
    "models": ("model_id",),
    "benchmark_items": ("benchmark", "item_id"),
    "benchmark_scores": ("model_id", "benchmark", "item_id"),
    "judge_verdicts": ("item_id", "judge_id"),
    "gold_annotations": ("item_id", "annotator_id"),
    "reason_ratings": ("reason_id", "annotator_id"),
}
"""Columns that name a row of each table."""


@dataclass(frozen=True)
class Dirt:
    """How dirty a log is. Everything is off by default: a clean log.

    Days are numbered from 0, the product's first. UserError for a value that cannot be, naming the field.
    """

    duplicates: float = 0.0
    """Share of turns, visits and battles that are delivered twice: half of the copies in the same file, half with the
    next day's. A second copy of a turn is received later than the first."""
    late: float = 0.0
    """Share of turns that are delivered, and received, one to `late_days` days after their day."""
    late_days: int = 3
    """Days by which a late turn is late at most, not counting silent days at their end."""
    out_of_order: float = 0.0
    """Share of turns that change places within their file."""
    skewed: float = 0.0
    """Share of users whose device clock is off, by an amount of the user's own that never changes. It shifts all times
    of the user but received_at, which is the log's clock."""
    skew_minutes: int = 90
    """Minutes by which a clock is off at most, either way."""
    no_foreground: float = 0.0
    """Share of users whose app does not tell the time in front, scrolls and clicks; these are NULL in their turns."""
    lost: float = 0.0
    """Share of turns that are never delivered."""
    malformed: float = 0.0
    """Share of turns and visits of which a copy with an id of its own is delivered that breaks the contract."""
    bots: int = 0
    """Automated users a day, the same every day."""
    whale_turns: int = 0
    """Turns of one user, a script, on day `whale_day`; at most MOST_WHALE_TURNS."""
    whale_day: int = 0
    """Number of the day on which the whale comes."""
    silent_days: tuple[int, ...] = ()
    """Numbers of days whose log is lost altogether."""
    lost_treatment: float = 0.0
    """Share of conversations in arm `treatment` whose turns and assignment rows are lost. Where users are randomised,
    of the assignment rows, which name no conversation, the same share of users' is lost."""
    both_arms: float = 0.0
    """Share of conversations begun on another device, which the flags take for another user. See OtherDevice."""

    def __post_init__(self) -> None:
        for name in (
            "duplicates",
            "late",
            "out_of_order",
            "skewed",
            "no_foreground",
            "lost",
            "malformed",
            "lost_treatment",
            "both_arms",
        ):
            require_share(f"dirt: {name}", getattr(self, name))
        require_count("dirt: late_days", self.late_days, 1, MOST_LATE_DAYS)
        require_count("dirt: skew_minutes", self.skew_minutes, 1, MOST_SKEW_MINUTES)
        require_count("dirt: bots", self.bots)
        require_count("dirt: whale_turns", self.whale_turns, 0, MOST_WHALE_TURNS)
        require_count("dirt: whale_day", self.whale_day)
        if not isinstance(self.silent_days, tuple):
            raise UserError(
                "dirt: silent_days", f"{self.silent_days!r} is no tuple", "Give day numbers such as (3, 4)."
            )
        for number in self.silent_days:
            require_count("dirt: silent_days", number)
        if self.whale_turns and self.whale_day in self.silent_days:
            why = f"day {self.whale_day} is silent, so that the whale would never be seen"
            raise UserError("dirt: whale_day", why, "Choose another day, or set whale_turns to 0.")


@dataclass(frozen=True)
class OtherDevice:
    """Flags of a product some of whose conversations begin on another device, which is resolved as another user.

    The log knows the user all the same, so that users randomised as such meet both arms.
    """

    flags: Flags
    share: float
    """Of conversations; the same ones for the same seed."""
    seed: int

    def __post_init__(self) -> None:
        require_share("dirt: both_arms", self.share)

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        elsewhere = self.share > 0 and bool(on_other_device([conversation_id], self.share, self.seed)[0])
        return self.flags.resolve(f"{user_id}/2" if elsewhere else user_id, conversation_id, started_at)


def on_other_device(conversation_ids: Any, share: float, seed: int) -> Bools:
    """(conversations,) those that OtherDevice of this share and seed resolves as another user."""
    return uniform(conversation_ids, seed, "other device") < share


def row_ids(table_name: str, rows: pa.Table) -> pa.ChunkedArray:
    """(rows,) ids as TRUTH_DIRT names them."""
    columns = [rows[name] for name in ROW_IDS[table_name]]
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "/")


def truth_of_dirt(table_name: str, rows: pa.Table, kind: str, about: Any) -> pa.Table:
    """TRUTH_DIRT rows for `rows` of a table; `about` is one text for all, or (rows,) texts."""
    n = rows.num_rows
    texts = pa.repeat(about, n) if isinstance(about, str) else about
    columns = [pa.repeat(table_name, n), row_ids(table_name, rows), pa.repeat(kind, n), texts]
    return pa.table(columns, schema=arrow_schema(TRUTH_DIRT))
