"""What personas are, in many words of our own: which replies break them, and which do not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from evalloop_assets.reward_model.breaks import find_breaks
from evalloop_assets_tests.reward_model.breaks.talk import talk, talks

PERSONAS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("personas.yaml").read_text(encoding="utf-8")
)
AROUND = {"en": "Rosa\n{}\nRosa lives on Mill Street.", "zh": "阿兰\n{}\n阿兰住在桥边。"}
ASKED = {"en": "Hm.", "zh": "嗯"}


def taken(language: str, kind: str) -> float:
    """Share of the replies of a kind that are taken for a break."""
    said = [
        ((place, reply), [ASKED[language], reply], AROUND[language].format(given["persona"]))
        for place, given in enumerate(PERSONAS[language])
        for reply in given.get(kind, ())
    ]
    frame = talks(said)
    found = find_breaks(frame)
    assert len(said) > 100
    return float((found["score"][(frame["speaker"] == "character").to_numpy()] >= 0.5).mean())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_most_replies_that_break_a_persona_are_found(language: str):
    assert taken(language, "breaks") > 0.93


@pytest.mark.parametrize("language", ["en", "zh"])
def test_few_replies_that_keep_to_a_persona_are_taken_for_a_break(language: str):
    assert taken(language, "keeps") < 0.05


@pytest.mark.parametrize(
    ("persona", "reply", "broken"),
    [
        ("Rosa eats no pork.", "I had a plate of bacon and pork.", True),
        ("Rosa eats no pork.", "I fried a chicken.", False),
        ("Rosa eats no meat.", "I fried a chicken.", True),
        ("Rosa has no dog.", "I have a cat.", False),
        ("Rosa has no pets.", "I have a cat.", True),
        ("Rosa only drinks tea.", "I finished my beer.", True),
        ("Rosa only drinks tea.", "I drank my tea.", False),
        ("Rosa hates spicy food.", "I love good food.", False),
        ("Rosa has sailed for thirty years.", "This is my first time sailing.", True),
        ("Rosa wants to sail.", "This is my first time sailing.", False),
        ("Rosa no longer smokes.", "I smoke a cigarette after lunch.", True),
        ("Rosa does not smoke.", "I used to smoke.", False),
        ("Rosa has never smoked.", "I used to smoke.", True),
        ("Rosa never drinks.", "I pour you a whisky.", False),
        ("Rosa never drinks.", "Pour me a whisky.", True),
        ("阿兰怕狗。", "我看见狗就怕得不敢动。", False),
        ("阿兰怕狗。", "我喜欢狗喜欢得不得了。", True),
        ("阿兰当过护士。", "这把刀咱们是交给警察，还是先藏起来？", False),
        ("阿兰当过护士。", "我是交警，抓人的。", False),
        ("阿兰是护士。", "我是警察。", True),
        ("阿兰养了一只猫。", "猫的事我不说了。", False),
        ("阿兰有个弟弟。", "我哪有弟弟。", True),
        ("Rosa cannot read.", "Read me the letter.", False),
        ("Rosa is afraid of the dark.", "I keep a lamp on in the dark every night.", False),
        ("Rosa never takes off her gloves.", "My gloves stay on at dinner.", False),
        ("Rosa never answers the phone.", "I let the phone ring.", False),
        ("Rosa never leaves the ship.", "I stay aboard, this ship is my home.", False),
        ("Rosa never opens letters.", "I keep the letter sealed in my drawer.", False),
        ("Rosa starts the day with coffee.", "I do not speak before my first coffee.", False),
        ("Rosa plays the guitar.", "I never go anywhere without my guitar.", False),
        ("Rosa prays every evening.", "I have never missed a prayer.", False),
        ("阿兰爱下棋。", "下棋我从不错过。", False),
        ("Rosa refuses to gamble.", "I play poker.", True),
        ("Rosa is terrible at cooking.", "I cooked dinner.", True),
        ("阿兰从没结过婚。", "我结过两次婚。", True),
        ("阿兰只喝茶。", "我点了一杯咖啡。", True),
        ("阿兰吃素。", "肉我让给你。", False),
        ("阿兰吃素。", "昨晚啃了一只烧鸡。", True),
    ],
)
def test_kinds_habits_and_whom_it_is_done_for(persona: str, reply: str, broken: bool):
    language = "en" if persona.isascii() else "zh"
    found = find_breaks(talk([ASKED[language], reply], AROUND[language].format(persona)))
    assert (found["score"].iloc[-1] >= 0.5) == broken


def test_what_broke_the_persona_is_not_held_against_what_keeps_to_it():
    messages = ["Coffee?", "I am on my third coffee, I love coffee.", "And now?", "I pushed the coffee away."]
    found = find_breaks(talk(messages, AROUND["en"].format("Rosa hates coffee.")))
    assert (found["score"] >= 0.5).tolist() == [False, True, False, False]


def test_a_persona_in_the_third_person_has_attributes():
    found = find_breaks(talk(["Work?", "I am a lawyer."], AROUND["en"].format("Rosa works as a nurse.")))
    assert found["score"].iloc[-1] >= 0.5
