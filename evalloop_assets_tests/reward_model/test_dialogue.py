import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model.dialogue import Reply, reply_of

FIRST, SECOND = ("Where are we?", "At the gate."), ("And now?", "It opens.")


def chat(*exchanges: tuple[str, str]) -> list[dict[str, str]]:
    pairs = (({"role": "user", "content": a}, {"role": "assistant", "content": b}) for a, b in exchanges)
    return [message for pair in pairs for message in pair]


def chatml(*exchanges: tuple[str, str]) -> str:
    return "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in chat(*exchanges))


THE_SAME = Reply("And now?", "It opens.", (FIRST,))
OPENING = f"{chatml(FIRST)}<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "system", "content": "Be brief."}, *chat(FIRST, SECOND)]},
        {"prompt": chat(FIRST, SECOND)[:-1], "completion": chat(SECOND)[-1:]},
        {"prompt": chat(FIRST, SECOND)[:-1], "completion": "It opens."},
        {"prompt": OPENING, "completion": "It opens.<|im_end|>\n"},
        {"prompt": OPENING, "query": OPENING + "It opens.<|im_end|></s>"},
    ],
)
def test_one_dialogue_in_every_form(fields: dict[str, object]):
    assert reply_of(fields) == THE_SAME


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a<|im_end|>\n</s> ", "a"),
        ("a <b> </s><|x y|>", "a <b>"),
        ("<|im_end|>", ""),
        ("</s", "</s"),
        ("a" + " " * 2_000_000 + "b", "a" + " " * 2_000_000 + "b"),
    ],
)
def test_marks_at_the_end_are_taken_off_in_one_look(text: str, left: str):
    """The last one takes hours where each run of spaces is tried from each of its places."""
    assert reply_of({"completion": text}).reply == left


def test_plain_prompts_are_the_message():
    assert reply_of({"prompt": "Hi", "completion": "Hello"}) == Reply("Hi", "Hello")
    assert reply_of({"prompt": "Hi ", "query": "Hi Hello"}) == Reply("Hi", "Hello")
    assert reply_of({"user_text": None, "reply_text": "Hello"}) == Reply("", "Hello")
    assert reply_of({"completion": ""}) == Reply("", "")


def test_what_a_user_says_in_pieces_is_one_message():
    said = [*chat(FIRST), {"role": "user", "content": "Well,"}, *chat(SECOND)]
    assert reply_of({"messages": said}) == Reply("Well,\nAnd now?", "It opens.", (FIRST,))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "it has none of"),
        ({"messages": []}, "`messages` is no list of messages"),
        ({"messages": "Hi"}, "`messages` is no list of messages"),
        ({"messages": chat(FIRST)[:1]}, "its last message is not the assistant's"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "has no role among"),
        ({"messages": [{"role": "assistant", "content": 4}]}, "`content` is int, no text"),
        ({"prompt": "A", "query": "Hello"}, "does not begin with its `prompt`"),
        ({"reply_text": ["Hello"]}, "`reply_text` is list, no text"),
        ({"completion": 4}, "`completion` is no list of messages"),
    ],
)
def test_what_is_no_dialogue_says_why(fields: dict[str, object], reason: str):
    with pytest.raises(ValueError, match=reason):
        reply_of(fields)


TEXT = (
    st.text(st.characters(exclude_characters="<|>", exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_messages_and_chatml_say_the_same(exchanges: list[tuple[str, str]]):
    opening = chatml(*exchanges)[: -len(f"{exchanges[-1][1]}<|im_end|>\n")]
    by_text = reply_of({"prompt": opening, "completion": exchanges[-1][1]})
    by_messages = reply_of({"messages": chat(*exchanges)})
    assert by_text == by_messages


def test_earlier_exchanges_are_a_minute_apart():
    assert [(one.user_text, one.reply, one.seconds) for one in THE_SAME.exchanges] == [(*FIRST, 60.0)]
