"""On logs that nobody here made: a chat log without reading times, and news clicks as visits."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.settings import Settings
from evalloop_assets_tests.denoise.world import FILES, ORDER, Row, compute, load, schema_of


def chats(path: Path) -> Iterator[Row]:
    """Replies of the bots, with times spread evenly between the beginning and the end of each dialogue."""
    for number, dialogue in enumerate(json.loads(gzip.decompress(path.read_bytes()))):
        start, end = (datetime.fromisoformat(dialogue[name]) for name in ("start_time", "end_time"))
        people = [said["sender"] for said in dialogue["dialog"] if said["sender_class"] == "Human"]
        said_before: list[str] = []
        for place, said in enumerate(dialogue["dialog"]):
            if said["sender_class"] == "Human":
                said_before.append(said["text"])
                continue
            shown_at = start + (end - start) * (place + 1) / (len(dialogue["dialog"]) + 1)
            yield {
                "event_id": f"{number}-{said['id']}",
                "user_id": dialogue[f"{people[0]}_id"]["user_id"] if people else f"nobody-{number}",
                "conversation_id": f"{number}",
                "model_id": "bot",
                "shown_at": shown_at,
                "day": shown_at.date(),
                "user_text": " ".join(said_before) or None,
                "reply_text": said["text"],
                "feedback": {1: "like", 0: "dislike"}.get(said["evaluation_score"]),
                "time_source": "interpolated",
            }
            said_before = []


@pytest.fixture(scope="module")
def chat_tables(shared_data: Path) -> dict[str, list[Row]]:
    rows = list(chats(shared_data / "convai" / "data_intermediate.json.gz"))
    tables = {"turns": pa.Table.from_pylist(rows, arrow_schema(schema_of("turns")))}
    days = Days(min(row["day"] for row in rows), max(row["day"] for row in rows))
    clock = Clock(days.last, max(row["shown_at"] for row in rows))
    for name in ORDER:
        tables[name] = compute(load(FILES[name]), tables, days, Settings(), clock)
    return {name: table.to_pylist() for name, table in tables.items()}


def test_every_chat_is_a_session_and_reading_is_unknown(chat_tables: dict[str, list[Row]]):
    sessions, reading = chat_tables["sessions"], chat_tables["reading"]
    assert {row["conversation_id"] for row in sessions} == {row["conversation_id"] for row in chat_tables["turns"]}
    assert sum(row["turns"] for row in sessions) == len(chat_tables["turns"])
    assert {row["reason"] for row in reading} == {"interpolated"}
    assert {row["effective_read_s"] for row in reading} == {None}


def test_thumbs_show_in_the_labels(chat_tables: dict[str, list[Row]]):
    feedback = {row["event_id"]: row["feedback"] for row in chat_tables["turns"]}
    told = {row["event_id"]: row["immediate"] for row in chat_tables["horizon_labels"]}
    assert min(told[name] for name, thumb in feedback.items() if thumb == "like") > 0.5
    assert max(told[name] for name, thumb in feedback.items() if thumb == "dislike") < -0.5
    assert max(abs(told[name] or 0) for name, thumb in feedback.items() if thumb is None) <= 0.2


def test_some_chats_end_naturally_and_pairs_run_both_ways(chat_tables: dict[str, list[Row]]):
    kinds = Counter(row["kind"] for row in chat_tables["exits"])
    assert kinds["natural"] >= 10
    assert kinds["abrupt"] > kinds["natural"]
    directions = Counter(row["direction"] for row in chat_tables["tail_pairs"])
    assert directions["good_early"] == directions["bad_early"] > 0


def test_next_day_return_of_clicks_agrees_with_a_count_by_hand(shared_data: Path):
    table = pq.read_table(shared_data / "globo" / "clicks_hours_000_071.parquet")
    visits = sorted(
        {
            (str(user), datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None))
            for user, ms in zip(*(table[name].to_pylist() for name in ("user_id", "click_timestamp")), strict=True)
            if user % 10 == 0
        }
    )
    first = min(time for _, time in visits).date()
    second = first + timedelta(days=1)
    starts: dict[str, set[date]] = {}
    before: dict[str, datetime] = {}
    for user, time in visits:
        if user not in before or time - before[user] > timedelta(minutes=30):
            starts.setdefault(user, set()).add(time.date())
        before[user] = time
    expected = {
        (user, day): day + timedelta(days=1) in days for user, days in starts.items() for day in days & {first, second}
    }
    rows = [{"day": time.date(), "user_id": user, "opened_at": time} for user, time in visits]
    tables = {"visits": pa.Table.from_pylist(rows, arrow_schema(schema_of("visits")))}
    clock = Clock(first + timedelta(days=2), None)
    for name, last in (("user_days", first + timedelta(days=3)), ("next_day_returns", second)):
        tables[name] = compute(load(FILES[name]), tables, Days(first, last), Settings(), clock)
    found = tables["next_day_returns"].to_pylist()
    assert {(row["user_id"], row["local_day"]): row["returned_next_day"] for row in found} == expected
    assert 0.1 < sum(expected.values()) / len(expected) < 0.6
