"""Ids as whole words, texts anywhere, in raw bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.erasure.needles import BLOCK, ERASED, WINDOW, Needles, is_distinctive

LONG = 'She said "we leave at dawn", and\nnobody asked why.'


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ("user-17", 1),
        ('{"user": "user-17"}', 1),
        ("{'user': 'user-17'}", 1),
        ("exp:user-17, user-17.", 2),
        (json.dumps(json.dumps(["user-17"])), 1),
        ("user-170 my-user-17 user-17-b user-17.b user-17@x.com auser-17 user-17é", 0),
        ("用户user-17", 0),
    ],
)
def test_an_id_is_found_as_a_whole_word(content: str, count: int):
    assert Needles(["user-17"], ()).count(content.encode()) == count


def test_an_id_of_digits_must_be_a_whole_quoted_string():
    needles = Needles(["123456"], ())
    assert needles.count(b'{"at": 123456, "in": "123456 ms", "size": 1234567}') == 0
    assert needles.count(b'{"user": "123456"}') == 1
    assert needles.count(json.dumps('{"user": "123456"}').encode()) == 1


def test_what_is_no_id_anywhere_is_not_looked_for_in_text():
    assert not any(map(is_distinctive, ["u1", "42", "anonymous", "incumbent"]))
    assert Needles(["anonymous", "u1"], ["short"]).count(b"anonymous u1 short") == 0


def test_a_text_is_found_however_json_writes_it():
    needles = Needles((), [LONG, "昨天夜里我在桥上看见了那只银色的狐狸，它没有跑。"])
    for content in (LONG, json.dumps(LONG), json.dumps(json.dumps({"text": LONG}))):
        assert needles.count(content.encode()) == 1, content
    chinese = "昨天夜里我在桥上看见了那只银色的狐狸，它没有跑。"
    assert needles.count(json.dumps([chinese]).encode()) == 1
    assert needles.count(json.dumps([chinese], ensure_ascii=False).encode()) == 1


def test_what_is_found_is_taken_out_and_nothing_else():
    needles = Needles(["user-17", "user-17-event-3"], [LONG])
    content = f"a user-17 b user-17-event-3 c {LONG} d user-18".encode()
    assert needles.without(content) == b"a " + ERASED + b" b " + ERASED + b" c " + ERASED + b" d user-18"


def test_an_id_across_the_edge_of_a_block_is_found():
    for shift in (-WINDOW, -3, 0):
        content = b" " * (BLOCK + shift) + b"user-17" + b" " * 50
        assert Needles(["user-17"], ()).count(content) == 1


@given(st.lists(st.from_regex(r"[a-z]{3}[0-9]{3,6}", fullmatch=True), min_size=1, max_size=30), st.randoms())
def test_as_many_as_a_plain_search_of_words_finds(words: list[str], chance):
    wanted = [word for word in words if chance.random() < 0.5]
    content = " ".join(words)
    assert Needles(wanted, ()).count(content.encode()) == sum(word in wanted for word in words)
