import re
from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.lexicon import Kind, Lexicon, Pack
from evalloop_assets.simulator.packs import EN, HELD_OUT, LEXICON, ZH
from evalloop_assets.simulator.text import sample_replies
from evalloop_assets_tests.simulator.test_text import prompts

TESTS = Path(__file__).resolve().parents[1]
LEXICONS = pytest.mark.parametrize("lexicon", [LEXICON, HELD_OUT], ids=["harbour", "held out"])
TERMINATORS = ".!?。！？"
HAN = re.compile(r"[\u4e00-\u9fff]")
OTHER_WORDS = (
    *(Kind.REPEAT, Kind.SOOTHE, Kind.FILLER, Kind.CLOSE, Kind.ENDING),
    *(Kind.SAY_COMPLAINT, Kind.SAY_FAREWELL, Kind.SAY_THANKS, Kind.SAY_GOAL, Kind.SAY_RESOLVED),
)
"""Kinds that a detector looks for by their words."""
GOODBYE = re.compile(r"\b(good)?bye\b|good night|see you|再见|晚安|明天见|下次见", re.IGNORECASE)
THANKS = re.compile(r"\bthank|谢", re.IGNORECASE)


@LEXICONS
def test_every_sentence_is_one_sentence_and_reads_back_to_its_number(lexicon: Lexicon):
    assert len(lexicon.id_of) == len(lexicon.sentences)
    for number, sentence in enumerate(lexicon.sentences):
        assert lexicon.read(sentence) == [number]
        assert sentence[-1] in TERMINATORS
        assert not any(mark in sentence[:-1] for mark in (*TERMINATORS, "…"))


@LEXICONS
def test_every_kind_is_spoken_in_every_pack_and_all_name_the_same_roles(lexicon: Lexicon):
    assert (lexicon.count > 0).all()
    assert [[c.role_type for c in pack.characters] for pack in lexicon.packs] == [
        [c.role_type for c in LEXICON.packs[EN].characters]
    ] * 2
    assert (lexicon.width == LEXICON.width).all()
    assert (lexicon.count >= LEXICON.count).all()


@LEXICONS
def test_kept_and_broken_facts_differ(lexicon: Lexicon):
    for pack in lexicon.packs:
        for character in pack.characters:
            assert len(character.facts) == len(character.kept) == len(character.broken) == 3
            assert not set(character.kept) & set(character.broken)


@LEXICONS
def test_each_pack_keeps_to_its_script(lexicon: Lexicon):
    english, chinese = lexicon.packs[EN], lexicon.packs[ZH]
    assert (english.han, english.joint, english.locale) == (False, " ", "en-GB")
    assert (chinese.han, chinese.joint, chinese.locale) == (True, "", "zh-CN")
    assert all(text.isascii() for text in _words_of(english))
    for text in _words_of(chinese):
        assert all(HAN.match(sign) or sign in "，。！？" for sign in text), text


def test_the_lexicons_share_no_sentence_and_no_thing_or_name():
    assert not set(LEXICON.sentences) & set(HELD_OUT.sentences)
    for known, held_out in zip(LEXICON.packs, HELD_OUT.packs, strict=True):
        assert not set(known.items) & set(held_out.items)
        assert not {c.name for c in known.characters} & {c.name for c in held_out.characters}


@pytest.mark.parametrize("kind", OTHER_WORDS, ids=lambda kind: kind.name)
def test_the_held_out_packs_say_the_same_in_other_words(kind: Kind):
    for number, shingles in ((EN, _four_words), (ZH, _five_signs)):
        known = {s for t in LEXICON.packs[number].templates[kind] for s in shingles(t)}
        held_out = {s for t in HELD_OUT.packs[number].templates[kind] for s in shingles(t)}
        assert not known & held_out


@pytest.mark.parametrize("pack", [EN, ZH])
def test_length_hardly_tells_quality_in_the_held_out_packs(pack: int):
    asked = prompts(4000)
    replies = [reply for [reply] in sample_replies(INCUMBENT, asked, 1, np.random.default_rng(7), HELD_OUT)]
    chars = np.array([len(reply.text) for reply in replies])[asked.pack == pack]
    quality = np.array([reply.true_quality for reply in replies])[asked.pack == pack]
    assert abs(np.corrcoef(chars, quality)[0, 1]) < 0.2


def test_only_a_farewell_says_goodbye_and_only_thanks_thank():
    for pack in LEXICON.packs:
        assert all(GOODBYE.search(text) for text in pack.templates[Kind.SAY_FAREWELL])
        assert all(THANKS.search(text) for text in pack.templates[Kind.SAY_THANKS])
        for kind in (Kind.SAY_THANKS, Kind.SAY_GOAL, Kind.SAY_RESOLVED):
            assert not any(GOODBYE.search(text) for text in pack.templates[kind])
        for kind in (Kind.SAY_GOAL, Kind.SAY_RESOLVED):
            assert not any(THANKS.search(text) for text in pack.templates[kind])


def test_no_test_of_a_stage_loads_the_held_out_packs():
    names = re.compile(r"\b(HELD_OUT|orbit_en|teahouse_zh)\b")
    stages = [path for path in sorted(TESTS.rglob("*.py")) if path.relative_to(TESTS).parts[0] != "simulator"]
    assert len(stages) > 10
    assert [str(path.relative_to(TESTS)) for path in stages if names.search(path.read_text(encoding="utf-8"))] == []


def _words_of(pack: Pack) -> list[str]:
    people = [text for c in pack.characters for text in (c.name, *c.facts, *c.kept, *c.broken)]
    said = [text.replace("{x}", "") for texts in pack.templates.values() for text in texts]
    return [*pack.items, *people, *said]


def _four_words(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z']+", text.lower().replace("{x}", "|x|"))
    return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}


def _five_signs(text: str) -> set[str]:
    signs = re.sub(r"[，。！？]", "", text)
    return {signs[i : i + 5] for i in range(len(signs) - 4)}
