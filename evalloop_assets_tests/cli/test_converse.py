"""`evalloop converse` as a user calls it, against an endpoint on loopback."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

import evalloop_assets.policy_iteration.assets  # noqa: F401 - declares its tables
from evalloop_assets.cli.converse import InProcess
from evalloop_assets.evaluation.dynamic.plan import Plan
from evalloop_assets.reward_model.gate import Verdict
from evalloop_assets.reward_model.registry import Notes, register
from evalloop_assets_tests.cli.conftest import line
from evalloop_assets_tests.evaluation.bad_cases.world import stage_at, write
from evalloop_assets_tests.evaluation.dynamic.chat_page import SELECTORS, chat_page
from evalloop_assets_tests.evaluation.judges.chat_server import HTML, chat_server, completion
from evalloop_assets_tests.reward_model.scored import small_model
from evalloop_assets_tests.reward_model.world import CHEERFUL, DULL

FEW = ["--locale", "en", "--role-type", "profession", "--intent", "role_knowledge", "--intent", "casual_steering"]


def fading(body):
    """Cheerful at first, dull in the end, with other words each time."""
    turn = sum(message["role"] == "user" for message in body["messages"])
    shift = sum(body["messages"][0]["content"].encode()) % 7
    dull = min(8, max(0, 2 * turn - 2 + shift % 3))
    return completion(" ".join([*CHEERFUL[shift % 3 :][: 8 - dull], *DULL[:dull]]) + f" {turn}.")


def steady(body):
    turn = sum(message["role"] == "user" for message in body["messages"])
    shift = (turn * 3 + sum(body["messages"][0]["content"].encode())) % len(CHEERFUL)
    return completion(" ".join([*CHEERFUL[shift:], *CHEERFUL[:shift]][:8]) + f" {turn}.")


@pytest.fixture
def trained(home):
    register(home, small_model(), Notes({}, {}, {}, {}), lambda champion: Verdict(True, "first"))
    return home


def test_two_models_are_held_against_each_other(trained, evalloop, monkeypatch):
    for name, act in (("steady", steady), ("fading", fading)):
        with chat_server(act) as (url, _):
            monkeypatch.setenv("OPENAI_BASE_URL", url)
            said = evalloop("converse", "--model", name, *FEW, "--turns", 6, "--perturbation", "noise")
        assert said.status == 0, said
        assert f"24 conversations of 6 turns with {name}" in said.printed
        assert "robustness noise" in said.printed
    with duckdb.connect(str(trained / "evalloop.duckdb"), read_only=True) as tables:
        turns = tables.sql("SELECT model_id, count(*), count(DISTINCT pair) FROM dynamic_turns GROUP BY ALL ORDER BY 1")
        assert turns.fetchall() == [("fading", 144, 12), ("steady", 144, 12)]
        query = (
            "SELECT figure, model_id, high FROM dynamic_results WHERE metric = 'reward' AND role_type = 'all' "
            "AND intent = 'all' AND prompt_setting = 'all' AND figure LIKE 'slope%'"
        )
        highest = {(figure, model): high for figure, model, high in tables.sql(query).fetchall()}
        assert highest["slope", "fading"] < 0
        assert highest["slope_difference", "fading"] < 0
        reasons = tables.sql("SELECT DISTINCT reason FROM dynamic_results WHERE value IS NULL").fetchall()
        assert all(reason for (reason,) in reasons)


def test_the_same_day_again_replaces_the_policy_and_keeps_others(home, evalloop, monkeypatch):
    with chat_server(steady) as (url, _):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        for model in ("one", "two", "one"):
            said = evalloop("converse", "--model", model, *FEW, "--turns", 3)
            assert "no reward model yet" in said.printed
    with duckdb.connect(str(home / "evalloop.duckdb"), read_only=True) as tables:
        found = tables.sql("SELECT model_id, count(*) FROM dynamic_turns GROUP BY ALL ORDER BY 1").fetchall()
        assert found == [("one", 36), ("two", 36)]
        assert (
            tables.sql("SELECT DISTINCT day FROM dynamic_results").fetchall()
            == tables.sql("SELECT DISTINCT day FROM dynamic_turns").fetchall()
        )
        assert isinstance(tables.sql("SELECT max(day) FROM dynamic_results").fetchall()[0][0], date)


def test_a_judge_rates_too(home, evalloop, monkeypatch):
    def act(body):
        if body["model"] == "judge":
            if "bored" in body["messages"][1]["content"]:
                return (200, HTML)
            return completion(json.dumps({"fluency": 1 + len(body["messages"][1]["content"]) % 9}))
        return steady(body)

    with chat_server(act) as (url, _):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        said = evalloop("converse", "--model", "m", "--judge", "judge", "--retries", 0, *FEW, "--turns", 2)
    assert "fluency" in said.printed
    assert "judge/judge/" in said.printed
    assert "of 24 turns have no rating of judge" in said.printed


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_page_and_endpoint_are_compared(home, evalloop, monkeypatch, tmp_path):
    def answer(messages, system):
        held = [{"role": "system", "content": system}, *messages] if system else messages
        return json.loads(steady({"messages": held}))["choices"][0]["message"]["content"]

    selectors = tmp_path / "page.yaml"
    with chat_server(steady) as (url, _), chat_page(answer) as page:
        selectors.write_text(yaml.safe_dump({**SELECTORS, "url": page}))
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        said = evalloop("converse", "--model", "m", "--page", selectors, *FEW, "--turns", 2)
    assert said.status == 0, said
    assert "equal replies, m and m/page: 1.000 [0." in said.printed
    with duckdb.connect(str(home / "evalloop.duckdb"), read_only=True) as tables:
        found = tables.sql(
            "SELECT DISTINCT model_id, against, value FROM dynamic_results WHERE figure = 'difference' "
            "AND metric = 'diversity' AND role_type = 'all' AND intent = 'all' AND prompt_setting = 'all'"
        ).fetchall()
        assert found == [("m", "m/page", 0.0)]
        channels = tables.sql("SELECT DISTINCT model_id, channel FROM dynamic_turns ORDER BY 1").fetchall()
    assert channels == [("m", "endpoint"), ("m/page", "page")]


def test_a_page_without_a_field_for_the_prompt_is_refused_before_it_is_opened(home, evalloop, tmp_path):
    selectors = tmp_path / "page.yaml"
    selectors.write_text(yaml.safe_dump({"url": "http://127.0.0.1:9/", "input": "#a", "reply": ".b"}))
    assert "no field for a system prompt" in line(evalloop("converse", "--page", selectors))


def test_an_endpoint_that_answers_html_is_one_clear_line(home, evalloop, monkeypatch):
    with chat_server((200, HTML)) as (url, script):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        said = evalloop("converse", "--model", "m", *FEW, "--retries", 0)
    assert "no completion" in line(said)
    assert len(script.calls) <= 8


def test_an_endpoint_that_dies_is_not_asked_for_ever(home, evalloop, monkeypatch):
    """What was said before is kept, and what failed with it."""

    def act(body):
        act.calls += 1
        return steady(body) if act.calls <= 4 else (503, HTML)

    act.calls = 0
    with chat_server(act) as (url, _):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        options = ("--turns", 2, "--retries", 0, "--at-once", 1)
        said = evalloop("converse", "--model", "[/m]", "--judge", "[/j]", *FEW, *options)
    assert said.status == 0, said
    assert "12 conversations of 2 turns with [/m]" in said.printed
    assert "5 conversations ended early: it answered with status 503" in said.printed
    assert "5 conversations were not begun" in said.printed
    assert "4 of 4 turns have no rating of [/j]" in said.printed
    with duckdb.connect(str(home / "evalloop.duckdb"), read_only=True) as tables:
        found = tables.sql("SELECT count(reply), count(failure) FROM dynamic_turns").fetchall()
    assert found == [(4, 5)]


class Drawn:
    """A candidate whose reply is the seed that it was drawn with."""

    def reply(self, prompts, seed):
        return [f"{len(prompts[0].history)} {seed}"]


def test_a_conversation_is_the_same_whatever_is_held_beside_it():
    def held(**seeds):
        return {
            talk.pair: talk
            for planned in Plan(("en",), ("game_npc",), ("role_knowledge",), turns=3, **seeds).conversations()
            for talk in [planned.hold(InProcess(Drawn(), planned.seed))]
        }

    both, alone = held(seed=1, seeds=2), held(seed=2)
    assert len(both) == 2 * len(alone)
    assert {pair: both[pair] for pair in alone} == alone


def test_what_cannot_be_talked_with_here_is_named(home, evalloop):
    made = [("best", "best_of_n"), ("trained", "lora"), ("told", "arm")]
    rows = [{"model_id": name, "kind": kind, "base_model_id": "incumbent"} for name, kind in made]
    write(stage_at(home), "policy_candidates", rows)
    assert "Talk with it where it is served" in line(evalloop("converse", "--policy", "best"))
    assert "There are told, trained." in line(evalloop("converse", "--policy", "traind"))


@pytest.mark.parametrize(
    ("arguments", "url", "why"),
    [
        ([], "http://127.0.0.1:9", "not clear which one is meant"),
        (["--model", "m", "--policy", "p"], "http://127.0.0.1:9", "not clear which one is meant"),
        (["--page", Path("nowhere.yaml")], "", "cannot be read"),
        (["--model", "m"], "", "OPENAI_BASE_URL: is not set"),
        (["--model", "m"], "localhost", "no http or https address"),
        (["--model", "m", "--intent", "gossip"], "http://127.0.0.1:9", "intent gossip"),
        (["--model", "m", "--perturbation", "none"], "http://127.0.0.1:9", "perturbation none"),
        (["--policy", "p"], "", "no candidate has that name"),
    ],
)
def test_a_mistake_is_one_line(home, evalloop, monkeypatch, arguments, url, why):
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert why in line(evalloop("converse", *arguments))
