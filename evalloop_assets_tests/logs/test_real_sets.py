"""The real sets, where they are on the machine."""

import gzip
import json
from pathlib import Path

from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.mapping_file import load_mapping
from evalloop_assets_tests.logs.world import NOW, TOLERANCE, rows_of
from evalloop_assets_tests.real_data import require

MAPPINGS = Path(__file__).parent.parent.parent / "docs" / "mappings"


def real(folder, name):
    return require(folder / name)


def test_convai(lake, shared_data):
    path = real(shared_data, "convai/data_intermediate.json.gz")
    dialogues = json.loads(gzip.decompress(path.read_bytes()))
    mapping = load_mapping(MAPPINGS / "convai.yaml")
    delivery = deliver(lake, path, mapping, now=NOW, tolerance=TOLERANCE, batch_rows=500)
    replies = [message for one in dialogues for message in one["dialog"] if message["sender_class"] == "Bot"]
    assert (delivery.rows_added, delivery.rows_rejected) == (len(replies), 0)
    silent = [one for one in dialogues if all(message["sender_class"] != "Bot" for message in one["dialog"])]
    assert delivery.records_skipped == len(silent)
    turns = rows_of(lake, "turns")
    assert sorted(row["reply_text"] for row in turns) == sorted(message["text"] for message in replies)
    thumbs = [row["feedback"] for row in turns]
    assert thumbs.count("like") == sum(message["evaluation_score"] == 1 for message in replies)
    assert thumbs.count("dislike") == sum(message["evaluation_score"] == 0 for message in replies)
    spoken = [one for one in dialogues if one not in silent]
    assert len({row["conversation_id"] for row in turns}) == len(spoken)
    assert {row["user_id"] for row in turns} == {one["participant1_id"]["user_id"] for one in spoken}
    assert {row["time_source"] for row in turns} == {"interpolated"}
    for unknown in ("dwell_ms", "typing_ms", "foreground_ms", "latency_ms", "received_at"):
        assert {row[unknown] for row in turns} == {None}
    personas = {row["persona"] for row in rows_of(lake, "characters")}
    assert personas == {"\n".join(one["bot_profile"]) for one in dialogues}


def test_globo(lake, shared_data):
    path = real(shared_data, "globo/clicks_hours_000_071.parquet")
    mapping = load_mapping(MAPPINGS / "visits-from-clicks.yaml")
    delivery = deliver(lake, path, mapping, now=NOW, tolerance=TOLERANCE, batch_rows=20_000)
    assert delivery.rows_read == 677_862
    assert delivery.rows_added == 240_541
    ours = """
        SELECT min(opened_at) AS first, max(opened_at) AS last, count(DISTINCT user_id) AS users,
               count(DISTINCT (user_id, CAST(opened_at AS DATE))) AS user_days
        FROM visits"""
    direct = """
        SELECT min(opened_at) AS first, max(opened_at) AS last, count(DISTINCT user_id) AS users,
               count(DISTINCT (user_id, CAST(opened_at AS DATE))) AS user_days
        FROM (
            SELECT user_id, session_id, CAST(min(make_timestamp(click_timestamp * 1000)) AS TIMESTAMP) AS opened_at
            FROM read_parquet($path) GROUP BY user_id, session_id
        )"""
    found = lake.reader.fetch(ours, {"visits": lake.view("visits")}, {}).to_pylist()
    assert found == lake.reader.fetch(direct, {}, {"path": str(path)}).to_pylist()
