"""An erased person is in no case, and in no item of a benchmark that was made of one."""

import hashlib
import json

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.erasure.person import Person
from evalloop_assets.evaluation.items.release import item_id, release
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.removal import remove_rows
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets_tests.erasure import world
from evalloop_assets_tests.evaluation.bad_cases.world import sentence, signal, stage_at, write


@pytest.fixture
def stage(tmp_path):
    """ann and bob met bad replies, and both became items."""
    stage = stage_at(tmp_path)
    cases = [
        signal("a1", sentence(1), "ann", better_reply=sentence(3)),
        signal("b1", sentence(2), "bob", better_reply=sentence(4)),
    ]
    write(stage, "bad_signals", cases)
    write(stage, "bad_cases", [case | {"dedup_group": "g", "side": "evaluation"} for case in cases])
    items = [
        {"benchmark": "found/1", "item_id": "x", "text": sentence(5), "reference": sentence(3)},
        {"benchmark": "found/1", "item_id": "y", "text": sentence(6), "reference": sentence(4)},
    ]
    write(stage, "benchmark_items", items)
    return stage


@pytest.mark.parametrize(
    ("table", "kind", "term"),
    [
        ("bad_signals", "event", "a1"),
        ("bad_cases", "event", "a1"),
        ("bad_cases", "text", sentence(3)),
        ("benchmark_items", "text", sentence(5)),
        ("benchmark_items", "text", sentence(3)),
    ],
)
def test_rows_of_the_person_go_and_others_stay(stage, table, kind, term):
    person = Person("somebody", {kind: frozenset({term})})
    removed = remove_rows(stage.lake, table, person.condition, person.views, "an erasure")
    assert removed.rows == 1
    assert len(stage.rows(table)) == 1


def test_rows_go_by_the_person_s_id(stage):
    person = Person("ann")
    for table in ("bad_signals", "bad_cases"):
        remove_rows(stage.lake, table, person.condition, person.views, "an erasure")
        assert [row["user_id"] for row in stage.rows(table)] == ["bob"]


QUOTED = TableSchema(
    name="quoted",
    row="a text of somebody, by its hash",
    key=("day", "event_id"),
    columns=(
        Column("event_id", "VARCHAR", "the reply"),
        Column("user_id", "VARCHAR", "who"),
        Column("text_hash", "VARCHAR", "md5 of the text"),
    ),
)
DERIVED = ("bad_signals", "bad_cases", "training_cases", "relabel_queue", "case_scores", "found_items")


def put(lake, table, rows):
    schema = QUOTED if table == QUOTED.name else declared(table)
    full = [{"day": world.FIRST_DAY} | {name: row.get(name) for name in schema.column_names} for row in rows]
    data = pa.Table.from_pylist(full, arrow_schema(schema))
    lake.replace(schema, Days.one(world.FIRST_DAY), {}, lambda inputs: data)


def test_an_erasure_reaches_cases_of_either_side_and_the_benchmark_that_was_released(tmp_path):
    """The busiest user and another met bad replies to long messages of their own, the busiest also to one too short to
    tell who wrote it, and all became items.
    """
    person = world.busiest()
    home = world.copy_of(world.taken_in(), tmp_path / "home")
    lake = open_lake(world.settings(home))
    turns = [row for row in lake.read("turns").to_pylist() if len(row["user_text"] or "") >= 40]
    theirs = next(row for row in turns if row["user_text"] in person.texts)
    other = next(row for row in turns if row["user_id"] != person.user_id and row["user_text"] not in person.texts)
    rows, short = [], theirs | {"user_text": "I am Anna", "event_id": "short"}
    for turn in (theirs, short, other):
        text, reply = turn["user_text"], turn["reply_text"]
        told = {"text": text, "reference": None, "item_id": item_id("g", text, None), "pair_id": turn["event_id"]}
        told |= {"chosen": reply, "rejected": reply, "better_reply": reply, "reply_a": reply, "reply_b": reply}
        told["text_hash"] = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        rows.append(turn | told)
    for table in (*DERIVED, "quoted"):
        put(lake, table, rows)
    made = release("found", world.FIRST_DAY, rows)
    put(lake, "benchmark_items", map(json.loads, made.lines))
    put(lake, "benchmark_scores", [{"model_id": "m", "item_id": row["item_id"], "score": 1.0} for row in rows])
    exported = home / "exports" / "found.jsonl"
    exported.parent.mkdir()
    exported.write_text("".join(f"{line}\n" for line in made.lines))
    world.erased(home, person.user_id)
    assert [json.loads(line)["text"] for line in exported.read_text().splitlines()] == [other["user_text"]]
    lake = open_lake(world.settings(home))
    for table in (*DERIVED, "quoted"):
        assert [row["user_id"] for row in lake.read(table).to_pylist()] == [other["user_id"]], table
    assert [row["text"] for row in lake.read("benchmark_items").to_pylist()] == [other["user_text"]]
    scores = lake.read("benchmark_scores").to_pylist()
    assert {row["item_id"] for row in rows} <= {row["item_id"] for row in scores}
