"""What a sample in a file of an evaluation harness says of its item: text and reference, None where it does not.

An item is the same whatever model answers it: few-shot examples before the question, which a harness draws anew, are
left out of its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

LEAST = 12
"""Characters of a field of the document from which its place in the prompt is no chance."""


class Item(NamedTuple):
    """An item as `benchmark_items` has it."""

    text: str | None
    reference: str | None


def lm_eval_item(sample: dict[str, Any]) -> Item:
    """Of one line of lm-evaluation-harness: the prompt from where the document's own words begin; of a choice by number
    the continuation that is right.
    """
    given = _requests(sample.get("arguments"))
    prompt = given[0][0] if given else None
    text = _own_part(_last_asked(prompt), list(_texts(sample.get("doc")))) if isinstance(prompt, str) else None
    target = sample.get("target")
    choices = [one[1] for one in given if len(one) > 1 and isinstance(one[1], str)]
    if len(set(choices)) > 1 and str(target).isdecimal() and int(str(target)) < len(choices):
        target = choices[int(str(target))].strip()
    return Item(text, _as_text(target))


def evalscope_item(sample: dict[str, Any]) -> Item:
    """Of one line of EvalScope's reviews: what the user says, in older versions the input; several right answers are
    lines of the reference.
    """
    messages = sample.get("messages")
    said = _said_by_user(messages) if isinstance(messages, list) else ""
    return Item(said or _as_text(sample.get("input")), _as_text(sample.get("target")))


def _requests(arguments: object) -> list[list[Any]]:
    """The arguments of each request: objects of objects since 0.4.3, lists of lists before."""
    listed = list(arguments.values()) if isinstance(arguments, dict) else arguments
    if not isinstance(listed, list):
        return []
    rows = [list(one.values()) if isinstance(one, dict) else one for one in listed]
    return [row for row in rows if isinstance(row, list) and row]


def _last_asked(prompt: str) -> str:
    """The last message of the user where the prompt is a chat in JSON, else the prompt."""
    if not prompt.startswith("[{"):
        return prompt
    try:
        messages = json.loads(prompt)
    except (ValueError, RecursionError):
        return prompt
    said = [said for one in messages if (said := _said_by_user([one]))]
    return said[-1] if said else prompt


def _own_part(prompt: str, texts: list[str]) -> str:
    own = [text for text in texts if text.strip() and text in prompt]
    long = min(LEAST, max(map(len, own), default=0))
    return prompt[min((prompt.rfind(text) for text in own if len(text) >= long), default=0) :]


def _texts(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for part in document.values() if isinstance(document, dict) else document:
            yield from _texts(part)


def _said_by_user(messages: list[Any]) -> str:
    users = (one.get("content") for one in messages if isinstance(one, dict) and one.get("role") == "user")
    return "\n".join(filter(None, map(_content, users)))


def _content(content: object) -> str:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))


def _as_text(value: object) -> str | None:
    if isinstance(value, list):
        return "\n".join(map(str, value)) or None
    return None if value is None or isinstance(value, dict) else str(value) or None
