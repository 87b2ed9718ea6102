"""Columns that the known formats give without being asked; what a mapping file says replaces them one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalloop_assets.logs.harness import NAMED_BY_PATH

OPENAI: dict[str, Any] = {
    "columns": {
        "conversation_id": {"from": ["conversation_id", "metadata.conversation_id", "id"]},
        "user_id": {"from": ["user_id", "user", "metadata.user_id", "safety_identifier"]},
        "model_id": {"from": ["model", "metadata.model"]},
    },
    "dialogue": {
        "turns": "messages",
        "speaker": "role",
        "user": ["user"],
        "assistant": ["assistant"],
        "text": "content",
    },
}

OTEL: dict[str, Any] = {
    "columns": {
        "event_id": {"from": "span"},
        "conversation_id": {"from": ["gen_ai.conversation.id", "session.id"]},
        "user_id": {"from": ["user.id", "enduser.id"]},
        "model_id": {"from": ["gen_ai.response.model", "gen_ai.request.model"]},
        "shown_at": {"from": "end_ns", "time": "epoch_ns"},
        "latency_ms": {"from": "duration_ns", "unit": "ns"},
        "user_text": "user_text",
        "reply_text": "reply_text",
        "prompt_tokens": {"from": ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]},
        "completion_tokens": {"from": ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]},
        "error": "failed",
    },
}

LANGFUSE: dict[str, Any] = {
    "columns": {
        "event_id": "id",
        "conversation_id": {"from": ["sessionId", "traceId"]},
        "user_id": "userId",
        "model_id": {"from": ["providedModelName", "model"]},
        "shown_at": {"from": ["endTime", "startTime"]},
        "latency_ms": {"from": "latency_s", "unit": "s"},
        "user_text": "user_text",
        "reply_text": "reply_text",
        "prompt_tokens": {"from": ["usageDetails.input", "usage.input", "promptTokens", "inputUsage"]},
        "completion_tokens": {"from": ["usageDetails.output", "usage.output", "completionTokens", "outputUsage"]},
        "cost_usd": {"from": ["totalCost", "calculatedTotalCost", "costDetails.total"]},
        "error": "failed",
    },
}

HARNESS: dict[str, Any] = {
    "table": "benchmark_scores",
    "columns": {
        "model_id": "model",
        "benchmark": "benchmark",
        "item_id": "item",
        "score": "score",
        "standard_error": "standard_error",
        "slice": "task",
        "scored_at": {"from": "scored_at", "time": "epoch_s"},
    },
}

ITEMS = "benchmark_items"
_PRESETS = {"openai": OPENAI, "otel": OTEL, "langfuse": LANGFUSE, "lm_eval": HARNESS, "evalscope": HARNESS}
EXPANDED = ("otel", "langfuse", "lm_eval", "evalscope")
"""Formats whose records become several, each with names of its own."""


def with_preset(data: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a mapping file over the defaults of its format."""
    merged = dict(data)
    for key, default in _PRESETS.get(str(data.get("format")), {}).items():
        if isinstance(default, str):
            merged.setdefault(key, default)
            continue
        given = data.get(key) or {}
        merged[key] = {**default, **given} if isinstance(given, Mapping) else given
    if data.get("format") in NAMED_BY_PATH and merged["table"] != ITEMS:
        merged["also"] = _with_items(merged["columns"], data.get("also") or {})
    return merged


def _with_items(columns: object, also: object) -> object:
    """The items beside their scores, named as these are."""
    if not isinstance(columns, Mapping) or not isinstance(also, Mapping):
        return also
    named = {name: columns[name] for name in ("benchmark", "item_id", "slice")}
    return {ITEMS: {**named, "text": "text", "reference": "reference"}, **also}
