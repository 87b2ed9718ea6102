"""A log of any size, drawn with numpy and committed to a lake as the tables of the contract: ten days from one seed.

Users come back to conversations of their own, speak English or Chinese, read at a speed of their own, leave the app in
the background, ask for other versions, like and complain, say goodbye or just leave. Texts are runs of sentences from
a fixed stock, so they compress about as real ones do. It is a load, not a product: its labels mean nothing.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import BATTLES, LOG_DELIVERIES, SIGNUPS, TURNS, VISITS

SEED = 20260301
DAYS = Days(date(2026, 3, 1), date(2026, 3, 10))
TURNS_PER_SESSION = 12
USERS_PER_TURN_A_DAY = 0.2
SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
"""Microseconds."""
FAREWELLS = (
    "Thanks, that was lovely. Good night!",
    "I have to go now, talk to you later",
    "晚安,明天再聊",
    "谢谢你,先睡了",
)

Floats = np.ndarray
Ints = np.ndarray


class Stock(NamedTuple):
    """Sentences by language, with their lengths in characters."""

    texts: pa.StringArray
    chars: Ints
    per_language: int


def write_log(lake: Lake, turns: int) -> int:
    """Commit about that many turns, a tenth a day, with visits, sign-ups, battles and the delivery; gives the turns."""
    stock = _stock(np.random.default_rng(SEED))
    written, carried = 0, None
    for number, day in enumerate(DAYS):
        tables = _day(np.random.default_rng([SEED, number]), day, turns // 10, number, stock)
        shown = pa.concat_tables([tables[TURNS.name], *([carried] if carried else [])])
        is_today = pc.equal(pc.cast(shown["shown_at"], pa.date32()), pa.scalar(day))
        tables[TURNS.name], carried = shown.filter(is_today), shown.filter(pc.invert(is_today))
        written += tables[TURNS.name].num_rows
        for schema in (TURNS, VISITS, SIGNUPS, BATTLES):
            _commit(lake, schema, day, tables[schema.name])
    last = datetime.combine(DAYS.last, time(23, 59, 59))
    delivery = {
        "delivery_id": ["synthetic"], "table_name": ["turns"], "last_day": [DAYS.last], "last_time": [last],
        "complete_through": [DAYS.last], "finished": [True],
    }  # fmt: skip
    _commit(lake, LOG_DELIVERIES, DAYS.last, pa.table(delivery))
    return written


def _commit(lake: Lake, schema: TableSchema, day: date, rows: pa.Table) -> None:
    wanted = arrow_schema(schema)
    columns = {name: rows[name] for name in rows.column_names}
    columns["day"] = pa.repeat(pa.scalar(day), rows.num_rows)
    full = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(rows.num_rows, field.type)
        for field in wanted
    ]
    table = pa.Table.from_arrays(full, schema=wanted)
    lake.replace(schema, Days.one(day), {}, lambda inputs: table)


def _day(rng: np.random.Generator, day: date, turns: int, number: int, stock: Stock) -> dict[str, pa.Table]:
    begins = np.int64((datetime.combine(day, time()) - datetime(1970, 1, 1)) // timedelta(microseconds=1))
    people = max(2, int(turns * USERS_PER_TURN_A_DAY))
    lengths = rng.geometric(1 / TURNS_PER_SESSION, max(1, turns // TURNS_PER_SESSION))
    session = np.repeat(np.arange(lengths.size), lengths)
    place = np.arange(session.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    last = place == np.repeat(lengths, lengths) - 1

    session_user = (rng.power(1.5, lengths.size) * people).astype(np.int64)
    user, character = session_user[session], rng.integers(0, 3, lengths.size)[session]
    chinese = user % 2 == 0
    offset = np.where(chinese, 480, (user % 7 - 5) * 60)

    reply, reply_chars = _texts(rng, stock, chinese, 3, 6)
    said, said_chars = _texts(rng, stock, chinese, 1, 1)
    again = (place > 0) & (rng.random(session.size) < 0.04)
    leaves = last & ~again & (rng.random(session.size) < 0.25)
    farewell = pa.array(FAREWELLS).take(pa.array(np.where(chinese, 2, 0) + rng.integers(0, 2, session.size)))
    asked = np.maximum.accumulate(np.where(again, 0, np.arange(session.size)))
    said = pc.if_else(pa.array(leaves), farewell, said).take(pa.array(asked))

    own_speed = np.where(chinese, 9.0, 24.0) * np.exp(0.3 * np.sin(user * 12.9898))
    reading = 1_000 * reply_chars / (own_speed * rng.lognormal(0, 0.5, session.size))
    typing = 1_000 * said_chars / rng.uniform(3, 8, session.size)
    away = np.where(rng.random(session.size) < 0.04, rng.exponential(600_000, session.size), 0)
    dwell = (reading + typing + away).astype(np.int64)
    latency = rng.lognormal(7, 0.4, session.size).astype(np.int64)
    gap = 1_000 * (dwell + latency)
    elapsed = np.cumsum(gap) - gap
    starts = begins + (rng.beta(2, 1.2, lengths.size) * 24 * HOUR).astype(np.int64)
    shown = starts[session] + elapsed - elapsed[np.cumsum(lengths) - lengths][session]

    event = pc.binary_join_element_wise(f"e{number}", _text(np.arange(session.size)), "-")
    ids = _named("u", user)
    conversation = pc.binary_join_element_wise(ids, _named("c", character), "")
    replaced = event.take(pa.array(np.arange(session.size) - again))
    unknown = rng.random(session.size) < 0.1
    feedback = rng.random(session.size)
    turns_table = pa.table(
        {
            "event_id": event,
            "user_id": ids,
            "conversation_id": conversation,
            "model_id": _named("model-", user % 5),
            "shown_at": _times(shown),
            "received_at": _times(shown + 5 * SECOND),
            "utc_offset_minutes": offset,
            "character_id": _named("c", character),
            "user_text": said,
            "reply_text": reply,
            "user_chars": said_chars,
            "reply_chars": reply_chars,
            "dwell_ms": pa.array(dwell, mask=last | unknown),
            "typing_ms": pa.array(typing.astype(np.int64), mask=last | unknown),
            "foreground_ms": pa.array((dwell - away).astype(np.int64), mask=last | unknown | (user % 10 == 0)),
            "scrolls": rng.poisson(reply_chars / 150),
            "clicks": rng.poisson(0.1, session.size),
            "replaces_event_id": pc.if_else(pa.array(again), replaced, None),
            "interrupted": rng.random(session.size) < 0.003,
            "error": rng.random(session.size) < 0.003,
            "feedback": pa.array(np.select([feedback < 0.03, feedback < 0.04, feedback < 0.043],
                                           ["like", "dislike", "complaint"], ""), mask=feedback >= 0.043),
            "prompt_tokens": rng.integers(200, 4_000, session.size),
            "completion_tokens": reply_chars // 3,
            "latency_ms": latency,
            "cost_usd": reply_chars * 1e-6,
            "locale": pc.if_else(pa.array(chinese), "zh-CN", "en-US"),
            "channel": _named("channel-", user % 4),
            "time_source": pa.repeat("logged", session.size),
        }
    )  # fmt: skip
    return {
        TURNS.name: turns_table,
        VISITS.name: _visits(rng, starts, session_user, begins, people),
        SIGNUPS.name: _signups(session_user, starts, number),
        BATTLES.name: _battles(rng, turns_table, shown, number),
    }


def _visits(rng: np.random.Generator, starts: Ints, users: Ints, begins: np.int64, people: int) -> pa.Table:
    """An opening before each session, and as many again half that led to none."""
    idle = rng.integers(0, people, users.size // 2)
    opened = np.concatenate([starts - 20 * SECOND, begins + rng.integers(0, 24 * HOUR, idle.size)])
    user = np.concatenate([users, idle])
    offset = np.where(user % 2 == 0, 480, (user % 7 - 5) * 60)
    found = pa.table({"user_id": _named("u", user), "opened_at": _times(np.maximum(opened, begins)),
                      "utc_offset_minutes": offset})  # fmt: skip
    return (
        found.group_by(["user_id", "opened_at"])
        .aggregate([("utc_offset_minutes", "min")])
        .rename_columns(["user_id", "opened_at", "utc_offset_minutes"])
    )


def _signups(users: Ints, starts: Ints, number: int) -> pa.Table:
    """One user in thirty signed up on each day, just before the first session of that day."""
    order = np.argsort(starts, kind="stable")
    user, first = np.unique(users[order], return_index=True)
    new = user % 30 == number
    return pa.table(
        {"user_id": _named("u", user[new]), "signed_up_at": _times(starts[order][first][new] - 30 * SECOND)}
    )


def _battles(rng: np.random.Generator, turns: pa.Table, shown: Ints, number: int) -> pa.Table:
    """One reply in a hundred was a choice between two; the other one is known by its text alone."""
    left = np.flatnonzero(rng.random(shown.size) < 0.01)
    right = rng.permutation(left)
    chosen = turns.take(pa.array(left))
    return pa.table(
        {
            "battle_id": pc.binary_join_element_wise(f"b{number}", _text(left), "-"),
            "user_id": chosen["user_id"],
            "model_a": chosen["model_id"],
            "model_b": _named("model-", rng.integers(0, 5, left.size)),
            "outcome": pa.array(["a", "b", "tie", "both_bad"]).take(pa.array(rng.integers(0, 4, left.size))),
            "decided_at": _times(shown[left]),
            "conversation_id": chosen["conversation_id"],
            "event_id_a": chosen["event_id"],
            "reply_b": turns["reply_text"].take(pa.array(right)),
            "shown_first": pa.array(["a", "b"]).take(pa.array(rng.integers(0, 2, left.size))),
        }
    )


def _stock(rng: np.random.Generator) -> Stock:
    """Two hundred thousand sentences: English words by Zipf's law, then Chinese characters likewise."""
    count = 100_000
    syllables = [
        first + second for first in "bdfghklmnprstvw" for second in ("a", "e", "i", "o", "u", "ar", "en", "ing")
    ]
    words = ["".join(rng.choice(syllables, size)) for size in rng.integers(1, 4, 5_000)]
    signs = [chr(code) for code in rng.choice(np.arange(0x4E00, 0x8000), 3_000, replace=False)]
    english = _sentences(rng, np.array(words), rng.integers(5, 16, count), " ", ". ")
    chinese = _sentences(rng, np.array(signs), rng.integers(8, 30, count), "", "。")
    texts = pa.array(english + chinese)
    return Stock(texts, pc.utf8_length(texts).to_numpy(), count)


