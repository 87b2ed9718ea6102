"""Small logs, the ways in which they may arrive, and the tables that follow: real deliveries into a real lake.

What is recomputed is what the planner says, in as many rounds as it asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.backfill.staleness import work
from evalloop_assets.days import Days
from evalloop_assets.lake.assets import TRANSFORMS, definition_of, run_transform, stale_now
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.plan import identity
from evalloop_assets.settings import Settings
from evalloop_assets_tests.homes import comparable

BEGIN = datetime(2026, 5, 1)
LAST = date(2026, 5, 12)
"""By then every label of what began in the first days has matured."""
NOW = datetime(2026, 6, 1)
ROUNDS = 6
OFFSETS = {"u": 480, "v": -300, "w": None}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Arrived:
    """A row of the log and its table."""

    table: str
    row: Row

    @property
    def day(self) -> date:
        return self.row[LOG_TABLES[self.table].day_from].date()


@dataclass(frozen=True)
class Step:
    """One delivery and what was done after it."""

    rows: Sequence[Arrived]
    complete_through: date | None = None
    run: bool = False


moments = st.builds(
    lambda day, minute: BEGIN + timedelta(days=day, minutes=minute),
    st.sampled_from([0, 1, 2, 3, 4, 7, 8]),
    st.sampled_from([600, 0, 10, 25, 480, 900, 1150, 1380, 1405, 1425, 1439]),
)
gaps = st.lists(st.sampled_from([1, 5, 29, 30, 31, 90, 700]), min_size=0, max_size=6)
users = st.sampled_from(sorted(OFFSETS))


@st.composite
def logs(draw: st.DrawFn) -> list[Arrived]:
    """A few users over some days: chats with gaps around the idle gap and midnight, openings, sign-ups, battles."""
    turns: list[dict[str, Any]] = []
    for chat in range(draw(st.integers(1, 4))):
        shown_at, user = draw(moments), draw(users)
        offset = draw(st.sampled_from([OFFSETS[user], OFFSETS[user], OFFSETS[user], None, -480, 840]))
        before = None
        for gap in [0, *draw(gaps)]:
            shown_at += timedelta(minutes=gap)
            row = {
                "event_id": f"e{len(turns)}",
                "user_id": user,
                "conversation_id": f"c{chat}",
                "model_id": "m",
                "shown_at": shown_at,
                "utc_offset_minutes": offset,
                "reply_chars": draw(st.sampled_from([40, 200, 0, None])),
                "dwell_ms": draw(st.sampled_from([None, 5_000, 20_000, 400_000])),
                "replaces_event_id": before if draw(st.integers(0, 3)) == 3 else None,
                "feedback": draw(st.sampled_from([None, None, "like", "dislike"])),
                "user_text": draw(st.sampled_from(["and", "bye", None])),
                "reply_text": f"text {len(turns)}",
            }
            before = row["event_id"]
            turns.append(row)
    found = [Arrived("turns", row) for row in turns]
    found += [
        Arrived("visits", {"user_id": user, "opened_at": at, "utc_offset_minutes": OFFSETS[user]})
        for user, at in draw(st.lists(st.tuples(users, moments), max_size=4, unique=True))
    ]
    found += [
        Arrived("signups", {"user_id": user, "signed_up_at": draw(moments)})
        for user in draw(st.lists(users, max_size=2, unique=True))
    ]
    events = st.sampled_from([row["event_id"] for row in turns])
    for number in range(draw(st.integers(0, 2))):
        sides = {"event_id_a": draw(events), "event_id_b": draw(events)}
        told = {
            "outcome": draw(st.sampled_from(["a", "b", "tie"])),
            "decided_at": draw(moments),
            "user_id": draw(users),
        }
        texts = {"reply_a": "one", "reply_b": "two"}
        row = {"battle_id": f"b{number}", "model_a": "m", "model_b": "n", **told}
        found.append(Arrived("battles", row | (texts if sides["event_id_a"] == sides["event_id_b"] else sides)))
    for number in range(draw(st.integers(0, 3))):
        user, unit = draw(users), draw(st.sampled_from(["conversation", "user"]))
        row = {
            "experiment_id": "x",
            "unit": unit,
            "unit_id": user if unit == "user" else f"c{number}",
            "user_id": user,
            "arm": draw(st.sampled_from(["control", "treatment"])),
            "model_id": "m",
            "assigned_at": draw(moments),
            "propensity": 0.5,
        }
        found.append(Arrived("assignments", row))
    keys = {(one.table, tuple(one.row[name] for name in LOG_TABLES[one.table].key)): one for one in found}
    return list(keys.values())


@st.composite
def arrivals(draw: st.DrawFn, rows: Sequence[Arrived]) -> list[Step]:
    """The rows shuffled, some of them twice, cut into deliveries, with runs between and days declared complete."""
    again = draw(st.lists(st.sampled_from(rows), max_size=3), label="repeated")
    shuffled = draw(st.permutations([*rows, *again]), label="shuffled")
    cuts = sorted(draw(st.lists(st.integers(1, len(shuffled)), max_size=3, unique=True), label="cuts"))
    pieces = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    declared = sorted(
        draw(st.lists(st.sampled_from([None, 1, 3, 5, 9]), min_size=1, max_size=4), label="declared"),
        key=lambda day: day or 0,
    )
    return [
        Step(piece, BEGIN.date() + timedelta(days=day) if day else None, draw(st.booleans(), label="run"))
        for piece, day in zip(pieces, [*declared, *[None] * len(pieces)], strict=False)
    ]


def by_day(rows: Sequence[Arrived]) -> list[Step]:
    """Each day's rows on their day, complete and computed before the next; days without rows only where they follow."""
    busy = {one.day for one in rows}
    days = [day for day in Days(BEGIN.date(), LAST) if day in busy or day - date.resolution in busy or day == LAST]
    return [Step([one for one in rows if one.day == day], day, run=True) for day in days]


