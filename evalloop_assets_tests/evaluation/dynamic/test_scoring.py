"""Turns scored in their place, and what the scores tell of policies."""

import math

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.evaluation.dynamic.converse import converse
from evalloop_assets.evaluation.dynamic.grid import INTENTS, ROLE_TYPES, scenarios
from evalloop_assets.evaluation.dynamic.results import results
from evalloop_assets.evaluation.dynamic.scoring import RewardScorer, TextScorer, scored
from evalloop_assets.reward_model.gated import BLANK_REWARD, Gate, gated_rewards
from evalloop_assets.reward_model.history import Exchange
from evalloop_assets_tests.evaluation.dynamic.talkers import Says, Talker

AT = Gate(0.6, 0.1, 3600.0)


class ByLength:
    """A reward model that likes long replies, and messages not at all."""

    def score(self, user_texts, replies, encoder=None, histories=None):
        return np.array([len(reply) / 20 - 3 if reply.strip() else np.nan for reply in replies])


class ByEveryLength:
    """Another one, that counts the letters of message and history as well."""

    def score(self, user_texts, replies, encoder=None, histories=None):
        heard = [sum(len(one.user_text) + one.seconds for one in history) for history in histories]
        said = zip(user_texts, replies, heard, strict=True)
        return np.array([1 + len(text) / 10 + len(reply) / 100 + past / 1000 for text, reply, past in said])


class Written:
    """A scorer that reads its score from the reply."""

    version = "written/1"

    def score(self, talks):
        return {"quality": np.array([float(turn.reply.split("=")[1]) for talk in talks for turn in talk.turns])}


class Fading:
    """Says how good it is: less with each turn, and less where the message is hard; each conversation by its own."""

    def __init__(self, decay, loss=0.0):
        self.decay, self.loss = decay, loss

    def reply(self, messages, system):
        said = [one["content"] for one in messages if one["role"] == "user"]
        draw = np.random.default_rng([len(said), round(-100 * self.decay), *said[0].encode()])
        hard = any("!!" in text or "~~" in text for text in said)
        return f"certainly={5 + self.decay * len(said) - self.loss * hard + draw.normal(0, 0.2):.6f}"


def cells(**given):
    return list(scenarios(["en"], **given))


def test_the_reward_is_that_of_the_reply_after_what_was_said():
    one = cells()[0]
    talk = converse(Talker(), one, 1, 3, "noise")
    found = RewardScorer(ByEveryLength(), AT, "v1").score([talk])["reward"]
    first, second, third = talk.turns
    history = [Exchange(first.meant, first.reply, 120.0), Exchange(second.meant, second.reply, 60.0)]
    assert first.user_text != first.meant
    assert third.user_text != third.meant
    [alone] = gated_rewards(ByEveryLength(), [third.meant], [third.reply], [history], at=AT).reward
    assert found[2] == alone
    assert len(found) == 3


def test_a_policy_that_says_nothing_loses():
    talk = converse(Says("  "), cells()[0], 1, 2)
    assert RewardScorer(ByLength(), AT, "v1").score([talk])["reward"].tolist() == [BLANK_REWARD] * 2
    told = TextScorer().score([talk])
    assert np.isnan(told["consistency"]).all()
    assert np.isnan(told["diversity"]).all()


def test_a_break_of_the_persona_and_a_repetition_are_seen():
    keeper = next(one for one in cells(prompt_settings=["persona"]) if one.role.role_id == "lighthouse_keeper")
    told = TextScorer().score(
        [converse(Says("I keep the light. I am 58 years old.", "I am 23 years old."), keeper, 1, 3)]
    )
    assert told["consistency"][0] == 1.0
    assert told["consistency"][1] < 0.5
    assert told["diversity"][0] == 1.0
    assert told["diversity"][2] == 0.0


def test_memory_is_scored_where_it_was_asked_for():
    talks = [converse(Talker(remembers), cells()[0], 1, 6) for remembers in (True, False)]
    told = TextScorer().score(talks)["recall"]
    assert [math.isnan(one) for one in told] == [True] * 5 + [False] + [True] * 5 + [False]
    assert (told[5], told[11]) == (1.0, 0.0)


