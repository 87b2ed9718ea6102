"""The matchups as a flagd file of their own, which any OpenFeature client reads.

One flag, `matchups`. The product evaluates it once a battle with a `battle_key` (say the battle's id), and gets the two
models and the propensity that the log must carry. Which of them is side a and shown first is a fair draw of its own.
Where there is no key, or nothing is to be compared, the value's models are null: no battle.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from evalloop_assets.serving.flagd import SCHEMA, replace_file

FLAG = "matchups"
POINTS = 1_000_000
NO_BATTLE = {"model_a": None, "model_b": None, "propensity": None}


class Pair(NamedTuple):
    """Two models and the probability that a battle is between them, a multiple of one over POINTS."""

    model_a: str
    model_b: str
    propensity: float


class Published(NamedTuple):
    """What a publication did."""

    day: date
    """The day whose matchups the file now holds."""
    pairs: int
    changed: bool


def matchup_file(pairs: Sequence[Pair], day: date) -> dict[str, Any]:
    """The file's content."""
    names = [f"pair_{number:04}" for number in range(len(pairs))]
    variants: dict[str, Any] = {"none": NO_BATTLE}
    variants |= {name: pair._asdict() for name, pair in zip(names, pairs, strict=True)}
    flag: dict[str, Any] = {"state": "ENABLED", "variants": variants, "defaultVariant": "none"}
    if pairs:
        key = {"var": "battle_key"}
        weights = [[name, round(pair.propensity * POINTS)] for name, pair in zip(names, pairs, strict=True)]
        # flagd hashes the text alone: with the day in it, a key is drawn anew each day
        split = {"fractional": [{"cat": [f"{FLAG}:{day.isoformat()}:", key]}, *weights]}
        flag["targeting"] = {"if": [key, split, "none"]}
    return {"$schema": SCHEMA, "flags": {FLAG: flag}, "metadata": {"day": day.isoformat()}}


def publish(path: Path, pairs: Sequence[Pair], day: date) -> Published:
    """Make the file hold this day's matchups, atomically, unless it holds a later day's.

    Nothing is written where it says the same already.
    """
    content = matchup_file(pairs, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        held = _held(path)
        changed = held != content and (held is None or _day(held) <= day)
        if changed:
            replace_file(path, json.dumps(content, indent=1))
        now = content if changed or held is None else held
    return Published(_day(now), len(now["flags"][FLAG]["variants"]) - 1, changed)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One publisher at a time; the lock goes with the process."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _held(path: Path) -> dict[str, Any] | None:
    """What the file says; None where there is none, or what is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _day(content)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return content


def _day(content: dict[str, Any]) -> date:
    return date.fromisoformat(content["metadata"]["day"])
