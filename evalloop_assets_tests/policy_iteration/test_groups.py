import numpy as np

from evalloop_assets.policy_iteration.groups import Draws, LoggedReply, regenerated, same_character, scored
from evalloop_assets.policy_iteration.rewarding import gated_by
from evalloop_assets.reward_model.history import Exchange
from evalloop_assets_tests.reward_model.scored import GATE
from evalloop_assets_tests.reward_model.test_model import trained
from evalloop_assets_tests.reward_model.world import pair_rows


def logged(event: str, replaces: str | None = None, character: str | None = "hero") -> LoggedReply:
    return LoggedReply(event, replaces, f"user-{event}", character, f"message {event}", f"reply {event}")


def test_versions_of_one_reply_are_one_group():
    replies = [logged("c", "b"), logged("a"), logged("b", "a"), logged("x"), logged("z", "gone")]
    (group,) = regenerated(replies)
    assert sorted(group.replies) == ["reply a", "reply b", "reply c"]


def test_two_regenerations_of_one_reply_are_one_group():
    (group,) = regenerated([logged("a"), logged("b", "a"), logged("c", "a")])
    assert len(group.replies) == 3


def test_a_chain_that_bites_its_tail_ends():
    (group,) = regenerated([logged("a", "b"), logged("b", "a"), logged("c", "c")])
    assert sorted(group.replies) == ["reply a", "reply b"]


def test_peers_share_the_character_and_each_prompt_has_its_own_reply_first():
    replies = [logged(str(at), character=("x", "y")[at % 2]) for at in range(7)]
    found = same_character(replies, prompts=3, draws=3)
    assert found[0] == Draws("user-0", "message 0", ("reply 0", "reply 2", "reply 4"), "0")
    assert found[1] == Draws("user-1", "message 1", ("reply 1", "reply 3", "reply 5"), "1")
    assert found[2].replies == ("reply 2", "reply 4", "reply 6")


def test_no_reply_competes_twice_and_nobody_competes_alone():
    replies = [logged("1", character="x"), logged("2", character="x"), logged("3", character=None)]
    found = same_character(replies, prompts=9, draws=9)
    assert [prompt.replies for prompt in found] == [("reply 1", "reply 2"), ("reply 2", "reply 1")]


def test_each_reply_is_scored_as_an_answer_to_its_prompt():
    result = trained(pair_rows(600))
    prompts = [Draws("u", "tell me more", ("the lantern", "okay whatever")), Draws("v", "and then?", ("a comet", ""))]
    rewards = gated_by(result.model, GATE)
    first, second = scored(prompts, rewards)
    assert first.rewards == tuple(rewards(["tell me more"] * 2, ["the lantern", "okay whatever"]))
    assert second.user_id == "v"
    assert np.isnan(second.rewards[1])
    assert scored([], rewards) == []


def test_what_was_said_before_a_prompt_counts_for_its_draws_alone():
    seen = []

    def rewards(messages, replies, histories=None):
        seen.extend(zip(messages, replies, histories, strict=True))
        return np.zeros(len(replies))

    before = (Exchange("hello", "good evening", 30.0),)
    scored([Draws("u", "and then?", ("a", "b"), exchanges=before), Draws("v", "go on", ("c", "d"))], rewards)
    assert seen == [("and then?", "a", before), ("and then?", "b", before), ("go on", "c", ()), ("go on", "d", ())]
