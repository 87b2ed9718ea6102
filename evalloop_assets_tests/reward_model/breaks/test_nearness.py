"""Nearness against sets that grow reply by reply."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model.breaks import nearness as module
from evalloop_assets.reward_model.breaks.nearness import nearness

LEAST, KEPT = 3, 12
TEXT = st.text("abz 春夏秋,7", max_size=14)


def runs(text: str) -> set[str]:
    letters = re.sub(r"[\W\d]+", " ", text)
    size = 2 if re.search("[春夏秋]", letters) else 4
    return {letters[at : at + size] for at in range(len(letters) - size + 1)}


def by_sets(replies: list[str], prompts: list[str]) -> list[float | None]:
    heard: set[str] = set()
    found: list[float | None] = []
    for own, asked in zip(map(runs, replies), map(runs, prompts), strict=True):
        found.append(len(own & (heard | asked)) / len(own) if len(own) >= LEAST and heard else None)
        if len(heard) < KEPT:
            heard |= own | asked
    return found


@pytest.fixture(scope="module", autouse=True)
def short_texts_and_memory():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEAST_RUNS", LEAST)
        patch.setattr(module, "RUNS_KEPT", KEPT)
        patch.setattr(module, "TURNS_AT_ONCE", 3)
        yield


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_as_sets_tell_it(talk):
    replies, prompts = ([one[side] for one in talk] for side in (0, 1))
    assert nearness(replies, prompts) == by_sets(replies, prompts)


def test_by_hand():
    """abcd, bcde and cdef: the second reply has two of its three runs from the first, and all with its prompt."""
    assert nearness(["abcde", "abcdef"], ["", ""]) == [None, pytest.approx(2 / 3)]
    assert nearness(["abcde", "abcdef"], ["", "xcdef"]) == [None, 1.0]
    assert nearness([], []) == []
