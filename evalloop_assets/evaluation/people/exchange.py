"""The queue as a file for annotators, and their answers back: JSON Lines, and the JSON of Label Studio.

A task shows two replies as first and second, in an order drawn from the item's id, and asks for `first`, `second` or
`tie`; nobody sees which model or side a reply is from, nor what a judge said. The answer becomes a row of
`gold_annotations` whose verdict names the item's own side. A task with a `reason_id` is about the reason of a judge
(`reasons.py`), and its answer a row of `reason_ratings`. An answer that cannot be read is passed on as it is, so that
the log's door rejects it with its reason.

Label Studio (https://labelstud.io/guide/task_format) takes a list of tasks, `{"data": {...}}`, and exports them with
`annotations`: `completed_by`, `was_cancelled`, `created_at`, and a `result` of `{"from_name", "type", "value"}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalloop_assets.evaluation.people.reasons import SOUND
from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.evaluation_contract import GOLD_ANNOTATIONS, REASON_RATINGS
from evalloop_assets.logs.opened import reading

JSONL, LABEL_STUDIO = "jsonl", "label-studio"
FORMATS = (JSONL, LABEL_STUDIO)
LABELLING_CONFIG = """\
<View>
  <Header value="Which reply is better?"/>
  <Text name="user_text" value="$user_text"/>
  <View style="display: flex; gap: 1em">
    <Text name="first" value="$first"/>
    <Text name="second" value="$second"/>
  </View>
  <Choices name="choice" toName="first" choice="single" required="true" showInLine="true">
    <Choice value="first"/>
    <Choice value="second"/>
    <Choice value="tie"/>
  </Choices>
  <TextArea name="reason" toName="first" placeholder="why, in a sentence" maxSubmissions="1"/>
</View>
"""
"""The labelling interface of a Label Studio project for these tasks."""
REASON_CONFIG = """\
<View>
  <Header value="Is the judge's reason true of the replies, and does it speak for the verdict?"/>
  <Text name="user_text" value="$user_text"/>
  <View style="display: flex; gap: 1em">
    <Text name="first" value="$first"/>
    <Text name="second" value="$second"/>
  </View>
  <Text name="judge_says" value="$judge_says"/>
  <Text name="judge_reason" value="$judge_reason"/>
  <Choices name="choice" toName="judge_reason" choice="single" required="true" showInLine="true">
    <Choice value="sound"/>
    <Choice value="unsound"/>
  </Choices>
  <TextArea name="reason" toName="judge_reason" placeholder="why, in a sentence" maxSubmissions="1"/>
