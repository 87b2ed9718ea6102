"""What a policy is asked to answer, and how that is put to a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.reward_model.history import Exchange

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Prompt(NamedTuple):
    """What a speaker is asked to answer."""

    message: str
    history: tuple[str, ...]
    """Messages and replies before it, in turn, the oldest first."""
    persona: str
    """Name and facts of the character that is to speak, one a line."""
    locale: str
    """BCP 47."""
    seconds: tuple[float, ...] = ()
    """Since each earlier reply, one an exchange; empty where it is unknown."""

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What a reward model sees of the history: nothing where nobody knows how long ago it was."""
        if not self.seconds:
            return ()
        said = zip(self.history[::2], self.history[1::2], self.seconds, strict=True)
        return tuple(Exchange(message, reply, ago) for message, reply, ago in said)


PLAIN_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message.role == 'system' -%}{{ message.content + '\n' }}"
    "{%- elif message.role == 'user' -%}{{ 'User: ' + message.content + '\n' }}"
    "{%- else -%}{{ 'Reply:\n' + message.content + '\n' }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'Reply:\n' }}{%- endif -%}"
)
"""The chat template of a tokenizer that brings none of its own."""

MOST_CHARS = 4_000
"""Of each text: a message of 50,000 characters is cut, not refused."""


def prompt_text(prompt: Prompt, tokenizer: PreTrainedTokenizerBase, system: str, history_turns: int) -> str:
    """The prompt by the tokenizer's own chat template: instruction and persona, the last exchanges, the message."""
    instruction = "\n".join(part[:MOST_CHARS] for part in (system, prompt.persona) if part)
    said = prompt.history[-2 * history_turns :] if history_turns else ()
    chat = [{"role": "system", "content": instruction}] if instruction else []
    for at, text in enumerate((*said, prompt.message)):
        chat.append({"role": "assistant" if at % 2 else "user", "content": text[:MOST_CHARS]})
    template = None if tokenizer.chat_template else PLAIN_TEMPLATE
    return str(tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False, add_generation_prompt=True))
