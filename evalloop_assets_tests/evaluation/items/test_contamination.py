"""Contamination: copies and edited copies are found, and unrelated real dialogues seldom are."""

import gzip
import json

import numpy as np
import pytest

from evalloop_assets.evaluation.items.contamination import LEAST_WORDS, contamination
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets_tests.real_data import FOLDER

ENCODER = HashedNgrams()
CONVAI, SGD = FOLDER / "convai" / "data_intermediate.json.gz", FOLDER / "sgd"
LONG = "the ferry to the island leaves at seven from the old harbour"


def flagged(item, *training):
    return bool(contamination([item], list(training), ENCODER).contaminated[0])


def test_a_copy_is_found_whatever_its_case_and_marks():
    assert flagged("No way!", "well", "no, WAY")
    assert not flagged("No way!", "no way out")


def test_an_edited_copy_is_found_and_another_text_is_not():
    assert flagged(LONG.replace("seven", "eight"), "something else", LONG)
    assert not flagged(LONG, "bring the heavy books back to the library before friday comes, please")


def test_of_a_short_text_only_the_same_one_counts():
    assert contamination(["is it in the city"], ["is it in the city centre"], ENCODER).overlap[0] > 0.9
    assert not flagged("is it in the city", "is it in the city centre")


def test_nothing_to_hold_against_and_nothing_to_hold():
    found = contamination([LONG], [], ENCODER)
    assert (found.contaminated.tolist(), found.overlap.tolist()) == ([False], [0.0])
    assert len(contamination([], [LONG], ENCODER).contaminated) == 0


def real_texts(most):
    """Utterances of at least LEAST_WORDS words from either set."""
    if not (CONVAI.exists() and SGD.exists()):
        pytest.skip(f"no real dialogues in {FOLDER}")
    chats = json.loads(gzip.decompress(CONVAI.read_bytes()))
    tasks = json.loads(gzip.decompress((SGD / "dialogues_001.json.gz").read_bytes()))
    said = [line["text"] for chat in chats for line in chat["dialog"]]
    asked = [turn["utterance"] for task in tasks for turn in task["turns"]]
    return [[text for text in dict.fromkeys(part) if len(text.split()) >= LEAST_WORDS][:most] for part in (said, asked)]


def test_unrelated_real_dialogues_are_seldom_flagged_and_edited_ones_always():
    said, asked = real_texts(600)
    assert contamination(said, asked, ENCODER).contaminated.mean() <= 0.02
    assert contamination(asked, said, ENCODER).contaminated.mean() <= 0.02
    edited = [" ".join([*text.split()[:-1], "something"]) for text in said[:100]]
    assert contamination(edited, said, ENCODER).contaminated.mean() >= 0.95


def test_the_blocks_change_nothing():
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{number}" for number in random.integers(0, 30, 10)) for _ in range(150)]
    whole = contamination(texts, texts[:40], ENCODER)
    single = [contamination([text], texts[:40], ENCODER) for text in texts]
    assert whole.overlap == pytest.approx([one.overlap[0] for one in single])
    assert whole.likeness == pytest.approx([one.likeness[0] for one in single], abs=1e-5)
    assert whole.contaminated[:40].all()