class History:
    """A lake that takes in one delivery after the other, and computes ranges whole or in parts of so many rows."""

    def __init__(self, folder: Path, rows_at_once: int | None = None) -> None:
        self.folder = folder
        self.lake = Lake(str(folder / "lake"), DuckDBEngine(_one_thread, rows_at_once=rows_at_once))
        self.settings = Settings(home=folder, labels={"absence_days": 3})
        self.files = 0

    def take_in(self, rows: Sequence[Arrived], complete_through: date | None = None) -> None:
        for table in LOG_TABLES:
            found = [one.row for one in rows if one.table == table]
            if found:
                self._deliver(table, found)
        if complete_through is not None:
            self._declare(complete_through)

    def run(self) -> int:
        """Do what the planner asks for until nothing is stale; gives the number of rounds."""
        for number in range(ROUNDS):
            due = work(self.lake, self.settings, tables=list(TRANSFORMS)).spans
            if not due:
                return number
            for span in due:
                for table in span.tables:
                    definition = definition_of(table, self.settings, self.lake.clock())
                    self.compute(table, stale_now(self.lake, definition, Days(span.first, span.last)))
        raise AssertionError(f"after {ROUNDS} rounds there is still something stale: {due}")

    def compute(self, table: str, days: Sequence[date]) -> None:
        if days:
            run_transform(self.lake, TRANSFORMS[table], days, self.settings)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Rows of every transform, sorted, floats to nine digits."""
        return {name: self.rows(name) for name in TRANSFORMS}

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        if self.lake.version(table) is None:
            return []
        found = self.lake.read(table).to_pylist()
        return sorted((tuple(map(comparable, row.values())) for row in found), key=repr)

    def versions(self) -> dict[str, int | None]:
        return {table: self.lake.version(table) for table in self.lake.tables()}

    def _deliver(self, table: str, rows: Sequence[Row]) -> None:
        schema = LOG_TABLES[table]
        given = arrow_schema(schema)
        given = given.remove(given.get_field_index("day"))
        path = self.folder / f"{self.files}.parquet"
        self.files += 1
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], given), path)
        deliver(self.lake, path, identity(schema, tuple(given.names)), now=NOW, tolerance=timedelta(0), batch_rows=1000)

    def _declare(self, through: date) -> None:
        from evalloop_assets.logs.landing import deliver_landing

        landing = self.folder / "landing"
        landing.mkdir(exist_ok=True)
        (landing / "complete.json").write_text(f'{{"through": "{through}"}}')
        deliver_landing(self.lake, landing, now=NOW, tolerance=timedelta(0), batch_rows=1000)


@contextmanager
def _one_thread() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={"threads": 1})
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def history(rows_at_once: int | None = None) -> Iterator[History]:
    with TemporaryDirectory(prefix="evalloop-history-") as name:
        yield History(Path(name), rows_at_once)


def after(steps: Sequence[Step], rows_at_once: int | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """The tables when all has arrived, every day is complete and nothing is stale."""
    with history(rows_at_once) as told:
        for step in steps:
            told.take_in(step.rows, step.complete_through)
            if step.run:
                told.run()
        told.take_in([], LAST)
        told.run()
        return told.tables()
