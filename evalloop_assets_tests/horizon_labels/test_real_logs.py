"""On logs that nobody here made: a chat log without reading times, and news clicks as visits."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.settings import LabelSettings, Settings
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
    assert max(abs(told.get(name) or 0) for name, thumb in feedback.items() if thumb is None) <= 0.3


def test_some_chats_end_naturally_and_pairs_run_both_ways(chat_tables: dict[str, list[Row]]):
    kinds = Counter(row["kind"] for row in chat_tables["exits"])
    assert kinds["natural"] >= 10
    assert kinds["abrupt"] > kinds["natural"]
    directions = Counter(row["direction"] for row in chat_tables["tail_pairs"])
    assert directions["good_early"] == directions["bad_early"] > 0


STARTS = """
WITH clicks AS (
  SELECT user_id, make_timestamp(click_timestamp * 1000) AS clicked FROM raw
),
gaps AS (
  SELECT user_id, clicked, clicked - lag(clicked) OVER (PARTITION BY user_id ORDER BY clicked) AS since FROM clicks
),
signs AS (
  SELECT user_id, CAST(clicked AS DATE) AS local_day, max(clicked) AS last_at FROM clicks GROUP BY ALL
),
starts AS (
  SELECT user_id, clicked, CAST(clicked AS DATE) AS local_day
  FROM gaps
  WHERE since IS NULL OR since > INTERVAL 30 MINUTE
),
start_days AS (
  SELECT DISTINCT user_id, local_day FROM starts
)
"""
COUNTED_RETURNS = f"""{STARTS},
told AS (
  SELECT
    d.user_id,
    d.local_day,
    (SELECT max(local_day) FROM start_days AS o WHERE o.user_id = d.user_id AND o.local_day < d.local_day) AS last_day,
    EXISTS (
      FROM starts AS o
      WHERE o.user_id = d.user_id AND o.local_day > d.local_day AND o.clicked <= signs.last_at + INTERVAL 24 HOUR
    ) AS within_24h,
    EXISTS (FROM start_days AS o WHERE o.user_id = d.user_id AND o.local_day = d.local_day + 1) AS day_1,
    EXISTS (FROM start_days AS o WHERE o.user_id = d.user_id AND o.local_day = d.local_day + 3) AS day_3,
    EXISTS (FROM start_days AS o WHERE o.user_id = d.user_id AND o.local_day = d.local_day + 7) AS day_7
  FROM start_days AS d
  JOIN signs USING (user_id, local_day)
)
SELECT
  CAST(user_id AS VARCHAR) AS user_id,
  local_day,
  last_day IS NULL AS new_user,
  local_day - last_day - 1 AS absent_days,
  local_day - last_day - 1 >= 1 AS reengaged,
  within_24h AS returned_24h,
  day_1 AS returned_next_day,
  CASE WHEN last_day IS NULL THEN day_1 END AS d1,
  CASE WHEN last_day IS NULL THEN day_3 END AS d3,
  CASE WHEN last_day IS NULL THEN day_7 END AS d7
FROM told
"""
COUNTED_ABSENCES = f"""{STARTS}
SELECT
  CAST(d.user_id AS VARCHAR) AS user_id,
  d.local_day AS last_local_day,
  EXISTS (
    FROM start_days AS o WHERE o.user_id = d.user_id AND o.local_day BETWEEN d.local_day + 2 AND d.local_day + 8
  ) AS reengaged
FROM start_days AS d
WHERE NOT EXISTS (FROM start_days AS o WHERE o.user_id = d.user_id AND o.local_day = d.local_day + 1)
"""


def clicks_and_counts(shared_data: Path, one_user_in: int) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """`returns` and `absences` of the news clicks, and the same columns counted from the raw clicks alone."""
    path = shared_data / "globo" / "clicks_hours_000_071.parquet"
    with duckdb.connect(config={"threads": 2}) as database:
        database.execute(f"CREATE TEMP TABLE raw AS FROM read_parquet('{path}') WHERE user_id % {one_user_in} = 0")
        visits = database.sql(
            "SELECT DISTINCT CAST(user_id AS VARCHAR) AS user_id, make_timestamp(click_timestamp * 1000) AS opened_at, "
            "CAST(opened_at AS DATE) AS day FROM raw"
        ).to_arrow_table()
        counted = {
            "returns": database.sql(COUNTED_RETURNS).to_arrow_table(),
            "absences": database.sql(COUNTED_ABSENCES).to_arrow_table(),
        }
    wanted = arrow_schema(schema_of("visits"))
    missing = [field for field in wanted if field.name not in visits.column_names]
    for field in missing:
        visits = visits.append_column(field, pa.nulls(len(visits), field.type))
    tables = {"visits": visits.select(wanted.names).cast(wanted)}
    seen = pc.min_max(visits["day"]).as_py()
    days = Days(seen["min"], seen["max"] + timedelta(days=3))
    clock = Clock(days.last + timedelta(days=8), None)
    settings = Settings(labels=LabelSettings(absence_days=1))
    for name in ("user_days", "first_seen", "next_day_returns", "returns", "absences"):
        tables[name] = compute(load(FILES[name]), tables, days, settings, clock)
    return tables, counted


def test_every_return_of_clicks_equals_a_count_on_the_raw_clicks(shared_data: Path):
    tables, counted = clicks_and_counts(shared_data, one_user_in=10)
    for name, expected in counted.items():
        found = tables[name].select(expected.column_names).to_pylist()
        assert Counter(tuple(row.values()) for row in found) == Counter(
            tuple(row.values()) for row in expected.to_pylist()
        ), name
    told = {name: pc.value_counts(tables["returns"][name]).to_pylist() for name in ("returned_next_day", "d1", "d3")}
    assert all(len(values) >= 2 for values in told.values()), "a column that never varies was not tested"
