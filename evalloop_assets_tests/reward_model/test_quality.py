import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model.quality import density, new_content, progress, quality, read, repeated_share
from evalloop_assets.reward_model.reader import Reader

ADVANCING = (
    "A rider bursts through the gate and drops a bloodstained satchel.",
    "Beneath the bridge, smugglers unload crates of stolen gunpowder.",
    "Lightning splits the chapel tower; its bell crashes into the river.",
    "The duchess unlocks a cellar where her missing brother sleeps in chains.",
)
EMPTY = "There is so much that could be said about this, and all of it matters in its own way."


def judged(text: str, before: str = "") -> float:
    reply, said = read(text), read(before)
    return quality(density(reply), 1 - repeated_share(reply, said.phrases), progress(new_content(reply, said.content)))


def test_words_content_and_phrases_by_hand():
    """English: 7 words, 3 of them content. Chinese: 6 characters; 的 is common, so content is 旧, 旧灯, 塔, 塔亮."""
    found = read("The old KEY opens it. Doors sing!")
    assert found.words == ("the", "old", "key", "opens", "it", "doors", "sing")
    assert found.content == {"key", "opens", "doors", "sing"}
    assert found.phrases == ("the old key", "old key opens", "key opens it", "doors sing")
    han = read("旧灯的塔亮。")
    assert (han.han, han.content, han.content_words) == (5, {"旧", "旧灯", "塔", "塔亮"}, 4)


def test_density_by_hand():
    """Four of seven words are content: 0.571 / 0.42, which is more than dense. One of five: 0.2 / 0.42 = 0.47619."""
    assert density(read("The old KEY opens it. Doors sing!")) == 1
    assert density(read("It is about the key.")) == pytest.approx(0.2 / 0.42)
    assert density(read("那是那个灯")) == pytest.approx(0.2 / 0.62)
    assert density(read("?!")) == 0


def test_repetition_by_hand():
    """Six words make four phrases, the last one as the first: one in four; with the first said before, two in four."""
    reply = read("red fox runs red fox runs")
    assert repeated_share(reply) == pytest.approx(1 / 4)
    assert repeated_share(reply, ["red fox runs"]) == pytest.approx(2 / 4)
    assert repeated_share(read("")) == 0


def test_progress_and_quality_by_hand():
    assert progress(0) == 0
    assert progress(4) == pytest.approx(1 - 1 / math.e)
    assert quality(0.5, 0.8, 0.9) == pytest.approx(0.36 ** (1 / 3))
    assert quality(1, 0, 1) == 0


def test_what_was_said_more_than_four_exchanges_ago_is_new_again():
    found = []
    for between in (3, 4):
        reader = Reader(1e6)
        reader.remember("hi", "lantern harbour comet", 0.0)
        for at in range(between):
            reader.remember("and", "violin", 1.0 + at)
        found.append(reader.judge("and", "lantern harbour comet", 10.0))
    assert [(one.non_repetition, one.progress) for one in found] == [(0.0, 0.0), (1.0, progress(3))]


def test_padding_lowers_quality_and_length_does_not():
    alone = judged(ADVANCING[0])
    assert judged(" ".join(ADVANCING)) >= alone - 0.02
    assert judged(f"{ADVANCING[0]} {EMPTY} {EMPTY}") < alone - 0.1
    assert judged(EMPTY) < 0.5 * alone
    assert judged(ADVANCING[0], before=ADVANCING[0]) == 0


@given(st.text(max_size=300), st.text(max_size=60))
def test_every_text_has_a_quality_between_0_and_1(text: str, before: str):
    assert 0 <= judged(text, before) <= 1
    assert 0 <= density(read(text)) <= 1


@given(*(st.floats(0, 1) for _ in range(4)))
def test_quality_never_falls_as_a_part_rises(a: float, b: float, c: float, more: float):
    for parts, raised in (((a, b, c), (max(a, more), b, c)), ((a, b, c), (a, max(b, more), c))):
        assert quality(*raised) >= quality(*parts) - 1e-12
