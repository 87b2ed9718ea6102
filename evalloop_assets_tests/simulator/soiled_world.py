"""Clean tables of a day to be soiled, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.validate import Validation
from evalloop_assets.simulator.arrow import table, times_us
from evalloop_assets.simulator.dirt import (
    Dirt,
    row_ids,
)
from evalloop_assets.simulator.soiling import HeldBack, Soiled, joined, soil
from evalloop_assets_tests.simulator.world import FIRST, day

SEED = 11
NOW = datetime(2026, 5, 1)
TURNS, OTHERS = 4000, 2000


def world(number: int = 0, turns: int = TURNS, others: int = OTHERS) -> dict[str, pa.Table]:
    """Clean tables of the `number`-th day: 10 turns a conversation, two conversations a user."""
    at = day(number)
    user = [f"u-base-{k:05d}" for k in range(max(turns // 20, others, 1))]
    turn = np.arange(turns)
    conversation = [f"c-{at:%Y%m%d}-{k:05d}" for k in range(turns // 10 + 1)]
    shown = times_us(at, np.linspace(5, 86_300, turns))
    chat = turn // 10
    arm = np.where(chat % 2 == 0, "treatment", "control").astype(object)
    columns = {
        "event_id": [f"{conversation[c]}-{t % 10:03d}" for c, t in zip(chat, turn, strict=True)],
        "user_id": [user[t // 20] for t in turn],
        "conversation_id": [conversation[c] for c in chat],
        "model_id": arm,
        "shown_at": shown,
        "received_at": shown + 100_000,
        "user_text": "Go on.",
        "reply_text": "The door opens.",
        "dwell_ms": turn,
        "experiment_id": "exp",
        "arm": arm,
        "propensity": 0.5,
    }
    second = np.linspace(1, 86_000, others)
    units = np.arange(len(conversation))
    return {
        "characters": table(LOG_TABLES["characters"], {"character_id": ["a", "b"]}, 2),
        "turns": table(LOG_TABLES["turns"], columns, turns),
        "visits": table(
            LOG_TABLES["visits"],
            {
                "user_id": user[:others],
                "opened_at": times_us(at, second),
                "visit_id": [f"v-{at:%Y%m%d}-{k:06d}" for k in range(others)],
            },
            others,
        ),
        "signups": table(LOG_TABLES["signups"], {"user_id": user[:9], "signed_up_at": times_us(at, np.arange(9.0))}, 9),
        "battles": table(
            LOG_TABLES["battles"],
            {
                "battle_id": [f"b-{at:%Y%m%d}-{k:05d}" for k in range(others)],
                "user_id": user[:others],
                "model_a": "m",
                "model_b": "n",
                "outcome": "a",
                "decided_at": times_us(at, second),
            },
            others,
        ),
        "assignments": table(
            LOG_TABLES["assignments"],
            {
                "experiment_id": "exp",
                "unit": "conversation",
                "unit_id": conversation,
                "user_id": [user[k // 2] for k in units],
                "arm": np.where(units % 2 == 0, "treatment", "control").astype(object),
                "model_id": "m",
                "assigned_at": times_us(at, units.astype(float)),
            },
            len(units),
        ),
    }


CLEAN = world()


def columns_of(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {name: rows[name].combine_chunks() for name in rows.column_names}


def soiled(dirt: Dirt, number: int = 0, clean: dict[str, pa.Table] | None = None, seed: int = SEED) -> Soiled:
    at = day(number)
    rng = np.random.default_rng([seed, at.toordinal(), 9])
    return soil(dirt, world(number) if clean is None else clean, day=at, first_day=FIRST, seed=seed, rng=rng)


def named(result: Soiled, table_name: str, kind: str | None = None) -> list[str]:
    rows = result.truth.to_pylist()
    return [row["row_id"] for row in rows if row["table_name"] == table_name and kind in (None, row["kind"])]


def ids(name: str, rows: pa.Table) -> list[str]:
    return row_ids(name, rows).to_pylist()


def elapsed(rows: pa.Table, name: str, by: timedelta) -> pa.Table:
    """The rows with their times shifted."""
    for column in (LOG_TABLES[name].day_from, "received_at"):
        if column in rows.column_names:
            number = rows.schema.get_field_index(column)
            rows = rows.set_column(
                number, rows.schema.field(number), pa.compute.add(rows[column], pa.scalar(by)).cast("timestamp[us]")
            )
    return rows


def all_files(dirt: Dirt, days: int, seed: int = SEED) -> tuple[list[dict[str, pa.Table]], list[Soiled], HeldBack]:
    """The files of some days, as the product would deliver them."""
    held, files, results = HeldBack(), [], []
    for number in range(days):
        due, held = held.due(day(number))
        result = soiled(dirt, number, seed=seed)
        files.append(joined(result.tables, due))
        held = held.plus(result.held)
        results.append(result)
    return files, results, held


def near(found: int, share: float, of: int) -> bool:
    """Within 4.5 standard deviations of a binomial."""
    return abs(found - share * of) <= 4.5 * np.sqrt(of * share * (1 - share)) + 1e-9


def untouched(result: Soiled, but: set[str], clean: dict[str, pa.Table] = CLEAN) -> bool:
    """Whether the rows of the named tables alone have changed."""
    return all(result.tables[name].equals(rows) for name, rows in clean.items() if name not in but)


def without(rows: pa.Table, name: str, gone: set[str]) -> pa.Table:
    return rows.filter(pa.array([one not in gone for one in ids(name, rows)]))


def judged(name: str, rows: pa.Table) -> tuple[set[str], set[str]]:
    """Ids of the accepted and of the rejected rows."""
    n = rows.num_rows
    batch = rows.append_column("position", pa.array(range(n), pa.int64())).append_column(
        "detail", pa.nulls(n, "string")
    )
    result = Validation(LOG_TABLES[name], NOW, timedelta(minutes=10), NOW.date())(batch)
    known = ids(name, rows)
    return ({known[k] for k in result.accepted["position"].to_pylist()}, {
        known[k] for k in result.rejected["position"].to_pylist()
    })  # fmt: skip
