"""A policy and a rater behind a real HTTP server on loopback, good answers and bad."""

import json

import numpy as np
import pytest

from evalloop_assets.evaluation.dynamic.converse import converse
from evalloop_assets.evaluation.dynamic.endpoint import EndpointPolicy
from evalloop_assets.evaluation.dynamic.grid import scenarios
from evalloop_assets.evaluation.dynamic.rating import JudgeScorer, judged_metrics, read_ratings
from evalloop_assets.evaluation.judges.endpoint import Endpoint, Patience
from evalloop_assets_tests.evaluation.dynamic.talkers import Talker
from evalloop_assets_tests.evaluation.judges.chat_server import HTML, chat_server, completion

KEY = "sk-very-secret"


def scenario(prompt="persona", role_type="emotional_companion"):
    return next(scenarios(["en"], [role_type], ["casual_steering"], [prompt]))


def endpoint(url, timeout=5.0, retries=1):
    waited = []
    return Endpoint(url, "m", KEY, Patience(timeout, retries), waited.append, lambda: 0.0)


def echo(body):
    return completion(f"You said {len(body['messages'])}: {body['messages'][-1]['content']}")


def test_the_endpoint_gets_prompt_and_conversation_and_its_replies_come_back():
    one = scenario()
    with chat_server(echo) as (url, script):
        talk = converse(EndpointPolicy(endpoint(url)), one, 1, 3)
    assert [turn.reply for turn in talk.turns] == [
        f"You said {2 * n}: {talk.turns[n - 1].user_text}" for n in (1, 2, 3)
    ]
    sent = script.calls[2]["body"]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert sent[0]["content"] == one.system
    assert script.calls[0]["key"] == f"Bearer {KEY}"


def test_without_a_system_prompt_none_is_sent():
    with chat_server(echo) as (url, script):
        converse(EndpointPolicy(endpoint(url)), scenario("none"), 1, 1)
    assert [message["role"] for message in script.calls[0]["body"]["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (0.6, "did not answer in time"),
        ((200, HTML), "no completion"),
        ((502, HTML), "status 502"),
        ((200, b'{"choices": [{"message": {"content": "half'), "no completion"),
        (None, "connection failed"),
        ((401, b"{}"), "status 401"),
    ],
)
def test_an_endpoint_that_fails_ends_the_conversation_with_the_reason(bad, why):
    with chat_server(completion("Well met at the harbour."), bad) as (url, _):
        talk = converse(EndpointPolicy(endpoint(url, timeout=0.2)), scenario(), 1, 4)
    assert len(talk.turns) == 1
    assert why in talk.failure
    assert KEY not in talk.failure


def test_what_fails_for_a_moment_costs_no_turn():
    with chat_server((502, HTML), completion("Well met.")) as (url, _):
        talk = converse(EndpointPolicy(endpoint(url)), scenario(), 1, 2)
    assert (len(talk.turns), talk.failure) == (2, "")


def rate(body):
    """Empathy of the turn's number."""
    held = json.loads(body["messages"][1]["content"])
    turn = sum(one["speaker"] == "user" for one in held["conversation"])
    return completion("Here it is: " + json.dumps({"empathy": turn, "fluency": 11, "coherence": True, "other": 3}))


def test_a_model_rates_each_turn_by_the_metrics_of_its_role_type():
    talks = [converse(Talker(), scenario(role_type=kind), 1, 3) for kind in ("emotional_companion", "game_npc")]
    with chat_server(rate) as (url, script):
        found = JudgeScorer(endpoint(url), at_once=2).score(talks)
    assert found["empathy"].tolist()[:3] == [1.0, 2.0, 3.0]
    assert np.isnan(found["empathy"][3:]).all()
    assert all(np.isnan(found[name]).all() for name in ("fluency", "coherence", "game_completion_degree"))
    asked = [call["body"]["messages"][0]["content"] for call in script.calls]
    assert sum("empathy" in text for text in asked) == 3
    assert sum("game_completion_degree" in text for text in asked) == 3
    assert all("consistency" not in text for text in asked)


def test_a_judge_that_answers_nonsense_gives_no_score():
    talks = [converse(Talker(), scenario(), 1, 2)]
    with chat_server((200, HTML)) as (url, _):
        found = JudgeScorer(endpoint(url, retries=0)).score(talks)
    assert all(np.isnan(values).all() for values in found.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fine",
        "{",
        "[1, 2]",
        '{"empathy": 11}',
        '{"empathy": "9"}',
        '{"empathy": 7.5}',
        '{"empathy": 0}',
        "{" * 5000,
    ],
)
def test_what_is_no_rating_is_none(text):
    assert read_ratings(text, judged_metrics("emotional_companion")) == {}
