"""The pass that soils a day's clean tables: what is delivered now, what is held back, what was done to which row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.arrow import arrow_schema, day_start_us
from evalloop_assets.simulator.dirt import TRUTH_DIRT, Dirt, on_other_device, truth_of_dirt
from evalloop_assets.simulator.faults import malformed
from evalloop_assets.simulator.hashed import uniform

DELIVER_ON = "deliver_on"
TREATMENT = "treatment"
NEXT_DAY_COPIES = 0.5
"""Share of second copies that come with the next day's file."""
RETRY_S = 600
"""Seconds within which a copy in the same file is received after the first."""
_DAY_US = 86_400_000_000
_TWICE, _FAULTY = ("turns", "visits", "battles"), ("turns", "visits")
_DRAWS = ("lost", "late", "out_of_order", "duplicate", "malformed")


@dataclass(frozen=True)
class HeldBack:
    """Rows on their way: delivered by the product, but with the file of a later day."""

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    """By table: rows in the contract's columns and `deliver_on`, DATE. No table is empty."""

    def due(self, day: date) -> tuple[dict[str, pa.Table], HeldBack]:
        """Rows for the file of `day`, by table in the contract's columns, and what stays held back."""
        last = pa.scalar(day, pa.date32())
        now, later = {}, {}
        for name, rows in self.tables.items():
            waits = pc.greater(rows[DELIVER_ON], last)
            now[name] = rows.filter(pc.invert(waits)).drop_columns([DELIVER_ON])
            later[name] = rows.filter(waits)
        return _filled(now), HeldBack(_filled(later))

    def plus(self, other: HeldBack) -> HeldBack:
        """Both together."""
        return HeldBack(joined(self.tables, other.tables))


@dataclass(frozen=True)
class Soiled:
    """A day's tables after the pass."""

    tables: dict[str, pa.Table]
    """What is delivered now, in the order of the file: every table that came in, with the contract's schema."""
    held: HeldBack
    """What is delivered on later days."""
    truth: pa.Table
    """TRUTH_DIRT rows: one for everything that was done to a row, also when it was lost."""