</View>
"""
"""The same for reasons, which are a project of their own."""
OWN_SIDE = {"ab": {"first": "a", "second": "b"}, "ba": {"first": "b", "second": "a"}}


class Answers(NamedTuple):
    """What a file of answers holds."""

    lines: list[str]
    """JSON objects in the columns of `gold_annotations`, one a line."""
    ratings: list[str]
    """The same in the columns of `reason_ratings`."""
    unanswered: int
    """Tasks without an answer, and answers that were cancelled; they are left out."""


def task(row: Mapping[str, Any], guideline: str) -> dict[str, Any]:
    """One waiting item as an annotator gets it; `row` is one of the queue with the texts of the item."""
    order = "ab" if hashlib.sha256(str(row["item_id"]).encode()).digest()[0] % 2 else "ba"
    replies = [row.get("reply_a") or "", row.get("reply_b") or ""]
    first, second = replies if order == "ab" else reversed(replies)
    return {
        "item_id": row["item_id"],
        "order": order,
        "prompt_version": guideline,
        "purpose": row["purpose"],
        "needed": row["needed"],
        "asked": row["asked"],
        "slice": row.get("slice"),
        "user_text": row.get("user_text") or "",
        "first": first,
        "second": second,
    }


def write_tasks(path: Path, tasks: Iterable[Mapping[str, Any]], form: str) -> int:
    """Write the tasks; gives how many. JSON Lines have `annotator_id`, `choice` and `reason` to fill in."""
    told = list(tasks)
    with path.open("w", encoding="utf-8") as file:
        if form == LABEL_STUDIO:
            json.dump([{"data": dict(one)} for one in told], file, ensure_ascii=False, indent=1)
        else:
            for one in told:
                line = {**one, "annotator_id": None, "choice": None, "reason": None}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(told)


def read_answers(path: Path, form: str) -> Answers:
    """The answers of a file; UserError where it is not of that form as a whole."""
    with reading(path):
        raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(str(path), "is no text in UTF-8", "Give the file that the annotation tool exported.") from error
    return _label_studio(path, text) if form == LABEL_STUDIO else _json_lines(text)


def _json_lines(text: str) -> Answers:
    lines, ratings, unanswered = [], [], 0
    for line in filter(str.strip, text.split("\n")):  # a text may hold other signs that end a line
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            lines.append(line)
            continue
        if not isinstance(answer, dict):
            lines.append(line)
        elif answer.get("choice") is None and answer.get("verdict") is None:
            unanswered += 1
        elif "reason_id" in answer:
            ratings.append(_rating(answer, answer.get("choice")))
        else:
            lines.append(_row(answer, answer.get("choice")))
    return Answers(lines, ratings, unanswered)


def _label_studio(path: Path, text: str) -> Answers:
    mend = "Export the project as JSON (not JSON-MIN, CSV or COCO)."
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(str(path), f"is no JSON ({error})", mend) from error
    if not isinstance(tasks, list) or not all(map(_is_task, tasks)):
        raise UserError(str(path), "is no list of tasks with `data` and `annotations`", mend)
    lines, ratings, unanswered = list[str](), list[str](), 0
    for one in tasks:
        marks = one.get("annotations") or []
        done = [mark for mark in marks if not mark.get("was_cancelled") and mark.get("result")]
        unanswered += (len(marks) or 1) - len(done)
        of_reason = "reason_id" in one["data"]
        rows = [(_rating if of_reason else _row)({**one["data"], **_mark(mark)}, _chosen(mark)) for mark in done]
        (ratings if of_reason else lines).extend(rows)
    return Answers(lines, ratings, unanswered)


def _is_task(one: object) -> bool:
    """Whether it has the shape of a task, as far as it is read here."""
    if not isinstance(one, dict) or not isinstance(one.get("data"), dict):
        return False
    marks = one.get("annotations") or []
    return isinstance(marks, list) and all(
        isinstance(mark, dict)
        and isinstance(mark.get("result") or [], list)
        and all(isinstance(result, dict) for result in mark.get("result") or [])
        for mark in marks
    )


def _mark(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Who answered, when, and why."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    told = [value.get("text") or [] for value in _values(annotation, "textarea")]
    reasons = [str(text) for texts in told for text in (texts if isinstance(texts, list) else [texts])]
    at = annotation.get("created_at")
    mark = {"annotator_id": None if who is None else str(who), "decided_at": at, "reason": " ".join(reasons) or None}
    return {name: value for name, value in mark.items() if value is not None}


def _chosen(annotation: Mapping[str, Any]) -> Any:
    """What was chosen: by a Choices tag, or by a Pairwise tag, which knows left and right."""
    for value in _values(annotation, "choices"):
        if chosen := value.get("choices"):
            return chosen[0] if isinstance(chosen, list) else chosen
    for value in _values(annotation, "pairwise"):
        selected = str(value.get("selected"))
        return {"left": "first", "right": "second"}.get(selected, selected)
    return None


def _values(annotation: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    for result in annotation["result"]:
        if result.get("type") == kind and isinstance(result.get("value"), dict):
            yield result["value"]


def _rating(answer: Mapping[str, Any], choice: Any) -> str:
    """The answer about a reason in the contract's columns."""
    row = {name: answer[name] for name in REASON_RATINGS.column_names if answer.get(name) is not None}
    return json.dumps(
        {**row, "sound": SOUND.get(choice, choice) if isinstance(choice, str) else choice}, ensure_ascii=False
    )


def _row(answer: Mapping[str, Any], choice: Any) -> str:
    """The answer in the contract's columns."""
    row = {name: answer[name] for name in GOLD_ANNOTATIONS.column_names if answer.get(name) is not None}
    order = answer.get("order")
    if choice is not None:
        readable = isinstance(order, str) and isinstance(choice, str)
        row["verdict"] = OWN_SIDE.get(str(order), {}).get(choice, choice) if readable else choice
    if isinstance(order, str) and order in OWN_SIDE and "first" in answer and "second" in answer:
        of_a, of_b = ("first", "second") if order == "ab" else ("second", "first")
        row |= {"reply_a": answer[of_a], "reply_b": answer[of_b]}
    return json.dumps(row, ensure_ascii=False)
