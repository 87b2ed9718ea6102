"""A conversation of the simulated user with a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from evalloop_assets.evaluation.dynamic.grid import Scenario
from evalloop_assets.evaluation.dynamic.perturb import perturbed
from evalloop_assets.evaluation.dynamic.user import Exchange, next_message, recalled


class NoReply(Exception):
    """A policy gave no reply; says why, and ends the conversation."""


class Policy(Protocol):
    """Whatever answers: a model in this process, an endpoint, a web page."""

    def reply(self, messages: Sequence[Mapping[str, str]], system: str) -> str:
        """The reply to the last of the messages, each with `role` (user or assistant) and `content`.

        Messages of one conversation are given whole, oldest first; `system` is empty where there is no such prompt.
        Raises NoReply where there is none.
        """


class Turn(NamedTuple):
    """A message and its reply."""

    turn: int
    """The first is 1."""
    act: str
    meant: str
    """The message before it was perturbed, by which the reply is scored."""
    user_text: str
    """As it was sent."""
    reply: str
    recalled: bool | None
    """Whether the reply remembers what the user had told; None where it was not asked for."""


class Conversation(NamedTuple):
    """What was said, and how it ended."""

    scenario: Scenario
    seed: int
    perturbation: str
    turns: tuple[Turn, ...]
    failure: str
    """Why it ended early; empty where it did not."""

    @property
    def pair(self) -> str:
        """What the same conversation has in common under every perturbation and with every policy."""
        return f"{self.scenario.key}/{self.seed}"


def converse(policy: Policy, scenario: Scenario, seed: int, turns: int, perturbation: str = "none") -> Conversation:
    """So many turns with the policy, fewer where it gives no reply any more."""
    past: list[Exchange] = []
    messages: list[dict[str, str]] = []
    found: list[Turn] = []
    pair = f"{scenario.key}/{seed}"
    for turn in range(turns):
        said = next_message(scenario, seed, past)
        kind = "none" if said.act == "tell" else perturbation  # what is misspelt when told cannot be asked for later
        sent = perturbed(said.text, kind, pair, turn, scenario.role.locale)
        messages.append({"role": "user", "content": sent})
        try:
            reply = policy.reply(messages, scenario.system)
        except NoReply as error:
            return Conversation(scenario, seed, perturbation, tuple(found), str(error) or "no reply")
        messages.append({"role": "assistant", "content": reply})
        past.append(Exchange(said, reply))
        found.append(Turn(turn + 1, said.act, said.text, sent, reply, recalled(said, reply)))
    return Conversation(scenario, seed, perturbation, tuple(found), "")
