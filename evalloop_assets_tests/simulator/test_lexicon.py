import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.simulator.lexicon import GAP, UNKNOWN, Kind, Lexicon
from evalloop_assets.simulator.packs import EN, LEXICON, ZH


def test_every_sentence_is_one_sentence_and_none_means_two_things():
    assert len(LEXICON.id_of) == len(LEXICON.sentences)
    assert all(LEXICON.read(sentence) == [number] for number, sentence in enumerate(LEXICON.sentences))


def test_sentence_numbers_name_kind_template_and_filler():
    ids = LEXICON.ids(np.array([EN, ZH]), Kind.HOOK, np.array([1, 2]), np.array([3, 4]))
    assert [LEXICON.sentences[i] for i in ids] == [
        "There is a reason why nobody speaks of the storm lantern, and you will hear it before morning.",
        "记住银币，它会打开一样没有锁的东西。",
    ]
    assert LEXICON.kind[ids].tolist() == [Kind.HOOK, Kind.HOOK]
    assert LEXICON.filler[ids].tolist() == [3, 4]


@given(st.lists(st.integers(0, len(LEXICON.sentences) - 1), max_size=12), st.sampled_from([EN, ZH]))
def test_a_text_reads_back_as_its_sentences_whatever_their_order(ids, pack):
    text = LEXICON.text(ids, LEXICON.packs[pack].joint)
    assert LEXICON.read(text) == ids


def test_foreign_sentences_are_unknown_and_short_rows_are_filled_up():
    known = LEXICON.sentences[0]
    read = LEXICON.read_batch([f"{known} Nobody ever wrote this.", "", known])
    assert read[:, 0].tolist() == [0, GAP, 0]
    assert read[:, 1].tolist()[1:] == [GAP, GAP]
    assert read[0, 1] <= UNKNOWN
    assert LEXICON.read_batch(["Nobody ever wrote this."])[0, 0] == read[0, 1]
    assert LEXICON.read_batch([]).shape == (0, 0)


def test_packs_whose_templates_differ_in_their_fillers_are_refused():
    from dataclasses import replace

    english = LEXICON.packs[EN]
    mixed = replace(english, templates={**english.templates, Kind.HOOK: ("Keep {x}.", "Keep it.")})
    with pytest.raises(ValueError, match="HOOK differ"):
        Lexicon([mixed])
