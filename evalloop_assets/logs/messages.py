"""The text of chat messages in the shapes that providers, OpenTelemetry and Langfuse write."""

from __future__ import annotations

import json
from collections.abc import Iterator


def text_of(content: object) -> str | None:
    """Plain text of a message's content: a string, a list of parts of which those of type text count, or one part."""
    if isinstance(content, str):
        return content or None
    if isinstance(content, dict):
        for key in ("content", "text", "parts", "value"):
            if key in content:
                return text_of(content[key])
        return None
    if isinstance(content, list):
        texts = [text_of(part) for part in content if _is_text(part)]
        return "\n".join(text for text in texts if text) or None
    return None if content is None else str(content)


def messages(value: object) -> list[dict[str, object]]:
    """Messages in `value`: a list, an object with `messages`, one message, or any of these as JSON text."""
    value = parsed(value)
    if isinstance(value, dict):
        if isinstance(value.get("messages"), list):
            return messages(value["messages"])
        if isinstance(value.get("choices"), list):
            return [_message(choice) for choice in value["choices"] if isinstance(choice, dict)]
        return [value] if "role" in value else []
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return []


def last_user_text(value: object) -> str | None:
    """What the user said since the last reply in these messages, joined by line breaks; plain text is itself."""
    found = messages(value)
    if not found:
        return text_of(parsed(value))
    said: list[str] = []
    for message in reversed(found):
        if message.get("role") in ("assistant", "model", "ai"):
            break
        text = text_of(_content(message)) if message.get("role") in ("user", "human") else None
        said += [text] if text else []
    return "\n".join(reversed(said)) or None


def reply_text(value: object) -> str | None:
    """Text of the first reply in these messages; plain text is itself; None where only tools are called."""
    found = messages(value)
    if not found:
        return text_of(parsed(value))
    return next(_replies(found), None)


def parsed(value: object) -> object:
    """The JSON in a text that begins like an array or object; anything else unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _replies(found: list[dict[str, object]]) -> Iterator[str]:
    for message in found:
        if message.get("role", "assistant") in ("assistant", "model", "ai"):
            text = text_of(_content(message))
            if text:
                yield text


def _content(message: dict[str, object]) -> object:
    return message["parts"] if "parts" in message else message.get("content")


def _message(choice: dict[str, object]) -> dict[str, object]:
    inner = choice.get("message")
    return inner if isinstance(inner, dict) else choice


def _is_text(part: object) -> bool:
    return isinstance(part, str) or (
        isinstance(part, dict) and part.get("type", "text") in ("text", "input_text", "output_text")
    )
