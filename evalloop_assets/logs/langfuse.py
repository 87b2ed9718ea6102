"""Langfuse exports made into flat records: observations with their trace, names as in its interface (`sessionId`).

Read are observations (JSON or JSON Lines, also the blob storage export with names such as `session_id`), traces with
their `observations` and `scores` inside, sessions with their `traces`, and traces alone, which then count as one reply.
Added are `user_text`, `reply_text`, `latency_s`, `failed`, and `scores`, an object of score name to value, those of the
observation before those of its trace. Observations other than GENERATION are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from evalloop_assets.logs.dialogue import moment_of
from evalloop_assets.logs.messages import last_user_text, parsed, reply_text


def observations(record: object) -> Iterator[dict[str, Any]]:
    """Every observation of one record of an export; a trace without any counts as one."""
    if not isinstance(record, dict):
        return
    data = {_camel(key): value for key, value in record.items()}
    if isinstance(data.get("trace"), dict):
        data = {**data, **{_camel(key): value for key, value in data["trace"].items()}}
    if isinstance(data.get("traces"), list):
        for trace in data["traces"]:
            yield from observations({"sessionId": data.get("id"), **trace} if isinstance(trace, dict) else trace)
        return
    inner = data.get("observations")
    held = [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else []
    if not held:
        yield _from_trace(data) if "type" not in data else data
    for item in held:
        shared = {key: data.get(key) for key in ("sessionId", "userId")}
        own = {_camel(key): value for key, value in item.items()}
        scores = [*_scores(data.get("scores"), None), *_scores(data.get("scores"), own.get("id"))]
        yield {
            **shared,
            **own,
            "traceId": data.get("id"),
            "scores": {**dict(scores), **dict(_scores(own.get("scores"), None))},
        }


def turn_of(observation: dict[str, Any]) -> dict[str, Any] | None:
    """The observation as a flat record; None where it shows no reply."""
    if observation.get("type", "GENERATION") != "GENERATION":
        return None
    failed = observation.get("level") == "ERROR"
    reply = reply_text(observation.get("output"))
    if reply is None and not failed:
        return None
    scores = observation.get("scores")
    return {
        **observation,
        "usageDetails": parsed(observation.get("usageDetails")),
        "metadata": parsed(observation.get("metadata")),
        "scores": dict(_scores(scores, None)) if isinstance(scores, list) else scores,
        "user_text": last_user_text(observation.get("input")),
        "reply_text": reply,
        "latency_s": _latency(observation),
        "failed": failed,
    }


def _from_trace(trace: dict[str, Any]) -> dict[str, Any]:
    return {
        **trace,
        "type": "GENERATION",
        "traceId": trace.get("id"),
        "startTime": trace.get("startTime", trace.get("timestamp")),
        "scores": dict(_scores(trace.get("scores"), None)),
    }


def _scores(scores: object, observation_id: object) -> list[tuple[str, object]]:
    if isinstance(scores, dict):
        return list(scores.items()) if observation_id is None else []
    if not isinstance(scores, list):
        return []
    named = [{_camel(key): value for key, value in score.items()} for score in scores if isinstance(score, dict)]
    return [
        (str(score.get("name")), score.get("stringValue") if score.get("value") is None else score.get("value"))
        for score in named
        if score.get("observationId") == observation_id
    ]


def _latency(observation: dict[str, Any]) -> float | None:
    start, end = (moment_of(observation.get(key), "iso") for key in ("startTime", "endTime"))
    return None if start is None or end is None else (end - start) / timedelta(seconds=1)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