def joined(tables: Mapping[str, pa.Table], more: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Both, table by table, the rows of `more` behind those of `tables`."""
    names = [*tables, *(name for name in more if name not in tables)]
    return {name: pa.concat_tables([part[name] for part in (tables, more) if name in part]) for name in names}


def soil(
    dirt: Dirt, clean: Mapping[str, pa.Table], *, day: date, first_day: date, seed: int, rng: np.random.Generator
) -> Soiled:
    """Soils clean tables, or a chunk of them, in the contract's columns, served on one day.

    A row of a later UTC day, as after midnight, is held back for the file of that day; so is one whose clock is ahead.
    `rng` is this chunk's own; `seed` is the product's, so that what belongs to a user or a conversation is the same in
    every chunk and on every day. Each kind of dirt draws from a stream of its own.
    """
    unknown = set(clean) - set(LOG_TABLES)
    if unknown:
        raise ValueError(f"the contract has no tables {sorted(unknown)}")
    at = _Day(dirt, day, (day - first_day).days, seed)
    tables: dict[str, pa.Table] = {}
    held: dict[str, pa.Table] = {}
    truth = [arrow_schema(TRUTH_DIRT).empty_table()]
    for (name, schema), own in zip(LOG_TABLES.items(), rng.spawn(len(LOG_TABLES)), strict=True):
        if name not in clean:
            continue
        rows, named = _soiled(schema, clean[name], at, own)
        now, later = HeldBack({name: rows}).due(day)
        tables[name] = now.get(name, clean[name].slice(0, 0))
        held.update(later.tables)
        truth += named
    return Soiled(tables, HeldBack(held), pa.concat_tables(truth))


class _Day(NamedTuple):
    dirt: Dirt
    day: date
    number: int
    seed: int

    def heard(self, number: Ints) -> Ints:
        """Day numbers, moved on to the next day whose log is not lost."""
        for silent in sorted(self.dirt.silent_days):
            number = np.where(number == silent, silent + 1, number)
        return number

    def numbers(self, schema: TableSchema, rows: pa.Table) -> Ints:
        """(rows,) numbers of the UTC days of their times, this day's at least."""
        if schema.day_from is None:
            return np.full(rows.num_rows, self.number)
        days = rows[schema.day_from].cast(pa.date32()).cast(pa.int32()).fill_null(0)
        first = (self.day - date(1970, 1, 1)).days - self.number
        return np.maximum(np.asarray(days, dtype=np.int64) - first, self.number)

    def dates(self, number: Ints) -> pa.Array:
        first = self.day - timedelta(days=self.number)
        return pa.array((number + (first - date(1970, 1, 1)).days).astype(np.int32)).cast(pa.date32())

    def start_us(self, number: Ints) -> Ints:
        return day_start_us(self.day) + (number - self.number) * _DAY_US


class _Rows(NamedTuple):
    """Rows on their way into files."""

    rows: pa.Table
    on: Ints
    """(rows,) number of the day of the file."""
    place: Floats
    """(rows,) order within it."""


def _soiled(schema: TableSchema, rows: pa.Table, at: _Day, rng: np.random.Generator) -> tuple[pa.Table, list[pa.Table]]:
    """The rows that are ever delivered, with `deliver_on`, in the order of their files; what was done."""
    draws = dict(zip(_DRAWS, rng.spawn(len(_DRAWS)), strict=True))
    rows, truth = _heard(schema, rows, at)
    rows, named = _without_lost(schema, rows, at, draws["lost"])
    truth += named
    own_day = at.numbers(schema, rows)
    rows, named = _skewed(schema, rows, at)
    truth += named
    rows, named = _without_foreground(schema, rows, at)
    truth += named
    on = at.heard(np.maximum(own_day, at.numbers(schema, rows)))
    sent = in_time = _Rows(rows, on, np.arange(rows.num_rows, dtype=np.float64))
    if schema.name == "turns":
        truth += _other_devices(rows, at)
        sent, named = _late(sent, at, draws["late"])
        truth += named
        sent, named = _out_of_order(sent, at, draws["out_of_order"])
        truth += named
    parts = [sent]
    if schema.name in _TWICE:
        copies, named = _copies(schema, sent, at, draws["duplicate"])
        parts.append(copies)
        truth += named
    if schema.name in _FAULTY:
        faulty, named = _faulty(schema, in_time, at, draws["malformed"])
        parts.append(faulty)
        truth += named
    order = pa.array(np.argsort(np.concatenate([part.place for part in parts]), kind="stable"))
    deliver_on = at.dates(np.concatenate([part.on for part in parts]))
    everything = pa.concat_tables([part.rows for part in parts]).append_column(DELIVER_ON, deliver_on)
    return everything.take(order), truth


def _heard(schema: TableSchema, rows: pa.Table, at: _Day) -> tuple[pa.Table, list[pa.Table]]:
    """The rows of days that are not silent; tables that describe, and are of no day, come with the next file."""
    silent = np.isin(at.numbers(schema, rows), at.dirt.silent_days)
    about = "delivered with the next file" if schema.day_from is None else "never delivered"
    truth = [truth_of_dirt(schema.name, _of(rows, silent), "silent", about)]
    return rows if schema.day_from is None else _of(rows, ~silent), truth


def _without_lost(
    schema: TableSchema, rows: pa.Table, at: _Day, rng: np.random.Generator
) -> tuple[pa.Table, list[pa.Table]]:
    unit = {"turns": "conversation_id", "assignments": "unit_id"}.get(schema.name)
    truth = []
    if unit is not None and at.dirt.lost_treatment > 0:
        treated = np.asarray(pc.equal(rows["arm"], TREATMENT).fill_null(False))
        gone = treated & (uniform(rows[unit], at.seed, "lost treatment") < at.dirt.lost_treatment)
        truth.append(truth_of_dirt(schema.name, _of(rows, gone), "lost_treatment", "never delivered"))
        rows = _of(rows, ~gone)
    if schema.name == "turns":
        gone = rng.random(rows.num_rows) < at.dirt.lost
        truth.append(truth_of_dirt(schema.name, _of(rows, gone), "lost", "never delivered"))
        rows = _of(rows, ~gone)
    return rows, truth


def _skewed(schema: TableSchema, rows: pa.Table, at: _Day) -> tuple[pa.Table, list[pa.Table]]:
    if "user_id" not in schema.column_names or at.dirt.skewed == 0:
        return rows, []
    user = rows["user_id"]
    off = uniform(user, at.seed, "skewed") < at.dirt.skewed
    seconds = 1 + np.floor(uniform(user, at.seed, "skew") * at.dirt.skew_minutes * 60).astype(np.int64)
    seconds = np.where(uniform(user, at.seed, "skew direction") < 0.5, -seconds, seconds) * off
    for column in schema.columns:
        if column.type == "TIMESTAMP" and column.name != "received_at":
            shifted = pc.add(rows[column.name].cast(pa.int64()), pa.array(seconds * 1_000_000))
            rows = _with(rows, column.name, shifted.cast(pa.timestamp("us")))
    about = pc.binary_join_element_wise(pa.array(seconds[off]).cast(pa.string()), "s on the clock", " ")
    return rows, [truth_of_dirt(schema.name, _of(rows, off), "skewed", about)]


def _without_foreground(schema: TableSchema, rows: pa.Table, at: _Day) -> tuple[pa.Table, list[pa.Table]]:
    if schema.name != "turns" or at.dirt.no_foreground == 0:
        return rows, []
    silent = uniform(rows["user_id"], at.seed, "no foreground") < at.dirt.no_foreground
    for name in ("foreground_ms", "scrolls", "clicks"):
        rows = _with(rows, name, pc.if_else(pa.array(silent), pa.scalar(None, rows[name].type), rows[name]))
    about = "without foreground_ms, scrolls and clicks"
    return rows, [truth_of_dirt("turns", _of(rows, silent), "no_foreground", about)]


def _other_devices(rows: pa.Table, at: _Day) -> list[pa.Table]:
    if at.dirt.both_arms == 0:
        return []
    elsewhere = on_other_device(rows["conversation_id"], at.dirt.both_arms, at.seed)
    about = "its conversation was begun on another device"
    return [truth_of_dirt("turns", _of(rows, elsewhere), "both_arms", about)]


def _late(sent: _Rows, at: _Day, rng: np.random.Generator) -> tuple[_Rows, list[pa.Table]]:
    n = sent.rows.num_rows
    late = rng.random(n) < at.dirt.late
    on = np.where(late, at.heard(sent.on + rng.integers(1, at.dirt.late_days + 1, n)), sent.on)
    received = _some_time(on, at, rng)
    rows = _with(sent.rows, "received_at", pc.if_else(pa.array(late), received, sent.rows["received_at"]))
    about = pc.binary_join_element_wise("delivered on", at.dates(on[late]).cast(pa.string()), " ")
    return sent._replace(rows=rows, on=on), [truth_of_dirt("turns", _of(rows, late), "late", about)]


def _out_of_order(sent: _Rows, at: _Day, rng: np.random.Generator) -> tuple[_Rows, list[pa.Table]]:
    """The rows picked change places in one ring per file, so that each of them moves and no other does."""
    picked = rng.random(sent.rows.num_rows) < at.dirt.out_of_order
    place = sent.place.copy()
    for file in np.unique(sent.on[picked]):
        ring = rng.permutation(np.flatnonzero(picked & (sent.on == file)))
        place[ring] = np.roll(sent.place[ring], 1)
    moved = _of(sent.rows, place != sent.place)
    return sent._replace(place=place), [
        truth_of_dirt("turns", moved, "out_of_order", "has another row's place in the file")
    ]


def _copies(schema: TableSchema, sent: _Rows, at: _Day, rng: np.random.Generator) -> tuple[_Rows, list[pa.Table]]:
    n = sent.rows.num_rows
    twice, next_day = rng.random(n) < at.dirt.duplicates, rng.random(n) < NEXT_DAY_COPIES
    further, delay_us = rng.random(n), rng.integers(1, RETRY_S * 1000, n) * 1000
    on = np.where(next_day, at.heard(sent.on + 1), sent.on)
    rows = sent.rows
    if "received_at" in schema.column_names:
        first = np.asarray(pc.coalesce(rows["received_at"], rows[str(schema.day_from)]).cast(pa.int64()))
        retried = np.maximum(first, np.minimum(first + delay_us, at.start_us(on + 1) - 1000))
        received = pc.if_else(pa.array(next_day), _some_time(on, at, rng), _times(retried))
        rows = _with(rows, "received_at", received)
    copies = _Rows(_of(rows, twice), on[twice], (sent.place + further * (n - sent.place))[twice])
    about = pc.binary_join_element_wise("again on", at.dates(copies.on).cast(pa.string()), " ")
    return copies, [truth_of_dirt(schema.name, copies.rows, "duplicate", about)]


def _faulty(schema: TableSchema, sent: _Rows, at: _Day, rng: np.random.Generator) -> tuple[_Rows, list[pa.Table]]:
    n = sent.rows.num_rows
    picked = rng.random(n) < at.dirt.malformed
    place = rng.random(n)[picked] * n
    faulty, about = malformed(schema, _of(sent.rows, picked), rng)
    return _Rows(faulty, sent.on[picked], place), [truth_of_dirt(schema.name, faulty, "malformed", about)]


def _some_time(on: Ints, at: _Day, rng: np.random.Generator) -> pa.Array:
    """(rows,) times on whole milliseconds within the days of number `on`."""
    return _times(at.start_us(on) + rng.integers(0, _DAY_US // 1000, len(on)) * 1000)


def _times(us: Ints) -> pa.Array:
    return pa.array(us).cast(pa.timestamp("us"))


def _of(rows: pa.Table, chosen: Bools) -> pa.Table:
    return rows.filter(pa.array(chosen))


def _with(rows: pa.Table, name: str, values: pa.ChunkedArray | pa.Array) -> pa.Table:
    number = rows.schema.get_field_index(name)
    return rows.set_column(number, rows.schema.field(number), values)


def _filled(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    return {name: rows for name, rows in tables.items() if rows.num_rows}
