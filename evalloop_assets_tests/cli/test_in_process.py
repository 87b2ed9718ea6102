"""A policy of the loop behind the protocol of the simulated user."""

from evalloop_assets.cli.converse import InProcess
from evalloop_assets.evaluation.dynamic.converse import converse
from evalloop_assets.evaluation.dynamic.grid import scenarios
from evalloop_assets.reward_model.history import Exchange


class Drawn:
    """Tells the prompt and the seed that it was given."""

    name = "drawn"

    def __init__(self):
        self.asked = []

    def reply(self, prompts, seed):
        self.asked += [(prompt, seed) for prompt in prompts]
        return [f"Reply number {len(self.asked)} of the long evening." for _ in prompts]


def test_it_sees_persona_and_history_and_draws_anew_each_turn():
    drawn, one = Drawn(), next(scenarios(["en"], prompt_settings=["persona"]))
    talk = converse(InProcess(drawn, 7), one, 1, 3)
    (first, seed), (second, other), (third, _) = drawn.asked
    assert first.message == talk.turns[0].user_text
    assert first.persona == one.system
    assert second.history == (talk.turns[0].user_text, talk.turns[0].reply)
    assert third.exchanges == tuple(
        Exchange(turn.user_text, turn.reply, seconds) for turn, seconds in zip(talk.turns, (120.0, 60.0), strict=False)
    )
    assert seed != other
