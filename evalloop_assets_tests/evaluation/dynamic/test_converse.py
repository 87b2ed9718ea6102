"""The simulated user: the same for the same seed, moved by what it is answered, paired under perturbation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.evaluation.dynamic.converse import converse
from evalloop_assets.evaluation.dynamic.grid import INTENTS, LOCALES, scenarios
from evalloop_assets.evaluation.dynamic.perturb import PERTURBATIONS, perturbed
from evalloop_assets.evaluation.dynamic.user import Exchange, Said, next_message, recalled
from evalloop_assets_tests.evaluation.dynamic.talkers import Says, Talker

PLAIN = "The harbour was quiet when we came back this morning."


def scenario(intent="role_knowledge", locale="en", prompt="persona", role_type="fictional_character"):
    return next(scenarios([locale], [role_type], [intent], [prompt]))


def acts(talk):
    return [turn.act for turn in talk.turns]


def test_every_scenario_is_spoken_and_no_slot_stays_open():
    for one in scenarios():
        talk = converse(Talker(), one, 1, 8)
        assert len(talk.turns) == 8
        assert not any("{" in turn.user_text or not turn.user_text.strip() for turn in talk.turns)


def test_the_same_seed_gives_the_same_conversation_and_another_one_another():
    talks = [[converse(Talker(), one, seed, 6) for one in scenarios(["en"])] for seed in (1, 1, 2)]
    assert repr(talks[0]) == repr(talks[1])
    assert all(a.turns != b.turns for a, b in zip(talks[0], talks[2], strict=True))


def test_scenarios_and_seeds_are_drawn_apart():
    forms = {next_message(one, 1, []).text for one in scenarios(["en"], intents=["identity_recognition"]) if one.system}
    assert len(forms) == 3
    text = "the quick brown fox jumps over the lazy dog again and again"
    assert len({perturbed(text, "typos", seed, 0, "en") for seed in "abcdef"}) > 3
    assert len({perturbed(text, "typos", "a", turn, "en") for turn in range(6)}) > 3


def test_another_policy_is_asked_the_same_at_the_turns_that_are_planned():
    planned = {"open", "tell", "recall", "boundary"}
    one, other = (converse(policy, scenario(), 3, 11) for policy in (Talker(), Says("Hm.")))
    for a, b in zip(one.turns, other.turns, strict=True):
        assert (a.act in planned) == (b.act in planned)
        assert a.act not in planned or a.meant == b.meant
    assert any(a.meant != b.meant for a, b in zip(one.turns, other.turns, strict=True))


def test_the_policy_gets_the_whole_conversation_and_its_system_prompt():
    policy, one = Talker(), scenario()
    talk = converse(policy, one, 1, 3)
    messages, system = policy.seen[-1]
    assert system == one.system
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
    assert [message["content"] for message in messages[::2]] == [turn.user_text for turn in talk.turns]


def test_without_a_system_prompt_the_user_names_the_role():
    talk = converse(Talker(), scenario(prompt="none"), 1, 1)
    assert "you are Maren of the Lighthouse" in talk.turns[0].user_text


@pytest.mark.parametrize("locale", LOCALES)
def test_it_reacts(locale):
    yes = {
        "en": "Certainly, whatever happens at Greyrock. Would you agree?",
        "zh": "灰岩岛的夜里总是这样安静，你觉得呢？",
    }
    one = scenario(locale=locale)
    assert acts(converse(Says(""), one, 1, 3))[2] == "blank"
    assert acts(converse(Says(yes[locale]), one, 1, 3))[2] == "repeated"
    other = Says(PLAIN if locale == "en" else "今天早上港口很安静，我们刚回来。", yes[locale])
    assert acts(converse(other, one, 1, 3))[2] == "answer"
    assert acts(converse(Talker(), one, 1, 7)) == ["open", "tell", "ask_on", "boundary", "doubt", "recall", "ask_on"]


def test_it_takes_up_a_word_of_the_reply():
    quoted = [
        converse(Says("aaa bbb.", "So it is with the Windermere of old."), one, 1, 3) for one in scenarios(["en"])
    ]
    assert any('"Windermere"' in talk.turns[2].user_text for talk in quoted)


@pytest.mark.parametrize(("remembers", "last"), [(True, "ask_on"), (False, "remind")])
def test_what_was_told_is_asked_for(remembers, last):
    talks = [converse(Talker(remembers), one, 5, 7) for one in scenarios(["en", "zh"], ["profession"])]
    assert all(talk.turns[5].recalled is remembers for talk in talks)
    assert {talk.turns[6].act for talk in talks} == {last}
    assert all(turn.recalled is None for talk in talks for turn in talk.turns if turn.act != "recall")


def test_it_asks_for_the_fact_that_it_told_last():
    one = scenario()
    talk = converse(Talker(), one, 2, 12)
    told = [turn.meant for turn in talk.turns if turn.act == "tell"]
    assert len(set(told)) == 2
    past = [Exchange(next_message(one, 2, []), PLAIN)]
    while len(past) < 11:
        past.append(Exchange(next_message(one, 2, past), f"{len(past)} {PLAIN}"))
    asked = next_message(one, 2, past)
    assert asked.act == "recall"
    assert recalled(asked, told[1])
    assert not recalled(asked, told[0])


@pytest.mark.parametrize(
    ("reply", "remembers"),
    [
        ("She flies.", True),
        ("FLYING, all day", True),
        ("A butterfly!", False),
        ("开飞机的", True),
        ("", False),
        (None, False),
    ],
)
def test_a_word_is_remembered_from_its_beginning(reply, remembers):
    assert recalled(Said("recall", "?", ("fly", "flies", "开飞机")), reply) is remembers


def test_a_policy_that_falls_silent_ends_the_conversation_with_the_reason():
    talk = converse(Talker(silent_from=3), scenario(), 1, 8)
    assert (len(talk.turns), talk.failure) == (2, "it hung up")


@pytest.mark.parametrize("kind", PERTURBATIONS[1:])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_perturbed_conversation_means_the_same(kind, locale):
    sent = meant = 0
    for one in scenarios([locale], ["game_npc"]):
        plain, hard = (converse(Talker(), one, 4, 6, name) for name in ("none", kind))
        assert hard.pair == plain.pair
        planned = [
            (a, b)
            for a, b in zip(plain.turns, hard.turns, strict=True)
            if a.act in ("open", "tell", "boundary", "recall")
        ]
        assert [a.meant for a, _ in planned] == [b.meant for _, b in planned]
        sent += sum(turn.user_text != turn.meant for turn in hard.turns)
        meant += len(hard.turns)
    assert sent / meant > 0.3


def test_an_attack_comes_every_third_turn_after_what_was_to_be_said():
    talk = converse(Talker(), scenario(), 1, 9, "adversarial")
    attacked = [turn.turn for turn in talk.turns if turn.user_text != turn.meant]
    assert attacked == [3, 6, 9]
    assert all(turn.user_text.startswith(turn.meant) for turn in talk.turns)


def test_what_is_told_is_never_misspelt():
    talks = [converse(Talker(), one, 1, 7, "typos") for one in scenarios(["en"])]
    told = [turn for talk in talks for turn in talk.turns if turn.act == "tell"]
    assert all(turn.user_text == turn.meant for turn in told)


@given(st.text(max_size=60), st.sampled_from(PERTURBATIONS), st.integers(0, 20), st.sampled_from(LOCALES))
def test_any_text_is_perturbed_and_alike_each_time(text, kind, turn, locale):
    assert perturbed(text, kind, "s", turn, locale) == perturbed(text, kind, "s", turn, locale)
    assert perturbed(text, "none", "s", turn, locale) == text


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12), st.sampled_from(INTENTS), st.sampled_from(LOCALES))
def test_any_reply_is_answered(replies, intent, locale):
    talk = converse(Says(*replies), scenario(intent, locale), 1, 12)
    assert len(talk.turns) == 12
    assert all(turn.user_text for turn in talk.turns)
