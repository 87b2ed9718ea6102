"""`evalloop annotate` as a user calls it: the queue out, answers in."""

import json
from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.days import Days
from evalloop_assets.evaluation.bad_cases.tables import RELABEL_QUEUE
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.exports import exported_files
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.verdicts import Panel, answers
from evalloop_assets_tests.cli.conftest import Evalloop, line
from evalloop_assets_tests.evaluation.world import DAY, World
from evalloop_assets_tests.logs.world import rows_of


@pytest.fixture
def queue(home: Path) -> Path:
    """A home in which twelve items wait for two people each."""
    world = World(home)
    world.write("judge_verdicts", answers(np.random.default_rng(1), Panel(items=12)).verdicts)
    assert world.run().success
    return home


def test_the_queue_goes_to_label_studio_and_comes_back(queue: Path, evalloop: Evalloop, tmp_path: Path):
    out = tmp_path / "tasks.json"
    said = evalloop("annotate", "export", "--format", "label-studio", "--out", out, "--most", "5")
    assert (said.status, "written 5 items" in said.printed) == (0, True)
    assert exported_files(queue) == [out]
    assert "<Choices" in out.with_suffix(".xml").read_text()
    tasks = json.loads(out.read_text(encoding="utf-8"))
    for number, one in enumerate(tasks):
        chosen = {"from_name": "choice", "type": "choices", "value": {"choices": ["tie" if number else "neither"]}}
        one["annotations"] = [{"completed_by": 1, "created_at": "2026-05-03T10:00:00Z", "result": [chosen]}]
    out.write_text(json.dumps(tasks))
    taken = evalloop("annotate", "import", out, "--format", "label-studio")
    assert taken.status == 0
    assert "verdict" in taken.printed
    lake = open_lake(Settings(home=queue))
    assert [row["verdict"] for row in rows_of(lake, "gold_annotations")] == ["tie"] * 4
    assert len(rows_of(lake, "rejected_rows")) == 1


def test_lines_are_filled_in_and_come_back(queue: Path, evalloop: Evalloop):
    assert evalloop("annotate", "export", "--format", "jsonl").status == 0
    [path] = (queue / "exports").glob("*.jsonl")
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    filled = [{**one, "annotator_id": "p", "choice": "first"} for one in lines[:3]] + lines[3:]
    path.write_text("".join(json.dumps(one) + "\n" for one in filled))
    said = evalloop("annotate", "import", path, "--format", "jsonl")
    assert said.status == 0
    assert "9 without an answer" in said.printed
    assert len(rows_of(open_lake(Settings(home=queue)), "gold_annotations")) == 3


def test_bad_cases_go_out_with_the_queue_and_come_back(queue: Path, evalloop: Evalloop, tmp_path: Path):
    lake = open_lake(Settings(home=queue))
    case = {
        "day": DAY, "item_id": "pair-1", "place": 1, "purpose": "bad_case", "needed": 2, "asked": "", "slice": "exit",
        "user_id": "u-1", "side": "training", "user_text": "你好", "reply_a": "bad", "reply_b": "better",
    }  # fmt: skip
    lake.replace(RELABEL_QUEUE, Days.one(DAY), {}, lambda inputs: rows_of_day(RELABEL_QUEUE, DAY, [case]))
    out = tmp_path / "waiting.jsonl"
    assert "written 13 items" in evalloop("annotate", "export", "--format", "jsonl", "--out", out).printed
    first, *others = [json.loads(text) for text in out.read_text(encoding="utf-8").splitlines()]
    assert (first["item_id"], first["purpose"], {one["purpose"] for one in others}) == (
        "pair-1", "bad_case", {"grey_zone"}
    )  # fmt: skip
    assert not {"side", "user_id"} & set(first)
    answer = {**first, "annotator_id": "p", "choice": "first" if first["first"] == "better" else "second"}
    out.write_text(json.dumps(answer))
    assert evalloop("annotate", "import", out, "--format", "jsonl").status == 0
    [row] = rows_of(lake, "gold_annotations")
    assert (row["item_id"], row["verdict"], row["reply_b"]) == ("pair-1", "b", "better")


@pytest.mark.parametrize("form", ["jsonl", "label-studio"])
def test_reasons_go_out_beside_the_queue_and_ratings_come_back(home: Path, evalloop: Evalloop, tmp_path: Path, form):
    world = World(home)
    verdicts = answers(np.random.default_rng(1), Panel(items=4)).verdicts.drop_duplicates("item_id")
    world.write("judge_verdicts", verdicts.assign(reason="it is warmer", user_text="你好"))
    assert world.run().success
    out = tmp_path / ("tasks.json" if form == "label-studio" else "tasks.jsonl")
    said = evalloop("annotate", "export", "--format", form, "--out", out)
    beside = out.with_name(f"tasks-reasons{out.suffix}")
    assert "4 reasons of judges" in said.printed
    assert exported_files(home) == [out, beside]
    assert "exists already" in line(evalloop("annotate", "export", "--format", form, "--out", out))
    choices = ["sound", "unsound", "sound", "perhaps"]
    if form == "jsonl":
        tasks = [json.loads(text) for text in beside.read_text(encoding="utf-8").splitlines()]
        filled = [{**one, "annotator_id": "p", "choice": choice} for one, choice in zip(tasks, choices, strict=True)]
        beside.write_text("".join(json.dumps(one) + "\n" for one in filled))
    else:
        assert "judge_reason" in beside.with_suffix(".xml").read_text()
        tasks = json.loads(beside.read_text(encoding="utf-8"))
        for one, choice in zip(tasks, choices, strict=True):
            result = [{"from_name": "choice", "type": "choices", "value": {"choices": [choice]}}]
            one["annotations"] = [{"completed_by": 1, "result": result}]
        beside.write_text(json.dumps(tasks))
    taken = evalloop("annotate", "import", beside, "--format", form)
    assert (taken.status, "sound" in taken.printed) == (0, True)
    lake = open_lake(Settings(home=home))
    assert sorted(row["sound"] for row in rows_of(lake, "reason_ratings")) == [False, True, True]
    assert rows_of(lake, "gold_annotations") == []
    assert evalloop("annotate", "import", beside, "--format", form).status == 0
    assert len(rows_of(lake, "reason_ratings")) == 3


def test_items_without_replies_are_shown_to_nobody(home: Path, evalloop: Evalloop):
    world = World(home)
    verdicts = answers(np.random.default_rng(1), Panel(items=4)).verdicts
    blank = verdicts["item_id"].isin(["i0", "i1"])
    world.write("judge_verdicts", verdicts.assign(reply_a=verdicts["reply_a"].mask(blank), reply_b=None))
    assert world.run().success
    said = evalloop("annotate", "export", "--format", "jsonl")
    assert "2 items left out" in said.printed
    assert "written 2 items" in said.printed


def test_mistakes_are_one_line(queue: Path, evalloop: Evalloop, tmp_path: Path):
    assert "Choose one of" in line(evalloop("annotate", "export", "--format", "csv"))
    assert "end in .json" in line(evalloop("annotate", "export", "--format", "label-studio", "--out", tmp_path / "x"))
    assert "does not exist" in line(evalloop("annotate", "import", tmp_path / "none", "--format", "jsonl"))
    page = tmp_path / "page.json"
    page.write_text("<html>")
    assert "no JSON" in line(evalloop("annotate", "import", page, "--format", "label-studio"))


def test_without_a_queue_it_says_what_to_run(home: Path, evalloop: Evalloop):
    assert "evalloop run" in line(evalloop("annotate", "export", "--format", "jsonl"))
