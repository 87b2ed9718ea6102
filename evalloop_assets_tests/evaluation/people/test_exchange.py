"""The queue goes out as a file and comes back as gold annotations, in both forms."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from evalloop_assets.evaluation.people.delivery import deliver_answers
from evalloop_assets.evaluation.people.exchange import (
    FORMATS,
    JSONL,
    LABEL_STUDIO,
    LABELLING_CONFIG,
    read_answers,
    task,
    write_tasks,
)
from evalloop_assets.lake.errors import UserError
from evalloop_assets_tests.logs.world import rows_of

NOW = datetime(2026, 3, 10, 12)
ITEMS = [
    {
        "item_id": f"item-{number}",
        "purpose": "grey_zone",
        "needed": 2,
        "asked": "",
        "user_text": "hé?",
        "reply_a": f"好 {number}",
        "reply_b": f"ok {number}",
        "slice": None,
    }
    for number in range(6)
]


def export(path: Path, form: str) -> Path:
    write_tasks(path, [task(item, "guide-2") for item in ITEMS], form)
    return path


def annotated(path: Path, form: str, choose) -> Path:
    """As an annotator or Label Studio hands the file back, with `choose(task)` chosen by person 7."""
    if form == JSONL:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        done = [{**line, "annotator_id": "7", "choice": choose(line), "reason": "it answers"} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in done), encoding="utf-8")
        return path
    tasks = json.loads(path.read_text(encoding="utf-8"))
    for number, one in enumerate(tasks):
        value = {
            "from_name": "choice",
            "to_name": "first",
            "type": "choices",
            "value": {"choices": [choose(one["data"])]},
        }
        reason = {"from_name": "reason", "to_name": "first", "type": "textarea", "value": {"text": ["it answers"]}}
        one |= {
            "id": number,
            "annotations": [
                {
                    "id": number,
                    "completed_by": 7,
                    "was_cancelled": False,
                    "ground_truth": False,
                    "created_at": "2026-03-09T21:52:49.513742Z",
                    "lead_time": 4.3,
                    "result": [value, reason],
                },
                {"id": 100 + number, "completed_by": 8, "was_cancelled": True, "result": []},
            ],
            "predictions": [],
        }
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def take_in(lake, path, form):
    answers = read_answers(path, form)
    options = {"now": NOW, "tolerance": timedelta(minutes=10), "batch_rows": 100}
    [delivery] = deliver_answers(lake, answers, path.name, **options)
    return delivery


@pytest.mark.parametrize("form", FORMATS)
def test_there_and_back(lake, tmp_path, form):
    path = export(tmp_path / "queue", form)
    sees_a = {task(item, "")["item_id"]: task(item, "")["order"] == "ab" for item in ITEMS}
    assert set(sees_a.values()) == {True, False}
    delivery = take_in(lake, annotated(path, form, lambda one: "first" if "好" in one["first"] else "second"), form)
    assert (delivery.rows_added, delivery.rows_rejected) == (6, 0)
    rows = rows_of(lake, "gold_annotations")
    assert [row["verdict"] for row in rows] == ["a"] * 6
    assert [(row["reply_a"], row["reply_b"]) for row in rows] == [(item["reply_a"], item["reply_b"]) for item in ITEMS]
    assert {row["order"] for row in rows} == {"ab", "ba"}
    assert {(row["annotator_id"], row["prompt_version"], row["reason"]) for row in rows} == {
        ("7", "guide-2", "it answers")
    }
    if form == LABEL_STUDIO:
        assert {row["decided_at"] for row in rows} == {datetime(2026, 3, 9, 21, 52, 49, 513742)}
    again = take_in(lake, path, form)
    assert again.rows_added == 0 or again.delivery_id == delivery.delivery_id
    assert len(rows_of(lake, "gold_annotations")) == 6


@pytest.mark.parametrize("form", FORMATS)
def test_answers_that_nobody_can_read_are_rejected_with_a_reason(lake, tmp_path, form):
    chosen = iter(["first", "both", "tie", "", "second", "first"])
    delivery = take_in(lake, annotated(export(tmp_path / "queue", form), form, lambda one: next(chosen)), form)
    assert delivery.rows_added == 4
    assert delivery.rows_rejected == 2
    assert all("verdict" in row["reason"] for row in rows_of(lake, "rejected_rows"))


def test_a_broken_line_is_rejected_and_the_others_are_taken(lake, tmp_path):
    path = annotated(export(tmp_path / "queue", JSONL), JSONL, lambda one: "tie")
    path.write_text(path.read_text(encoding="utf-8") + '{"item_id": "i9", "verd\n<html>\n', encoding="utf-8")
    delivery = take_in(lake, path, JSONL)
    assert (delivery.rows_added, delivery.rows_rejected) == (6, 2)


@pytest.mark.parametrize("form", FORMATS)
def test_a_queue_nobody_worked_on_is_no_delivery(lake, tmp_path, form):
    with pytest.raises(UserError, match="no answer"):
        take_in(lake, export(tmp_path / "queue", form), form)


@pytest.mark.parametrize("text", ["<html>", '[{"verdict": "first"}]', "{}", '[{"data": {'])
def test_what_is_no_export_of_label_studio_is_refused(tmp_path, text):
    path = tmp_path / "export.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"export\.json"):
        read_answers(path, LABEL_STUDIO)


def test_people_are_named_as_label_studio_knows_them_and_its_pairwise_tag_is_read(tmp_path):
    data = task(ITEMS[0], "g")
    result = [{"from_name": "pw", "to_name": "first,second", "type": "pairwise", "value": {"selected": "right"}}]
    export_of = [{"data": data, "annotations": [{"completed_by": {"id": 3, "email": "p@x"}, "result": result}]}]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(export_of))
    [row] = map(json.loads, read_answers(path, LABEL_STUDIO).lines)
    assert row["annotator_id"] == "p@x"
    assert row["verdict"] == ("b" if data["order"] == "ab" else "a")


def test_annotators_see_neither_side_nor_model_nor_judge():
    shown = task({**ITEMS[0], "family_a": "gpt", "confidence": 0.4}, "g")
    assert not {"reply_a", "reply_b", "family_a", "confidence", "verdict"} & set(shown)
    for name in ("user_text", "first", "second"):
        assert f"${name}" in LABELLING_CONFIG


@pytest.mark.parametrize(
    "annotations",
    ["x", [None], [{"result": "x"}], [{"result": [None]}], {"result": []}],
)
def test_tasks_of_another_shape_are_refused(tmp_path, annotations):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"data": {"item_id": "i"}, "annotations": annotations}]))
    with pytest.raises(UserError, match="no list of tasks"):
        read_answers(path, LABEL_STUDIO)


@pytest.mark.parametrize("about", [{"item_id": "i", "order": "ab"}, {"reason_id": "r"}])
@pytest.mark.parametrize("choice", [["first"], {"a": 1}, 7])
def test_a_choice_of_another_type_is_rejected_with_a_reason(lake, tmp_path, about, choice):
    path = tmp_path / "filled.jsonl"
    path.write_text(json.dumps({**about, "annotator_id": "p", "choice": choice}))
    assert take_in(lake, path, JSONL).rows_rejected == 1


def test_a_line_nested_without_end_is_rejected_and_the_next_is_taken(lake, tmp_path):
    path = tmp_path / "filled.jsonl"
    good = {"item_id": "i", "order": "ab", "annotator_id": "p", "choice": "tie"}
    path.write_text("[" * 100_000 + "\n" + json.dumps(good))
    delivery = take_in(lake, path, JSONL)
    assert (delivery.rows_added, delivery.rows_rejected) == (1, 1)


def test_texts_with_other_signs_that_end_lines_come_back(lake, tmp_path):
    text = "one\u2028two\x85three\x0bfour\r\nfive"
    path = tmp_path / "queue.jsonl"
    write_tasks(path, [task({**ITEMS[0], "user_text": text, "reply_a": text}, "g")], JSONL)
    empty, filled = '"annotator_id": null, "choice": null', '"annotator_id": "p", "choice": "tie"'
    path.write_text(path.read_text(encoding="utf-8").replace(empty, filled), encoding="utf-8")
    assert take_in(lake, path, JSONL).rows_added == 1
    [row] = rows_of(lake, "gold_annotations")
    assert row["user_text"] == row["reply_a"] == text


def test_a_reason_in_one_string_is_read(tmp_path):
    results = [
        {"type": "textarea", "value": {"text": "warmer"}},
        {"type": "choices", "value": {"choices": "tie"}},
    ]
    path = tmp_path / "export.json"
    path.write_text(
        json.dumps([{"data": task(ITEMS[0], "g"), "annotations": [{"completed_by": 1, "result": results}]}])
    )
    [row] = map(json.loads, read_answers(path, LABEL_STUDIO).lines)
    assert (row["reason"], row["verdict"]) == ("warmer", "tie")