def test_equal_versions_give_equal_scores():
    """Another gate is another scorer; where the scores of the text change here, raise the version of TextScorer."""
    versions = {RewardScorer(ByLength(), at, "v1").version for at in (AT, AT, Gate(0.7, 0.1, 3600.0))}
    assert len(versions) == 2
    keeper = next(one for one in cells(prompt_settings=["persona"]) if one.role.role_id == "lighthouse_keeper")
    said = (
        "I keep the light.",
        "I am 23 years old.",
        "I live in a loud town.",
        "I am 23 years old, I say.",
        "No.",
        "Fly!",
    )
    told = TextScorer().score([converse(Says(*said), keeper, 1, 6)])
    assert TextScorer().version == "text/2"
    assert told["consistency"].tolist() == pytest.approx([1.0, 0.25, 1.0, 0.25, 1.0, 0.967], abs=5e-4)
    assert told["diversity"].tolist() == pytest.approx([1.0, 1.0, 1.0, 0.364, 1.0, 1.0], abs=5e-4)
    assert told["recall"].tolist() == pytest.approx([math.nan] * 5 + [1.0], nan_ok=True)


def frame(*policies, perturbations=("none",), turns=6, role_types=ROLE_TYPES):
    """Scored conversations of `(name, policy)`."""
    return pd.concat(
        scored(
            name,
            [converse(policy, one, 1, turns, kind) for one in cells(role_types=role_types) for kind in perturbations],
            [Written()],
        )
        for name, policy in policies
    )


def of(found, **where):
    given = {"role_type": "all", "intent": "all", "prompt_setting": "all", **where}
    return [one for one in found if all(getattr(one, name) == value for name, value in given.items())]


def test_planted_decay_is_found_and_where_there_is_none_none():
    found = results(frame(("fading", Fading(-0.05)), ("steady", Fading(0.0))), 8)
    fading, steady = of(found, figure="slope")
    assert (fading.model_id, steady.model_id) == ("fading", "steady")
    assert fading.found.low < -0.05 < fading.found.high < 0
    assert steady.found.low < 0 < steady.found.high
    [difference] = of(found, figure="slope_difference")
    assert (difference.model_id, difference.against) == ("fading", "steady")
    assert difference.found.high < -0.02
    curve = of(found, figure="turn", model_id="fading")
    assert [one.turn for one in curve] == [1, 2, 3, 4, 5, 6]
    assert curve[0].found.value > curve[5].found.value


def test_a_table_by_role_type_and_intent():
    found = results(frame(("fading", Fading(-0.05))), 4)
    table = {(one.role_type, one.intent) for one in found if one.figure == "mean" and one.prompt_setting == "all"}
    assert table == {(role, intent) for role in [*ROLE_TYPES, "all"] for intent in [*INTENTS, "all"]}
    [cell] = of(found, role_type="game_npc", intent="role_knowledge", figure="mean")
    assert cell.found.conversations == 6
    thin = results(frame(("fading", Fading(-0.05))), 8)
    [cell] = of(thin, role_type="game_npc", intent="role_knowledge", figure="mean")
    assert "not enough data" in cell.found.reason


def test_what_a_perturbation_costs_is_a_paired_difference():
    policies = ("soft", Fading(-0.05, loss=0.4)), ("hard", Fading(-0.05))
    found = results(frame(*policies, perturbations=("none", "noise"), role_types=["profession", "game_npc"]), 8)
    hard, soft = of(found, figure="robustness")
    assert (soft.model_id, soft.against) == ("soft", "noise")
    assert soft.found.high < -0.1
    assert hard.found.low < 0 < hard.found.high
    assert soft.found.conversations == 84
    plain = results(frame(*policies, role_types=["profession", "game_npc"]), 8)
    for figure in ("mean", "slope"):
        assert of(found, figure=figure) == of(plain, figure=figure)


def test_the_same_seed_gives_the_same_scores_to_the_byte():
    scorers = [RewardScorer(ByLength(), AT, "v1"), TextScorer()]
    one, other = (
        scored("m", [converse(Talker(), cell, 7, 4) for cell in cells(role_types=["profession"])], scorers)
        for _ in range(2)
    )
    assert one.to_csv().encode() == other.to_csv().encode()
    assert set(one["metric"]) == {"reward", "consistency", "diversity"}


@pytest.mark.parametrize("talks", [[], "silent"])
def test_no_turns_no_figures(talks):
    if talks:
        talks = [converse(Talker(silent_from=1), cells()[0], 1, 4)]
    assert results(scored("m", talks, [RewardScorer(ByLength(), AT, "v1"), TextScorer()]), 8) == []
