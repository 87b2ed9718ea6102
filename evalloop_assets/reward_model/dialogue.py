"""A reply with what was said before it, from the forms in which trainers and chat logs write a dialogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.gated import Gate, gated_rewards
from evalloop_assets.reward_model.history import Exchange

if TYPE_CHECKING:
    from evalloop_assets.reward_model.model import RewardModel

CHATML = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL)
END_MARK = re.compile(r"<\|[\w ]+\|>|</s>")
ASSISTANT, USER = "assistant", "user"
ROLES = (USER, ASSISTANT, "system")


SECONDS_A_TURN = 60.0
"""A dialogue tells no times: each exchange counts as so long before the next."""


class Reply(NamedTuple):
    """One reply that is to be judged."""

    user_text: str
    """The message that it answers; empty where the character speaks first."""
    reply: str
    history: tuple[tuple[str, str], ...] = ()
    """Messages and replies before them, the oldest first."""

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The history at an even pace."""
        ages = range(len(self.history), 0, -1)
        return tuple(Exchange(*said, SECONDS_A_TURN * age) for said, age in zip(self.history, ages, strict=True))


def rewards_of(model: RewardModel, replies: Sequence[Reply], at: Gate) -> NDArray[np.float64]:
    """Gated reward of each [n], in anchor standard deviations; NaN where a reply is blank."""
    messages, texts = [one.user_text for one in replies], [one.reply for one in replies]
    return gated_rewards(model, messages, texts, [one.exchanges for one in replies], at=at).reward


def reply_of(fields: Mapping[str, Any]) -> Reply:
    """The reply in one of these forms; ValueError with the reason where there is none of them.

    - `messages`: role and content each, the last one the assistant's; what a system says is left out;
    - `prompt` and `completion`, as TRL has them: texts, or messages;
    - `query`, and `prompt` with which it begins, as OpenRLHF has them: texts. A prompt in ChatML is taken apart, any
      other is the message;
    - `user_text` and `reply_text`, as in the log contract.
    """
    if "messages" in fields:
        return _last(_messages("messages", fields["messages"]))
    if "completion" in fields:
        return _last([*_said("prompt", fields.get("prompt"), USER), *_said("completion", fields["completion"])])
    if "query" in fields:
        prompt, query = _text("prompt", fields.get("prompt")), _text("query", fields["query"])
        if not query.startswith(prompt):
            raise ValueError("`query` does not begin with its `prompt`")
        return _last([*_said("prompt", prompt, USER), (ASSISTANT, _unmarked(query[len(prompt) :]))])
    if "reply_text" in fields:
        return Reply(_text("user_text", fields.get("user_text")), _text("reply_text", fields["reply_text"]))
    raise ValueError("it has none of `messages`, `prompt` and `completion`, `query`, `reply_text`")


def _said(name: str, value: Any, speaker: str = ASSISTANT) -> list[tuple[str, str]]:
    if not isinstance(value, str | None):
        return _messages(name, value)
    text = value or ""
    marked = [(role, _unmarked(content)) for role, content in CHATML.findall(text)]
    if not marked:
        return [(speaker, _unmarked(text))]
    return marked[:-1] if marked[-1] == (ASSISTANT, "") else marked


def _messages(name: str, value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError(f"`{name}` is no list of messages")
    for message in value:
        if not isinstance(message, Mapping) or message.get("role") not in ROLES:
            raise ValueError(f"a message of `{name}` has no role among {', '.join(ROLES)}")
    return [(message["role"], _text("content", message.get("content"))) for message in value]


def _last(said: Sequence[tuple[str, str]]) -> Reply:
    """The last message as a reply to what the user said since the reply before."""
    spoken = [(role, text) for role, text in said if role != "system"]
    if not spoken or spoken[-1][0] != ASSISTANT:
        raise ValueError("its last message is not the assistant's")
    exchanges: list[tuple[str, str]] = []
    asked: list[str] = []
    for role, text in spoken:
        if role == USER:
            asked.append(text)
        else:
            exchanges.append(("\n".join(asked), text))
            asked = []
    *history, (user_text, reply) = exchanges
    return Reply(user_text, reply, tuple(history))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str | None):
        raise ValueError(f"`{name}` is {type(value).__name__}, no text")
    return value or ""


def _unmarked(text: str) -> str:
    """Without the marks that end a generated text; looked for from the end, so that a long text costs no more."""
    end = len(text.rstrip())
    while (start := text.rfind("<", 0, end)) >= 0 and END_MARK.fullmatch(text, start, end):
        end = len(text[:start].rstrip())
    return text[:end]
