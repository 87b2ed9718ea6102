"""A record that holds a whole dialogue, taken apart into one row for each reply.

Several replies in a row are rows of their own, of which only the first has the user's text. Where messages have no
time, theirs lies evenly between the beginning and the end of the dialogue and is marked `interpolated`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from evalloop_assets.logs.batch import Rejected, plain_text
from evalloop_assets.logs.collect import Row
from evalloop_assets.logs.mapping import EPOCHS, Dialogue
from evalloop_assets.logs.messages import text_of
from evalloop_assets.logs.paths import lookup


class _Span(NamedTuple):
    start: datetime | None
    end: datetime | None
    stated: object
    """What the record has as start, for the message where it is no time."""


def replies(record: object, position: int, how: Dialogue) -> Iterator[Row] | Rejected:
    """Rows of one record, in order; Rejected where the record cannot be read as a dialogue."""
    turns = lookup(record, how.turns)
    if not isinstance(turns, list):
        return Rejected(position, f"`{how.turns}` is no list of messages", "Correct `dialogue.turns` or the record.")
    known = {*how.user, *how.assistant, *how.ignore}
    for number, message in enumerate(turns, 1):
        speaker = plain_text(lookup(message, how.speaker))
        if speaker not in known:
            shown = (speaker or "nobody")[:40]
            return Rejected(
                position,
                f"message {number} is spoken by `{shown}`, which is neither user nor assistant",
                "Name it in dialogue.user, dialogue.assistant or dialogue.ignore.",
            )
    span = _span(record, how)
    if span.start and span.end and span.end < span.start:
        return Rejected(position, f"`{how.end}` is before `{how.start}`", "Correct the times of the record.")
    rows = list(_rows(record, position, turns, span, how))
    return iter(rows[-1:] if how.replies == "last" else rows)


def _rows(record: object, position: int, turns: Sequence[object], span: _Span, how: Dialogue) -> Iterator[Row]:
    said: list[str] = []
    for number, message in enumerate(turns):
        speaker = plain_text(lookup(message, how.speaker))
        text = text_of(lookup(message, how.text))
        if speaker in how.user:
            said += [text] if text else []
            continue
        if speaker not in how.assistant or (text is None and _calls_tools(message)):
            continue
        shown, source = _time(message, number, len(turns), span, how)
        built: dict[str, object] = {
            "number": f"{number:04d}",
            "user_text": "\n".join(said) or None,
            "reply_text": text,
            "shown_at": shown,
            "time_source": source,
        }
        said = []
        yield Row(position, record, message, built, f"message {number + 1}")


def _time(message: object, number: int, messages: int, span: _Span, how: Dialogue) -> tuple[str | None, str]:
    logged = lookup(message, how.time) if how.time else None
    if logged is not None:
        moment = moment_of(logged, how.clock)
        return (moment.isoformat() if moment else plain_text(logged)), "logged"
    if span.start is None:
        return plain_text(span.stated), "interpolated"
    length = (span.end or span.start) - span.start
    return (span.start + length * (number / max(messages - 1, 1))).isoformat(), "interpolated"


def _span(record: object, how: Dialogue) -> _Span:
    start, end = (lookup(record, path) if path else None for path in (how.start, how.end))
    return _Span(moment_of(start, how.clock), moment_of(end, how.clock), start)


def moment_of(value: object, clock: str) -> datetime | None:
    """The time in UTC, without zone; None where the value is none. Text without zone is taken as UTC."""
    try:
        if clock in EPOCHS:
            return datetime(1970, 1, 1) + timedelta(microseconds=float(str(value)) * EPOCHS[clock])
        text = str(value)
        moment = datetime.fromisoformat(text) if clock == "iso" else datetime.strptime(text, clock)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


def _calls_tools(message: object) -> bool:
    return isinstance(message, dict) and bool(message.get("tool_calls") or message.get("function_call"))
