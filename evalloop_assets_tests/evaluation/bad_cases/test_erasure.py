"""An erased person is in no case, and in no item of a benchmark that was made of one."""

import pytest

from evalloop_assets.erasure.person import Person
from evalloop_assets.lake.removal import remove_rows
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
