"""Versions of a benchmark: named by their content, delivered through the log's door, half of them never shown."""

import json
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.evaluation.items.release import is_hidden, item_id, public, release
from evalloop_assets.evaluation.rows_in import deliver_lines
from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.evaluation_contract import BENCHMARK_ITEMS
from evalloop_assets_tests.evaluation.bad_cases.world import stage_at

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
