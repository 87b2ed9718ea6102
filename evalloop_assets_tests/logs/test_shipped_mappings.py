"""The mappings that ship with the project read what they say they read."""

from datetime import date
from pathlib import Path

import pytest

from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.mapping_file import load_mapping
from evalloop_assets_tests.logs.world import NOW, TOLERANCE, reasons, rows_of

ROOT = Path(__file__).parent.parent.parent
SHIPPED = sorted((ROOT / "docs" / "mappings").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_mapping_is_valid(path):
    assert load_mapping(path).table in ("turns", "visits", "benchmark_scores")


def test_the_sample_log(lake):
    sample = ROOT / "data" / "sample" / "chats.jsonl"
    assert sample.stat().st_size < 30_000
    mapping = load_mapping(ROOT / "docs" / "mappings" / "sample.yaml")
    delivery = deliver(lake, sample, mapping, now=NOW, tolerance=TOLERANCE, batch_rows=10)
    assert (delivery.rows_read, delivery.rows_added, delivery.rows_duplicate, delivery.rows_rejected) == (34, 32, 1, 1)
    assert delivery.records_skipped == 1
    assert reasons(lake) == {35: "shown_at is no time: last night"}
    assert delivery.days == (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))
    turns = {row["event_id"]: row for row in rows_of(lake, "turns")}
    assert turns["k04-04"]["replaces_event_id"] == "k04-03"
    assert turns["k01-02"]["feedback"] == "like"
    assert turns["k01-01"]["dwell_ms"] == 11_200
    assert (turns["k02-01"]["day"], turns["k02-01"]["utc_offset_minutes"]) == (date(2026, 3, 3), -300)
    assert {row["character_id"] for row in rows_of(lake, "characters")} == {
        "lighthouse-keeper",
        "night-baker",
        "tea-scholar",
    }
