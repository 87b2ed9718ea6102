"""Versions of a benchmark: named by their content, delivered through the log's door, half of them never shown."""

import json
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.evaluation.items.release import is_hidden, item_id, newest, next_items, public, release
from evalloop_assets.evaluation.rows_in import deliver_lines
from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.evaluation_contract import BENCHMARK_ITEMS
from evalloop_assets_tests.evaluation.bad_cases.world import sentence, stage_at

DAY = date(2026, 5, 3)
KEY = "a key that nobody guesses"
ITEMS = [
    {"item_id": "b", "text": "two", "reference": None, "slice": "exit", "dimension": None, "user_id": "ann"},
    {"item_id": "a", "text": "one\nline", "reference": "yes", "slice": "promise", "dimension": "hallucination"},
]


def test_the_name_holds_day_and_content_whatever_the_order():
    one, other = release("found", DAY, ITEMS), release("found", DAY, ITEMS[::-1])
    assert one == other
    assert one.name == f"found/2026-05-03/{one.content_hash[:8]}"
    assert release("found", DAY, [ITEMS[0] | {"text": "changed"}, ITEMS[1]]).name != one.name


def test_the_lines_go_through_the_door_and_name_nobody(tmp_path):
    made = release("found", DAY, ITEMS)
    assert "ann" not in "".join(made.lines)
    lake = stage_at(tmp_path).lake
    told = {"now": datetime(2026, 5, 4), "tolerance": timedelta(days=1), "batch_rows": 1_000}
    first = deliver_lines(lake, made.lines, BENCHMARK_ITEMS, made.name, **told)
    again = deliver_lines(lake, made.lines, BENCHMARK_ITEMS, made.name, **told)
    assert (first.rows_added, first.rows_rejected, again.rows_added) == (2, 0, 0)
    rows = {row["item_id"]: row for row in lake.read("benchmark_items").to_pylist()}
    assert rows["a"]["text"] == "one\nline"
    assert rows["b"]["benchmark"] == made.name
    assert rows["b"]["reference"] is None


def test_nothing_to_release_is_refused():
    with pytest.raises(UserError, match="no item"):
        release("found", DAY, [])


def test_a_key_that_can_be_guessed_is_refused():
    with pytest.raises(UserError, match="guessed"):
        is_hidden("short", "a")


def test_half_is_hidden_and_another_key_hides_another_half():
    names = [f"item {at}" for at in range(2_000)]
    one = [is_hidden(KEY, name) for name in names]
    other = [is_hidden(KEY + "!", name) for name in names]
    assert sum(one) == pytest.approx(1_000, abs=100)
    assert sum(a == b for a, b in zip(one, other, strict=True)) == pytest.approx(1_000, abs=100)


@given(st.lists(st.text(), unique=True))
def test_what_is_shown_holds_nothing_that_is_hidden(names):
    rows = [{"item_id": name} for name in names]
    shown = {row["item_id"] for row in public(KEY, rows)}
    assert shown == {name for name in names if not is_hidden(KEY, name)}


@given(st.text(), st.text(), st.none() | st.text())
def test_an_item_is_named_by_what_it_is(group, text, reference):
    assert item_id(group, text, reference) == item_id(group, text, reference)
    assert item_id(group, text, reference) != item_id(group, text + "x", reference)
    assert item_id(group, text, None) != item_id(group, text, "None")
    json.dumps(item_id(group, text, reference))


def test_the_next_version_keeps_what_stays_and_adds_what_is_new():
    previous = [{"item_id": name, "text": sentence(at), "reference": None} for at, name in enumerate("abc")]
    found = [
        {"item_id": "b", "text": sentence(1), "reference": None},
        {"item_id": "near c", "text": f"{sentence(2)} indeed", "reference": None},
        {"item_id": "near the retired a", "text": f"{sentence(0)} indeed", "reference": None},
        {"item_id": "new", "text": sentence(3), "reference": "yes"},
        {"item_id": "learned", "text": sentence(4), "reference": None},
    ]
    assert [row["item_id"] for row in next_items(previous, found, [], {"a", "learned"}, 0.6)] == ["b", "c", "new"]
    assert next_items([], found[:1], [], set(), 0.6) == found[:1]


def test_one_message_is_one_item_though_its_bad_replies_differ():
    """Else the hidden half would ask what the other half shows."""
    found = [{"item_id": f"i{at}", "text": text, "reference": None} for at, text in enumerate(["Ok.", sentence(0)] * 3)]
    assert [row["item_id"] for row in next_items([], found[::-1], [], set(), 0.6)] == ["i0", "i1"]
    assert [row["item_id"] for row in next_items([], found, [], {"i0"}, 0.6)] == ["i1", "i2"]
    apart = [
        {"item_id": f"i{at}", "text": text, "reference": sentence(at)} for at, text in enumerate(["Ok.", "ok", "no"])
    ]
    assert [row["item_id"] for row in next_items([], apart, [], set(), 0.6)] == ["i0", "i2"]


def test_what_is_near_an_item_that_retired_long_ago_does_not_come_back():
    long_ago = [{"item_id": "old", "text": sentence(0), "reference": None}]
    found = [{"item_id": name, "text": f"{sentence(0)} {name}", "reference": None} for name in ("old", "new")]
    assert next_items([], found, long_ago, set(), 0.6) == []


def test_the_newest_version_is_found_among_others():
    names = ["found/2026-05-03/aa", "found/2026-05-04/00", "foundling/2026-06-01/aa", "found", "found/x"]
    assert newest("found", names, {}) == "found/2026-05-04/00"
    assert newest("other", names, {}) is None
    noon = datetime(2026, 5, 4, 12)
    later = {"found/2026-05-04/00": noon + timedelta(hours=1), "found/2026-05-04/ff": noon}
    assert newest("found", [*names, "found/2026-05-04/ff"], later) == "found/2026-05-04/00"


@pytest.mark.parametrize("base", ["a/b", " ", "", "two words", "two\nlines", "..", "-x", "x" * 101])
def test_a_name_that_is_no_word_is_refused(base):
    with pytest.raises(UserError, match="no name"):
        release(base, DAY, ITEMS)
