"""Pairs in a real lake, as few or as many as a test wants, with the log and the labels behind them."""

from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets_tests.denoise.world import Row, World

FIRST = date(2026, 5, 1)
DAYS = Days(FIRST, FIRST + timedelta(days=27))


def pair(n: int, preferred: str = "A", **more: object) -> Row:
    """Battle number n between two single replies, of a user of its own, decided in the four weeks of May."""
    texts = {"user_text_a": f"say {n}", "user_text_b": f"say {n}", "reply_a": f"a {n:06}", "reply_b": f"b {n:06}"}
    labels = {"immediate": preferred, "delayed_5": "censored", "delayed_session": "censored"}
    return {
        "day": FIRST + timedelta(days=n % 28), "pair_id": f"p{n:06}", "source": "battle", "horizon_tag": "immediate",
        "user_id": f"u{n}", "same_prefix": True, "definition_version": "1",
    } | texts | labels | more  # fmt: skip


def tail(n: int, preferred: str = "A", **more: object) -> Row:
    """Tail pair number n, between positions 3 and 6."""
    sides = {"position_a": 3, "position_b": 6, "event_id_a": f"e{n}-3", "event_id_b": f"e{n}-6"}
    labels = {"immediate": "tie", "delayed_5": preferred}
    return pair(n, **{"source": "tail", "horizon_tag": "medium", "same_prefix": False} | sides | labels | more)


def sides(count: int) -> list[str]:
    """As many A as B, in no order that anything else follows."""
    return ["A" if (n * 2654435761 >> 7) % 2 else "B" for n in range(count)]


def put(lake: Lake, table: str, rows: Sequence[Row], days: Days = DAYS) -> None:
    """These rows as the whole of the table in the range."""
    schema = LOG_TABLES.get(table) or declared(table)
    found = pa.Table.from_pylist(list(rows), arrow_schema(schema))
    lake.replace(schema, days, {}, lambda inputs: found)


def put_world(lake: Lake, world: World, first: str = "05-01", last: str = "05-28") -> list[Row]:
    """Compute the world's pairs over the days and put them into the lake with all that they come from."""
    pairs = world.run_to("preference_pairs", first, last)
    for table, rows in world.tables.items():
        put(lake, table, rows.to_pylist())
    return pairs
