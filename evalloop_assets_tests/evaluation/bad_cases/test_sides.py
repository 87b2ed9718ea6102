"""No case trains and evaluates: near duplicates stay together on whatever days they come."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.evaluation.bad_cases.gram_sets import from_arrow, gram_sets, joined, to_lists
from evalloop_assets.evaluation.bad_cases.near_duplicates import near_duplicates
from evalloop_assets.evaluation.bad_cases.sides import (
    EVALUATION,
    NOTHING_KNOWN,
    TRAINING,
    WITHHELD,
    Known,
    components,
    give,
)
from evalloop_assets.evaluation.bad_cases.sides import cases as cases_of
from evalloop_assets.reward_model.lexical import grams

THRESHOLD = 0.6
WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl", "mn"]), max_size=6).map(" ".join)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Before the first example, whose time Hypothesis watches."""
    near_duplicates(["a"], ["a"], THRESHOLD)


def cases(texts, better=None, turns=None):
    """Cases of these texts; without better replies and turns unless they are told."""
    nothing = [None] * len(texts)
    return cases_of(texts, better or nothing, turns or nothing)


def jaccard(one: str, other: str) -> float:
    """The oracle: over sets of n-grams, without signatures."""
    mine, theirs = (set(grams([text]).keys.tolist()) for text in (one, other))
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0


@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=8), st.sampled_from([0.3, 0.6, 1.0]))
def test_near_duplicates_are_those_of_the_sets_of_n_grams(left, right, threshold):
    links = near_duplicates(left, right, threshold)
    found = set(zip(links.left.tolist(), links.right.tolist(), strict=True))
    expected = {
        (i, j) for i, one in enumerate(left) for j, other in enumerate(right) if jaccard(one, other) >= threshold
    }
    assert found == expected


def test_components_go_by_way_of_others():
    chain = ["a b c d e f", "a b c d e f g", "a b c d e f g h", "something else"]
    assert jaccard(chain[0], chain[2]) < 0.8 <= jaccard(chain[0], chain[1])
    found = components(cases(chain), 0.8)
    assert found[0] == found[1] == found[2] != found[3]


@given(st.lists(st.lists(WORDS, max_size=6), max_size=5), st.sampled_from([0.0, 0.5, 1.0]))
def test_no_case_of_one_side_is_near_one_of_the_other_on_whatever_days_they_came(days, share):
    texts, groups, sides = [], [], []
    for number, new in enumerate(days):
        names = [f"e{number}.{at}" for at in range(len(new))]
        given_ = give(names, cases(new), Known(cases(texts), groups, sides), THRESHOLD, share)
        texts, groups, sides = texts + new, groups + given_.groups, sides + given_.sides
    for i, one in enumerate(texts):
        for j, other in enumerate(texts):
            if jaccard(one, other) >= THRESHOLD:
                assert {sides[i], sides[j]} != {TRAINING, EVALUATION}
                if WITHHELD not in (sides[i], sides[j]):
                    assert groups[i] == groups[j] or sides[i] == sides[j]
    assert share != 1.0 or TRAINING not in sides
    assert share != 0.0 or EVALUATION not in sides


@given(st.lists(WORDS, min_size=1, max_size=6, unique=True), st.randoms())
def test_the_order_of_the_cases_changes_nothing(texts, random):
    named = list(enumerate(texts))
    expected = give([f"e{at}" for at, _ in named], cases(texts), NOTHING_KNOWN, THRESHOLD, 0.5)
    by_name = dict(zip(texts, zip(*expected, strict=True), strict=True))
    random.shuffle(named)
    again = give([f"e{at}" for at, _ in named], cases([text for _, text in named]), NOTHING_KNOWN, THRESHOLD, 0.5)
    assert dict(zip([text for _, text in named], zip(*again, strict=True), strict=True)) == by_name


def test_what_links_both_sides_goes_to_neither_and_holds_nobody_else_up():
    texts, bridge = ["a b c d e f", "c d e f g h"], "a b c d e f g h"
    known = Known(cases(texts), ["one", "two"], [TRAINING, EVALUATION])
    assert min(jaccard(bridge, text) for text in texts) >= 0.6
    assert give(["x"], cases([bridge]), known, 0.6, 0.5).sides == [WITHHELD]
    held = Known(cases([texts[0], bridge]), ["one", "x"], [TRAINING, WITHHELD])
    assert give(["y"], cases([bridge]), held, 0.6, 1.0) == (["one"], [TRAINING])


def test_the_share_that_evaluates_is_the_one_asked_for():
    names = [f"event {at}" for at in range(1_500)]
    sides = np.array(give(names, cases([f"w{at} v{at}" for at in range(1_500)]), NOTHING_KNOWN, 0.6, 0.3).sides)
    assert (sides == EVALUATION).mean() == pytest.approx(0.3, abs=0.04)


BAD, BETTER, OTHER = "a b c d e f", "g h i j k l", "m n o p q r"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (([BAD], [BETTER], [None]), ([OTHER], [f"{BETTER} s"], [None])),
        (([BAD], [BETTER], [None]), ([BETTER], [OTHER], [None])),
        (([BAD], [BETTER], [None]), ([OTHER], [BAD], [None])),
        (([BAD], [None], ["c1 hello"]), ([OTHER], [None], ["c1 hello"])),
    ],
    ids=["same better reply", "better reply is bad elsewhere", "bad reply is better elsewhere", "same message"],
)
def test_what_is_to_be_chosen_in_one_case_is_not_asked_for_in_another(first, second):
    for side in (TRAINING, EVALUATION):
        known = Known(cases(*first), ["one"], [side])
        assert give(["x"], cases(*second), known, THRESHOLD, float(side == TRAINING)) == (["one"], [side])
    both = cases(*(one + other for one, other in zip(first, second, strict=True)))
    assert len(set(give(["x", "y"], both, NOTHING_KNOWN, THRESHOLD, 0.5).groups)) == 1


def test_other_messages_and_cases_without_a_turn_are_not_the_same():
    apart = cases([BAD, OTHER, "s t u v w x"], [None, BETTER, None], ["c1 hello", "c2 hello", None])
    assert len(set(components(apart, THRESHOLD).tolist())) == 3


@given(st.lists(WORDS, max_size=6), st.integers(0, 6))
def test_n_grams_that_were_kept_are_those_of_the_texts(texts, cut):
    expected = gram_sets(texts)
    for found in (
        joined([gram_sets(texts[:cut]), gram_sets(texts[cut:])]),
        from_arrow(pa.chunked_array([to_lists(expected)], pa.list_(pa.int32()))),
    ):
        assert found.keys.tolist() == expected.keys.tolist()
        assert found.starts.tolist() == expected.starts.tolist()


def test_near_duplicates_among_many_long_texts_are_all_found():
    """Sizes and wordings as people have them: the rarest members alone are looked up."""
    rng = np.random.default_rng(1)
    words = np.array([f"w{at}" for at in range(300)])
    share = 1 / np.arange(1, 301)
    texts = [rng.choice(words, rng.integers(3, 30), p=share / share.sum()) for _ in range(120)]
    edited = [np.where(rng.random(len(text)) < rng.choice([0.02, 0.1, 0.2]), "new", text) for text in texts]
    left, right = ([" ".join(text) for text in side] for side in (texts, edited))
    links = near_duplicates(left, right, THRESHOLD)
    found = set(zip(links.left.tolist(), links.right.tolist(), strict=True))
    expected = {(i, j) for i, one in enumerate(left) for j, other in enumerate(right) if jaccard(one, other) >= 0.6}
    assert found == expected
    assert 40 < len(expected) < 120
