"""Sentences of our own: what breaks, and what must not be taken for a break."""

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.breaks import find_breaks
from evalloop_assets_tests.reward_model.breaks.talk import CASES, talk


def case_ids(kind: str) -> list:
    return [pytest.param(case["messages"], case.get("persona"), id=case["case"]) for case in CASES[kind]]


@pytest.mark.parametrize(("messages", "persona"), case_ids("broken"))
def test_the_last_message_breaks(messages: list[str], persona: str | None):
    found = find_breaks(talk(messages, persona))
    assert found["score"].iloc[-1] >= 0.5
    assert (found["score"].iloc[:-1] < 0.5).all()


@pytest.mark.parametrize(("messages", "persona"), case_ids("clean"))
def test_nothing_breaks(messages: list[str], persona: str | None):
    assert (find_breaks(talk(messages, persona))["score"] < 0.5).all()


@pytest.mark.parametrize(("messages", "persona"), case_ids("broken"))
def test_without_what_came_before_nothing_breaks(messages: list[str], persona: str | None):
    """The last message alone is sound, unless it contradicts the persona or itself."""
    alone = find_breaks(talk(messages[-1:]))["score"].iloc[0]
    assert alone < 0.5 or "but" in messages[-1] or "不过" in messages[-1]


@pytest.mark.parametrize(
    ("messages", "persona", "kind"),
    [
        (["Pets?", "I have a cat.", "Oh", "I never had a cat."], None, "contradiction"),
        (["Come.", "As an AI language model I cannot."], "Lena\nLena bakes.\nLena is shy.", "rupture"),
        (["Tell!", "I will tell you the secret of the lamp.", "You promised to tell me about the lamp.",
          "I never promised anything."], None, "promise"),
        (["Hi", "I like tea."], None, None),
    ],
)  # fmt: skip
def test_kinds(messages: list[str], persona: str | None, kind: str | None):
    assert find_breaks(talk(messages, persona))["kind"].iloc[-1] == kind


def test_another_language_out_of_nowhere_is_a_rupture():
    story = ["The lamp went out and we waited.", "Then the door opened slowly.", "A boat came in with the tide."]
    messages = [said for line in story for said in ("What happened then?", line)]
    found = find_breaks(talk([*messages, "Who was in it?", "今天天气很好我们去公园散步吧。"]))
    assert found["kind"].iloc[-1] == "rupture"
    assert found["score"].iloc[-1] >= 0.5


def test_a_promise_overdue_is_a_hint_and_no_break():
    messages = ["Who sent it?", "I will tell you about the letter tomorrow."]
    messages += [said for number in range(12) for said in ("And then?", f"We counted gull number {number}.")]
    found = find_breaks(talk(messages))
    overdue = found[found["kind"] == "promise"]
    assert len(overdue) == 1
    assert 0 < overdue["score"].iloc[0] < 0.5


def test_the_user_never_breaks():
    frame = talk(["I have a cat.", "Lovely.", "I never had a cat.", "Ah."])
    assert (find_breaks(frame)["score"] == 0).all()


def test_each_speaker_has_a_past_of_their_own():
    frame = talk(["I have a cat.", "I never had a cat."]).assign(speaker=["Mia", "Tom"])
    assert (find_breaks(frame)["score"] == 0).all()
    same = frame.assign(speaker="Mia")
    assert find_breaks(same)["score"].iloc[-1] >= 0.5


@pytest.mark.parametrize(
    "text", [None, "", "   ", "\ud800", "x" * 50_000, "我有猫。" * 12_000, "\x00", "?!", "🙂" * 99]
)
def test_odd_texts(text: str | None):
    found = find_breaks(talk(["Pets?", "I have a cat.", text, text, "So?", text]))
    assert len(found) == 6
    assert found["score"].between(0, 1).all()


def test_the_form_of_the_result():
    frame = talk(["Pets?", "I have a cat.", "Oh", "I never had a cat."]).set_index(pd.Index([9, 9, 3, 1]))
    found = find_breaks(frame.drop(columns="persona"))
    assert list(found.columns) == ["conversation_id", "position", "score", "kind"]
    assert found["position"].tolist() == [0, 1, 2, 3]
    assert found["score"].dtype == np.float64
    assert find_breaks(frame.iloc[:0]).empty


def test_a_missing_column_is_named():
    with pytest.raises(UserError, match="speaker"):
        find_breaks(talk(["a"]).drop(columns="speaker"))
