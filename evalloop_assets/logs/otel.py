"""OpenTelemetry GenAI spans, as the collector's file exporter writes them (OTLP JSON), made into flat records.

Attributes keep their names (`gen_ai.conversation.id`, `gen_ai.response.model`, `user.id` …). Added are `span` (trace
and span id), `end_ns`, `duration_ns`, `failed`, `user_text` and `reply_text` from `gen_ai.input.messages` and
`gen_ai.output.messages`, which may stand on the span or on one of its events, as JSON text or as structured values.
Spans that are no answer to a user (tools, embeddings, agents around them) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalloop_assets.logs.messages import last_user_text, reply_text

ANSWERS = ("chat", "text_completion", "generate_content")
STATUS_ERROR = (2, "2", "STATUS_CODE_ERROR")


def spans(record: object) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each span of one line or object with the attributes of its resource; also a bare span a line."""
    if not isinstance(record, dict):
        return
    if "resourceSpans" not in record:
        if "spanId" in record:
            yield record, {}
        return
    for resource in _dicts(record["resourceSpans"]):
        shared = attributes(_dict(resource.get("resource")).get("attributes"))
        for scope in _dicts(resource.get("scopeSpans")):
            for span in _dicts(scope.get("spans")):
                yield span, shared


def turn_of(span: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any] | None:
    """The span as a flat record; None where it shows no reply."""
    own = attributes(span.get("attributes"))
    for event in _dicts(span.get("events")):
        own = {**attributes(event.get("attributes")), **own}
    operation = own.get("gen_ai.operation.name")
    if operation is not None and operation not in ANSWERS:
        return None
    failed = _dict(span.get("status")).get("code") in STATUS_ERROR
    reply = reply_text(own.get("gen_ai.output.messages", own.get("gen_ai.completion")))
    if reply is None and not (failed and "gen_ai.input.messages" in own):
        return None
    start, end = _integer(span.get("startTimeUnixNano")), _integer(span.get("endTimeUnixNano"))
    return {
        **shared,
        **own,
        "span": f"{span.get('traceId', '')}:{span.get('spanId', '')}",
        "name": span.get("name"),
        "end_ns": end,
        "duration_ns": None if start is None or end is None else end - start,
        "failed": failed,
        "user_text": last_user_text(own.get("gen_ai.input.messages", own.get("gen_ai.prompt"))),
        "reply_text": reply,
    }


def attributes(pairs: object) -> dict[str, Any]:
    """Key and value of each attribute, its type taken from the OTLP wrapper."""
    return {str(pair.get("key")): _value(pair.get("value")) for pair in _dicts(pairs)}


def _value(wrapped: object) -> Any:
    if not isinstance(wrapped, dict):
        return wrapped
    for kind, value in wrapped.items():
        match kind:
            case "intValue":
                return _integer(value)
            case "arrayValue":
                return [_value(item) for item in _dict(value).get("values") or []]
            case "kvlistValue":
                return attributes(_dict(value).get("values"))
            case _:
                return value
    return None


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
