"""What a reply is worth, on texts written by hand."""

import numpy as np
import pytest

from evalloop_assets.simulator.lexicon import Kind
from evalloop_assets.simulator.oracle import appraise
from evalloop_assets.simulator.packs import EN, LEXICON
from evalloop_assets.simulator.story import NO_HOOK, Contexts, Story

KEY = 0
ADVANCE = "The wall swings open behind the brass key, and a stair leads down into the flooded archive."
DETAIL = "Salt has eaten into the brass key, and your fingers come away white."
ECHO = "You noticed the brass key at once, which almost nobody does."
HOOK = "Remember the brass key, because it will open something that has no lock."
PAYOFF = "The secret of the brass key is out at last, for it was made by your father."
REPEAT = "Once more we look at the brass key, and it looks just as it did before."
SOOTHE = "I hear you, I really do, and I understand you completely, as always."
FILLER = "It goes without saying that this is something worth thinking about."


def context(character: int = 0) -> Contexts:
    one = np.array([0])
    return Contexts(
        one + EN, one + character, one + KEY, one + NO_HOOK, np.array([False]), np.zeros(1), ["I pick it up."]
    )


def told(*replies: str) -> Story:
    story = Story.untold(1, LEXICON)
    for reply in replies:
        story = story.after(LEXICON.read_batch([reply]), LEXICON)
    return story


def quality(reply: str, *before: str, character: int = 0) -> float:
    return float(appraise(LEXICON.read_batch([reply]), context(character), told(*before), LEXICON).quality[0])


def test_a_hand_computed_reply():
    truth = appraise(LEXICON.read_batch([f"{ECHO} {ADVANCE} {SOOTHE}"]), context(), told(), LEXICON)
    assert truth.instant[0] == pytest.approx(0.8 - 0.08)
    assert truth.momentum[0] == pytest.approx(1.0)
    assert truth.payoff[0] == 0
    assert truth.freshness[0] == pytest.approx(0.5)
    assert truth.hollow[0] == pytest.approx(1 / 3)
    assert truth.quality[0] == pytest.approx(0.30 * 0.72 + 0.45 + 0.25 * 0.5 - 0.90 / 3)


def test_advance_and_detail_beat_spinning_and_soothing():
    assert quality(f"{ADVANCE} {DETAIL}") > quality(f"{ADVANCE} {SOOTHE}") > quality(f"{REPEAT} {SOOTHE}")


def test_padding_lowers_quality_more_than_it_lowers_pull():
    plain, padded = f"{ECHO} {ADVANCE} {DETAIL}", f"{ECHO} {ADVANCE} {DETAIL} {SOOTHE} {FILLER} {SOOTHE} {FILLER}"
    truths = [appraise(LEXICON.read_batch([text]), context(), told(), LEXICON) for text in (plain, padded)]
    assert truths[0].quality[0] - truths[1].quality[0] > 0.4
    assert 0 < truths[0].pull[0] - truths[1].pull[0] < 0.3


def test_a_promise_pays_when_it_was_made_before():
    assert quality(PAYOFF, HOOK) > quality(HOOK) > quality(PAYOFF)


def test_a_promise_is_kept_once():
    assert quality(PAYOFF, HOOK, DETAIL) > quality(PAYOFF, HOOK, PAYOFF, DETAIL, DETAIL, DETAIL, DETAIL)


def test_an_overdue_promise_costs():
    waiting = [DETAIL] * 8
    assert quality(ADVANCE, HOOK, *waiting) < quality(ADVANCE, DETAIL, *waiting)


def test_the_same_phrase_wears_out_and_recovers():
    assert quality(DETAIL) > quality(DETAIL, *[ADVANCE] * 5, DETAIL, ADVANCE) > quality(DETAIL, ADVANCE, DETAIL)


def test_contradicting_the_persona_costs_and_so_does_a_fact_of_another_character():
    kept = LEXICON.packs[EN].characters[0].kept[0]
    broken = LEXICON.packs[EN].characters[0].broken[0]
    assert quality(kept) > quality(DETAIL.replace("Salt", "Sand")) > quality(broken)
    assert quality(kept, character=1) < quality(kept) - 0.4


def test_a_foreign_text_counts_as_neither_hollow_nor_good_and_wears_out_like_any_other():
    truth = appraise(LEXICON.read_batch(["Quite another voice speaks here."]), context(), told(), LEXICON)
    assert truth.hollow[0] == truth.momentum[0] == truth.instant[0] == 0
    said = "Quite another voice speaks here."
    assert quality(said, said, said, said) < quality(said, "Something else was said.") - 0.2


def test_a_regenerated_story_stays_where_it_was():
    story = told(HOOK)
    assert story.hook_age[0, KEY] == 0
    assert story.after(LEXICON.read_batch([DETAIL]), LEXICON).hook_age[0, KEY] == 1
    assert story.hook_age[0, KEY] == 0
    assert story.oldest_hook().tolist() == [KEY]
    assert LEXICON.kind[LEXICON.read(HOOK)[0]] == Kind.HOOK
