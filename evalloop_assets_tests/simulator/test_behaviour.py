"""Causes and effects of behaviour, on replies whose pull is set by hand."""

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.behaviour import (
    ABRUPT,
    FATES,
    GOES_ON,
    INTERRUPTED,
    NATURAL,
    QUIETLY,
    Habits,
    Reading,
    react,
)
from evalloop_assets.simulator.lexicon import CLOSINGS, Kind
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.returning import ReturnHabits, remembered, return_probability, satisfaction_after

N = 20_000
GOOD = "The wall swings open behind the brass key, and a stair leads down into the flooded archive."
HOLLOW = "There is so much that could be said about this, and all of it matters in its own way."


def reaction(text: str = GOOD, pull: float = 0.0, impression: float = 0.0, closing: bool = False, **changed):
    fields = {
        "ids": np.repeat(LEXICON.read_batch([text]), N, axis=0),
        "chars": np.full(N, len(text)),
        "pull": np.full(N, pull),
        "impression": np.full(N, impression),
        "turn": np.full(N, 4),
        "closing": np.full(N, closing),
        "regenerations": np.zeros(N, dtype=np.int64),
        "last": np.zeros(N, dtype=bool),
        "speed": np.full(N, 16.5),
        "patience": np.zeros(N),
        "han": np.zeros(N, dtype=bool),
        "cut": np.zeros(N, dtype=bool),
    } | changed
    return react(Reading(**fields), Habits(), np.random.default_rng(1), LEXICON)


def share(flags: np.ndarray) -> float:
    return float(np.mean(flags))


def test_bad_replies_are_left_regenerated_and_complained_about_more():
    bad, good = reaction(pull=-0.8, impression=-0.5), reaction(pull=0.8, impression=0.5)
    assert share(bad.fate == ABRUPT) > 5 * share(good.fate == ABRUPT)
    assert share(bad.regenerated) > 4 * share(good.regenerated)
    assert share(bad.feedback == 3) > 4 * share(good.feedback == 3)
    assert share(good.feedback == 1) > 3 * share(bad.feedback == 1)


def test_bad_replies_are_read_faster_and_answered_shorter():
    bad, good = reaction(pull=-0.8), reaction(pull=0.8)
    assert np.median(good.read_s) > 1.25 * np.median(bad.read_s)
    assert share(bad.says == Kind.SAY_SHORT) > 2 * share(good.says == Kind.SAY_SHORT)


def test_filler_takes_time_but_less_than_what_tells_something():
    told, filled = reaction(GOOD), reaction(HOLLOW)
    per_char = np.median(told.read_s) / len(GOOD), np.median(filled.read_s) / len(HOLLOW)
    assert 0.6 * per_char[0] < per_char[1] < 0.85 * per_char[0]


def test_reading_time_is_chars_over_speed_for_an_average_reply():
    stays = reaction().fate == GOES_ON
    expected = 0.4 + len(GOOD) / 16.5
    assert np.median(reaction().read_s[stays]) == pytest.approx(expected, rel=0.05)


def test_after_a_farewell_the_conversation_ends_naturally_whatever_the_reply():
    did = reaction(pull=-2.0, impression=-2.0, closing=True)
    assert (did.fate == NATURAL).all()
    assert not did.regenerated.any()


def test_interruptions_do_not_depend_on_quality_and_some_go_on():
    bad, good = reaction(pull=-0.8), reaction(pull=0.8)
    assert share(good.interrupted) == pytest.approx(Habits().interrupt, rel=0.15)
    assert share(bad.interrupted) == pytest.approx(share(good.interrupted), rel=0.15)
    goes_on = good.fate[good.interrupted] == GOES_ON
    assert 0.4 < share(goes_on) < 0.6
    assert (good.fate[good.interrupted & (good.fate != GOES_ON)] == INTERRUPTED).all()
    assert good.background_s[good.interrupted].min() >= 300


def test_the_last_turn_always_ends():
    did = reaction(last=np.ones(N, dtype=bool))
    assert GOES_ON not in did.fate
    assert set(np.array(FATES)[did.fate]) == {"abrupt", "interrupted"}
    assert (did.closes == 0).all()


def test_coming_back_is_caused_by_satisfaction_and_fades_with_absence():
    habits, zero = ReturnHabits(), np.zeros(1)
    content, bored = (return_probability(zero, np.array([s]), np.array([1]), habits)[0] for s in (0.4, -0.4))
    assert content > bored + 0.3
    days = [return_probability(zero, zero, np.array([d]), habits)[0] for d in (1, 2, 5, 20)]
    assert days == sorted(days, reverse=True)
    assert days[0] == 0.5


def test_memory_of_a_conversation_and_a_day_by_hand():
    habits = ReturnHabits(peak_end=0.4, learning=0.6)
    assert remembered(np.array([1.0]), np.array([-1.0]), habits)[0] == pytest.approx(0.2)
    assert satisfaction_after(np.array([1.0]), np.array([0.0]), habits)[0] == pytest.approx(0.4)


def test_who_is_done_shows_it_in_words_or_lingers_quietly():
    did = reaction()
    done = did.closes != 0
    assert share(done) == pytest.approx(1 / (1 + np.exp(3.2 - 0.05 * 4)), rel=0.15)
    quiet = did.closes == QUIETLY
    assert 0.05 < quiet.sum() / done.sum() < 0.15
    assert (did.fate[quiet] == NATURAL).all()
    assert (did.fate[done & ~quiet] == GOES_ON).all()
    assert set(did.says[done & ~quiet]) == set(CLOSINGS)
    abrupt = did.fate == ABRUPT
    assert np.median(did.thinking_s[quiet]) > 4
    assert (did.thinking_s[abrupt] == 0).all()


def test_chinese_conversations_end_with_thanks():
    done = reaction(han=np.ones(N, dtype=bool))
    said = done.says[done.closes > 0]
    assert share(said == Kind.SAY_THANKS) > 2 * share(said == Kind.SAY_FAREWELL)


def test_patient_users_stay_whatever_the_way_of_leaving():
    patient, plain = reaction(patience=np.full(N, 1.0)), reaction()
    for fate in (ABRUPT, NATURAL):
        assert share(patient.fate == fate) < 0.6 * share(plain.fate == fate)


def test_a_reply_that_breaks_off_is_asked_for_again():
    assert share(reaction(cut=np.ones(N, dtype=bool)).regenerated) > 10 * share(reaction().regenerated)


@pytest.mark.parametrize("name", ["interrupt", "resume", "background", "memory", "phrase_kept"])
@pytest.mark.parametrize("rate", [-0.1, 1.2, float("nan")])
def test_an_impossible_rate_is_named(name, rate):
    with pytest.raises(UserError, match=f"habits: {name}"):
        Habits(**{name: rate})