def _sentences(rng: np.random.Generator, words: np.ndarray, sizes: Ints, between: str, end: str) -> list[str]:
    """Sentences of these many words, drawn by Zipf's law."""
    shares = 1 / np.arange(3, words.size + 3)
    drawn = rng.choice(words, sizes.sum(), p=shares / shares.sum())
    return [between.join(part) + end for part in np.split(drawn, np.cumsum(sizes)[:-1])]


def _texts(
    rng: np.random.Generator, stock: Stock, chinese: Ints, fewest: int, most: int
) -> tuple[pa.StringArray, Ints]:
    """For each turn a run of `fewest` to `most` sentences of its language, and its length in characters."""
    sentences = rng.integers(fewest, most + 1, chinese.size)
    drawn = [
        rng.integers(0, stock.per_language, chinese.size) + np.where(chinese, stock.per_language, 0)
        for _ in range(most)
    ]
    chars = sum(np.where(place < sentences, stock.chars[index], 0) for place, index in enumerate(drawn))
    parts = [stock.texts.take(pa.array(index, mask=place >= sentences)) for place, index in enumerate(drawn)]
    return pc.binary_join_element_wise(*parts, "", null_handling="skip"), chars


def _named(prefix: str, numbers: Ints) -> pa.StringArray:
    return pc.binary_join_element_wise(prefix, _text(numbers), "")


def _text(numbers: Ints) -> pa.StringArray:
    return pc.cast(pa.array(numbers), pa.string())


def _times(microseconds: Ints) -> pa.Array:
    return pa.array(microseconds.astype("datetime64[us]"))
