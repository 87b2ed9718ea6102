"""Contamination: copies and edited copies are found, and unrelated real dialogues seldom are."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.evaluation.items.contamination import (
    COMMON_USERS,
    LEAST_SHARED,
    LEAST_WORDS,
    OVERLAP,
    Training,
    contamination,
)
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.lexical import grams
from evalloop_assets_tests.real_data import FOLDER, require

TEXTS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij"]), max_size=7).map(" ".join)
ENCODER = HashedNgrams()
CONVAI, SGD = FOLDER / "convai" / "data_intermediate.json.gz", FOLDER / "sgd" / "dialogues_001.json.gz"
LONG = "the ferry to the island leaves at seven from the old harbour"


def learned(texts):
    """Each text of a user of its own."""
    return Training(texts, [f"u{at}" for at in range(len(texts))])


def flagged(item, *training):
    return bool(contamination([item], learned(training), ENCODER).contaminated[0])


def test_a_copy_is_found_whatever_its_case_and_marks():
    assert flagged("No way!", "well", "no, WAY")
    assert not flagged("No way!", "no way out")


def test_an_edited_copy_is_found_and_another_text_is_not():
    assert flagged(LONG.replace("seven", "eight"), "something else", LONG)
    assert not flagged(LONG, "bring the heavy books back to the library before friday comes, please")


def test_of_a_short_text_only_the_same_one_counts():
    assert not flagged("is it in the city", "is it in the city centre")
    assert flagged("is it in the city", "Is it in the city?")


STOCK = "i put the {} on the table between us and wait for an answer"
THINGS = ["silver coin", "burnt diary", "music box", "red thread"]


def test_wording_that_several_users_share_is_no_copy_and_one_user_who_repeats_it_is_not_several():
    said = [STOCK.format(thing) for thing in THINGS]
    others = ["well", "the market opens early", "no train left that night"]
    for users, expected in ((["a", "b", "c", "d"], False), (["a"] * 4, True)):
        training = Training([*said, *others], [*users, "x", "y", "z"])
        found = contamination([STOCK.format("brass key")], training, ENCODER)
        assert found.contaminated.tolist() == [expected]
    assert contamination([said[0]], Training(said, ["a", "b", "c", "d"]), ENCODER).exact.tolist() == [True]


def test_a_greeting_that_several_users_say_is_no_copy():
    for users in range(1, COMMON_USERS + 2):
        said = learned(["Hello there!"] * users)
        assert contamination(["hello there"], said, ENCODER).contaminated.tolist() == [users < COMMON_USERS]


def test_of_what_is_said_alike_by_several_users_the_likeness_does_not_count():
    item = "zeppelin quartz marble violet oxygen harbour lantern pelican"
    shuffled = "pelican violet zeppelin lantern quartz oxygen harbour marble"
    other = ["a b c", "d e f", "g h i"]

    class Meaning:
        """Texts of the same words, in whatever order, mean the same."""

        def encode(self, texts):
            return np.array([[float(word in text) for word in (*item.split(), *"abcdefghi")] for text in texts], "f4")

    for users in (1, 2, COMMON_USERS):
        said = Training([shuffled + " x" * at for at in range(users)] + other, [f"u{at}" for at in range(users + 3)])
        found = contamination([item], said, Meaning())
        assert (found.likeness[0] > 0.9, found.alike[0], found.overlap[0] < OVERLAP) == (True, users, True)
        assert found.contaminated.tolist() == [users < COMMON_USERS]


def test_of_an_item_whose_wording_is_common_no_likeness_is_told():
    said = Training([LONG, LONG, LONG, "no train left that night"], ["a", "b", "c", "d"])
    assert np.isnan(contamination([LONG.replace("harbour", "pier")], said, ENCODER).likeness[0])
    assert contamination([LONG.replace("ferry", "boat")], learned([LONG, "well"]), ENCODER).likeness[0] > 0


def test_nothing_to_hold_against_and_nothing_to_hold():
    found = contamination([LONG], learned([]), ENCODER)
    assert (found.contaminated.tolist(), found.overlap.tolist()) == ([False], [0.0])
    assert len(contamination([], learned([LONG]), ENCODER).contaminated) == 0
    assert contamination(["?!", LONG], learned(["...", "well"]), ENCODER).overlap.tolist() == [0.0, 0.0]


@given(st.lists(TEXTS, max_size=4), st.lists(st.tuples(TEXTS, st.sampled_from("abcd")), max_size=8))
def test_overlap_is_that_of_the_sets_of_n_grams(items, said):
    texts, users = [text for text, _ in said], [user for _, user in said]
    sets = [set(grams([text]).keys.tolist()) for text in texts]
    found = contamination(items, Training(texts, users), ENCODER)
    for item, overlap in zip(items, found.overlap, strict=True):
        own = set(grams([item]).keys.tolist())
        rare = {key for key in own if len({user for user, other in zip(users, sets, strict=True) if key in other}) < 3}
        shares = [len(own & other) / len(own) for other in sets if len(rare & other) >= LEAST_SHARED]
        assert overlap == pytest.approx(max(shares, default=0.0))


def real_texts(most):
    """Utterances of at least LEAST_WORDS words from either set."""
    chats = json.loads(gzip.decompress(require(CONVAI).read_bytes()))
    tasks = json.loads(gzip.decompress(require(SGD).read_bytes()))
    said = [line["text"] for chat in chats for line in chat["dialog"]]
    asked = [turn["utterance"] for task in tasks for turn in task["turns"]]
    return [[text for text in dict.fromkeys(part) if len(text.split()) >= LEAST_WORDS][:most] for part in (said, asked)]


def test_unrelated_real_dialogues_are_seldom_flagged_and_edited_ones_mostly():
    said, asked = real_texts(600)
    assert contamination(said, learned(asked), ENCODER).contaminated.mean() <= 0.01
    assert contamination(asked, learned(said), ENCODER).contaminated.mean() <= 0.01
    edited = [" ".join([*text.split()[:-1], "something"]) for text in said[:100]]
    assert contamination(edited, learned(said), ENCODER).contaminated.mean() >= 0.85


def test_of_dialogues_that_share_their_wording_few_are_flagged():
    """Orders in one product: those of every eighth dialogue against the others."""
    tasks = json.loads(gzip.decompress(require(SGD).read_bytes()))
    said = [(at, turn["utterance"]) for at, task in enumerate(tasks) for turn in task["turns"]]
    long = [(at, text) for at, text in said if len(text.split()) >= LEAST_WORDS]
    items = [text for at, text in long if at % 8 == 0]
    others = [(text, str(at)) for at, text in long if at % 8]
    found = contamination(items, Training(*zip(*others, strict=True)), ENCODER)
    assert found.contaminated.mean() <= 0.1


def test_the_blocks_change_nothing():
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{number}" for number in random.integers(0, 30, 10)) for _ in range(150)]
    training = learned(texts[:40])
    whole = contamination(texts, training, ENCODER)
    single = [contamination([text], training, ENCODER) for text in texts]
    assert whole.overlap == pytest.approx([one.overlap[0] for one in single])
    assert whole.likeness == pytest.approx([one.likeness[0] for one in single], abs=1e-5, nan_ok=True)
    assert whole.alike.tolist() == [one.alike[0] for one in single]
    assert whole.contaminated[:40].all()
