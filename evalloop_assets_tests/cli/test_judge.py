"""`evalloop judge` as a user calls it, against a real HTTP server."""

import json
from pathlib import Path

import pytest

from evalloop_assets.evaluation.judges import audit
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import Evalloop, line
from evalloop_assets_tests.evaluation.judges.chat_server import HTML, chat_server, prefers
from evalloop_assets_tests.logs.world import rows_of

KEY = "sk-very-secret"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Six pairs, and a rubric."""
    items, rubric = tmp_path / "pairs.jsonl", tmp_path / "rubric.txt"
    pairs = [{"item_id": n, "reply_a": f"good {n}", "reply_b": f"poor {n}", "family_a": "x"} for n in range(6)]
    items.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    rubric.write_text("Prefer good ones.")
    return items, rubric


def ask(evalloop, files, *more):
    items, rubric = files
    return evalloop("judge", items, "--rubric", rubric, "--model", "m", "--retries", "0", "--timeout", "2", *more)


def test_verdicts_come_into_the_log_once(home: Path, evalloop: Evalloop, files, monkeypatch):
    with chat_server(prefers("good")) as (url, script):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("MY_KEY", KEY)
        first = ask(evalloop, files, "--key-from", "MY_KEY", "--price", "10", "100")
        again = ask(evalloop, files, "--key-from", "MY_KEY", "--price", "10", "100")
    assert (first.status, again.status) == (0, 0)
    assert "12 calls, 0 answered before: 0.0240 US dollars" in first.printed
    assert "12 calls, 12 answered before: 0.0000 US dollars" in again.printed
    assert len(script.calls) == 12
    lake = open_lake(Settings(home=home))
    rows = rows_of(lake, "judge_verdicts")
    assert (len(rows), {row["verdict"] for row in rows}) == (12, {"a"})
    found = audit(lake.read("judge_verdicts").to_pandas(), None)["m"]
    assert found.position_consistency.value == 1
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in content or url.encode() in content for content in written)


def test_an_endpoint_that_is_none_ends_it_early_in_one_line(home: Path, evalloop: Evalloop, files, monkeypatch):
    with chat_server((200, HTML)) as (url, script):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        said = ask(evalloop, files)
        assert "no completion" in line(said)
        assert len(script.calls) < 12
    assert rows_of(open_lake(Settings(home=home)), "judge_verdicts") == []


def test_without_an_address_it_says_which_variable(home: Path, evalloop: Evalloop, files, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert "OPENAI_BASE_URL" in line(ask(evalloop, files))


def test_a_price_below_nothing_is_refused_before_anything_is_asked(home: Path, evalloop: Evalloop, files, monkeypatch):
    with chat_server(prefers("good")) as (url, script):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        assert "--price" in line(ask(evalloop, files, "--price", "-1", "2"))
        assert script.calls == []
