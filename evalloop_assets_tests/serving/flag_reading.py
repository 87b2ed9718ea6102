"""Our own reading of a published flag file for many conversations at once, to be held against the real client."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import mmh3
import numpy as np


class Conversations(NamedTuple):
    """Contexts, one an element."""

    users: np.ndarray
    ids: np.ndarray
    started: np.ndarray
    """Seconds since 1970."""

    def part(self, which: Any) -> Conversations:
        return Conversations(self.users[which], self.ids[which], self.started[which])


def begun(first: int, last: int, at: datetime) -> Conversations:
    """Conversations `first` to `last` (excluded), each of another user, which begin at one moment."""
    numbers = range(first, last)
    return Conversations(
        np.array([f"u{k * 7919}" for k in numbers]),
        np.array([f"c{k}" for k in numbers]),
        np.full(len(numbers), at.replace(tzinfo=UTC).timestamp()),
    )


def joined(*parts: Conversations) -> Conversations:
    return Conversations(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def variants(file: Mapping[str, Any], conversations: Conversations) -> np.ndarray:
    """Name of the variant that each conversation gets, by the rules of JSON logic and of flagd's `fractional`."""
    flag = file["flags"]["serving"]
    found = _value(flag.get("targeting", flag["defaultVariant"]), conversations)
    return np.broadcast_to(found, conversations.ids.shape)


def models(file: Mapping[str, Any], conversations: Conversations) -> np.ndarray:
    """Model that serves each."""
    by_variant = {name: value["model_id"] for name, value in file["flags"]["serving"]["variants"].items()}
    return np.array([by_variant[name] for name in variants(file, conversations)])


def _value(rule: Any, given: Conversations) -> Any:
    if not isinstance(rule, dict):
        return rule
    [(name, operands)] = rule.items()
    if name == "var":
        return {"user_id": given.users, "conversation_id": given.ids, "started_at": given.started}[operands]
    if name == "fractional":
        keys = _value(operands[0], given)
        weights = np.array([weight for _, weight in operands[1:]])
        buckets = _hashes(keys.tobytes(), keys.dtype.str) * int(weights.sum()) >> np.uint64(32)
        return np.array([name for name, _ in operands[1:]])[np.searchsorted(weights.cumsum(), buckets, side="right")]
    values = [_value(one, given) for one in operands]
    if name == "cat":
        return functools.reduce(np.char.add, values)
    if name == "if":
        return np.where(values[0], values[1], values[2])
    if name == "and":
        return functools.reduce(np.logical_and, (value if value.dtype == bool else value != "" for value in values))
    return {"<": np.less, ">=": np.greater_equal, "==": np.equal}[name](*values)


@functools.lru_cache(maxsize=16)
def _hashes(keys: bytes, kind: str) -> np.ndarray:
    return np.array([mmh3.hash(key, signed=False) for key in np.frombuffer(keys, kind).tolist()], np.uint64)
