import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from evalloop_assets.reward_model.gate import Verdict
from evalloop_assets.reward_model.gated import gated_rewards
from evalloop_assets.reward_model.model import RewardModel
from evalloop_assets.reward_model.registry import Notes, register, store_folder
from evalloop_assets_tests.cli.conftest import Evalloop
from evalloop_assets_tests.homes import copy_of
from evalloop_assets_tests.reward_model.scored import DREARY, GATE, MERRY, small_model

ROWS = [{"user_text": "Hi", "reply_text": MERRY}, {"user_text": "Hi", "reply_text": DREARY}, {"reply_text": " "}]


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, model: RewardModel) -> Path:
    home = tmp_path_factory.mktemp("registered") / "home"
    register(home, model, Notes({}, {}, {}, {}), lambda champion: Verdict(True, "first"))
    return home


@pytest.fixture
def trained(home: Path, registry: Path) -> Path:
    """The home of the command, with a champion in its registry."""
    return copy_of(registry, home)


def worth(model: RewardModel, *replies: str) -> np.ndarray:
    return gated_rewards(model, ["Hi"] * len(replies), replies, at=GATE).reward


def rewards(printed: str) -> list[float | None]:
    return [json.loads(line)["reward"] for line in printed.splitlines()]


def test_each_kind_of_file_gets_the_same_rewards(trained: Path, evalloop: Evalloop, model: RewardModel, tmp_path: Path):
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n\n")
    table = pa.Table.from_pylist(ROWS)
    csv.write_csv(table, tmp_path / "a.csv")
    parquet.write_table(table, tmp_path / "a.parquet")
    expected = [*worth(model, MERRY, DREARY).round(5).tolist(), None]
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        said = evalloop("score", tmp_path / name)
        assert said.status == 0
        assert rewards(said.printed) == expected
        assert f"3 replies scored by {model.version}, 1 of them blank" in said.complained


def test_chat_messages_keep_their_fields(trained: Path, evalloop: Evalloop, model: RewardModel, tmp_path: Path):
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": MERRY}]
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": 7, "messages": chat}))
    out = tmp_path / "out.jsonl"
    assert evalloop("score", tmp_path / "a.jsonl", "--out", out).status == 0
    assert json.loads(out.read_text()) == {
        "id": 7,
        "messages": chat,
        "reward": worth(model, MERRY).round(5)[0],
        "reward_version": model.version,
    }
    again = evalloop("score", tmp_path / "a.jsonl", "--out", out)
    assert (again.status, "is there already" in again.complained) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "its kind is not known"),
        ("a.jsonl", b'{"reply_text": "a"}\n{', "line 2 is no JSON"),
        ("a.jsonl", b"[]", "line 1 is no JSON object"),
        ("a.jsonl", b'{"text": "a"}', "row 0: it has none of `messages`"),
        ("a.jsonl", b"\xff", "cannot be read"),
        ("a.jsonl", b'{"reply_text": ' + b"[" * 100_000, "line 1 is nested too deep"),
        ("a.csv", b"a,b\n1\n", "cannot be read"),
        ("a.parquet", b"PAR1", "cannot be read"),
    ],
)
def test_a_file_at_fault_is_named_with_the_reason(
    trained: Path, evalloop: Evalloop, tmp_path: Path, name: str, content: bytes, reason: str
):
    path, out = tmp_path / name, tmp_path / "out.jsonl"
    path.write_bytes(content)
    said = evalloop("score", path, "--out", out)
    assert said.status == 2
    assert str(path) in said.complained
    assert reason in said.complained
    assert list(tmp_path.glob("*out*")) == []


def test_texts_that_look_like_something_else(trained: Path, evalloop: Evalloop, model: RewardModel, tmp_path: Path):
    """Numbers in a column of replies, a byte order mark, half of a character."""
    (tmp_path / "a.csv").write_text("prompt,completion\nHi,42\n")
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"user_text": "Hi", "reply_text": "42"}')
    for name in ("a.csv", "a.jsonl"):
        assert rewards(evalloop("score", tmp_path / name).printed) == worth(model, "42").round(5).tolist()
    (tmp_path / "b.jsonl").write_text('{"reply_text": "\\ud800 \u8336"}')
    said = evalloop("score", tmp_path / "b.jsonl")
    assert json.loads(said.printed)["reply_text"] == "\ud800 \u8336"
    out = tmp_path / "out.jsonl"
    assert evalloop("score", tmp_path / "b.jsonl", "--out", out).status == 0
    assert json.loads(out.read_text())["reply_text"] == "\ud800 \u8336"


def test_what_is_written_is_json(trained: Path, evalloop: Evalloop, tmp_path: Path):
    """A data frame's gaps are NaN, which JSON does not know."""
    rows = [{"reply_text": MERRY, "seen": {"at": [float("nan"), 2.0]}, "score": float("inf")}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (line,) = evalloop("score", tmp_path / "a.parquet").printed.splitlines()
    found = json.loads(line, parse_constant=lambda name: pytest.fail(name))
    assert (found["seen"], found["score"]) == ({"at": [None, 2.0]}, None)


def test_a_place_that_cannot_be_written_is_named(trained: Path, evalloop: Evalloop, tmp_path: Path, monkeypatch):
    (tmp_path / "a.jsonl").write_text('{"reply_text": "a"}')
    said = evalloop("score", tmp_path / "a.jsonl", "--out", tmp_path / "a.jsonl" / "out.jsonl")
    assert (said.status, "Not a directory" in said.complained) == (2, True)
    monkeypatch.setattr("sys.stdout", open("/dev/full", "w"))  # noqa: SIM115 - closed with the test
    said = evalloop("score", tmp_path / "a.jsonl")
    assert (said.status, "standard output: cannot be written" in said.complained) == (2, True)


def test_without_a_file_or_a_model(home: Path, evalloop: Evalloop, tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"reply_text": "a"}')
    for command in (("score", tmp_path / "a.jsonl"), ("scorer",)):
        said = evalloop(*command)
        assert (said.status, "has no champion" in said.complained) == (2, True)
    assert not store_folder(home).exists()


def test_a_version_that_is_not_there_and_a_missing_file(trained: Path, evalloop: Evalloop, tmp_path: Path):
    said = evalloop("score", tmp_path / "none.jsonl")
    assert (said.status, "No such file" in said.complained) == (2, True)
    said = evalloop("score", tmp_path / "none.jsonl", "--reward-version", "2026-01-01-00000000")
    assert (said.status, "does not know it" in said.complained) == (2, True)


def test_mlflow_loads_and_scores_the_champion(trained: Path, model: RewardModel):
    import mlflow
    import pandas as pd

    store = f"sqlite:///{store_folder(trained)}/mlflow.sqlite"
    mlflow.set_registry_uri(store)
    mlflow.set_tracking_uri(store)
    scorer = mlflow.pyfunc.load_model("models:/reward_model@champion")
    found = scorer.predict(pd.DataFrame(ROWS)).tolist()
    assert found[:2] == worth(model, MERRY, DREARY).tolist()
    assert found[2] != found[2]
