"""Asks a judge about pairs, in both orders, and makes rows of `judge_verdicts` of what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evalloop_assets.evaluation.judges.answered import Answered, Kept, hash_of
from evalloop_assets.evaluation.judges.endpoint import Endpoint, NoAnswer, Price
from evalloop_assets.evaluation.judges.rubric import Rubric, Unreadable, read_answer
from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.opened import opened

OWN_SIDE = {"ab": {"first": "a", "second": "b", "tie": "tie"}, "ba": {"first": "b", "second": "a", "tie": "tie"}}
TOLD = ("item_id", "user_text", "reply_a", "reply_b", "family_a", "family_b", "slice")
NEEDED = ("item_id", "reply_a", "reply_b")


@dataclass(frozen=True)
class Asked:
    """One call, and what came of it."""

    row: Mapping[str, Any] | None
    """Of `judge_verdicts`; None where there is no verdict."""
    why: str = ""
    """Why there is none."""
    answered: bool = True
    """False where the endpoint gave no completion at all."""
    cached: bool = False
    cost: float | None = None
    """US dollars that this call cost now; 0 where it was answered before, None where price or tokens are not known."""


@dataclass(frozen=True)
class Judge:
    """A judge: a model at an endpoint with a rubric."""

    judge_id: str
    endpoint: Endpoint
    rubric: Rubric
    price: Price | None
    now: Callable[[], datetime]
    """UTC, without zone."""

    def ask(self, item: Mapping[str, Any], order: str, answered: Answered) -> Asked:
        """One verdict. What was asked before in the same words is not asked again, and keeps its time."""
        replies = (item["reply_a"], item["reply_b"])
        first, second = replies if order == "ab" else reversed(replies)
        messages = self.rubric.messages(item.get("user_text") or "", first, second)
        name = hash_of(self.endpoint.base_url, self.endpoint.model, messages)
        kept = answered.get(name)
        cached = kept is not None
        if kept is None:
            try:
                kept = Kept(self.endpoint.complete(messages), self.now())
            except NoAnswer as error:
                return Asked(None, str(error), answered=False)
        cost = kept.completion.cost(self.price)
        spent = 0.0 if cached else cost
        try:
            said = read_answer(kept.completion.text)
        except Unreadable as error:
            return Asked(None, f"nobody can read its answer: {error}", cached=cached, cost=spent)
        if not cached:
            answered.put(name, kept, item)
        row = {
            **{name: item[name] for name in TOLD if item.get(name) is not None},
            "judge_id": self.judge_id,
            "verdict": OWN_SIDE[order][said.choice],
            "order": order,
            "prompt_version": self.rubric.version,
            "reason": said.reason,
            "confidence": said.confidence,
            "cost_usd": cost,
            "decided_at": kept.at.isoformat(),
        }
        return Asked(row, cached=cached, cost=spent)


def ask_all(
    judge: Judge, items: Iterable[Mapping[str, Any]], orders: Sequence[str], answered: Answered, at_once: int
) -> Iterator[Asked]:
    """One call an item and order, `at_once` at a time, in their order."""
    with ThreadPoolExecutor(at_once) as pool:
        calls = [(item, order) for item in items for order in orders]
        yield from pool.map(lambda call: judge.ask(call[0], call[1], answered), calls)


def read_items(path: Path) -> list[dict[str, str]]:
    """The pairs of a file, one JSON object a line with item_id, reply_a, reply_b, and what else is known.

    UserError names the line that is none, or whose item_id another one has.
    """
    items, lines = list[dict[str, str]](), dict[str, int]()
    with opened(path) as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                item = json.loads(raw)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}: line {number}", f"is no JSON ({error})", "Give one object a line.") from error
            missing = [name for name in NEEDED if not isinstance(item, dict) or item.get(name) is None]
            if missing:
                raise UserError(f"{path}: line {number}", f"has no {missing[0]}", f"Give {', '.join(NEEDED)}.")
            told = {name: item[name] for name in TOLD if item.get(name) is not None}
            if strange := [name for name, value in told.items() if isinstance(value, (dict, list))]:
                raise UserError(f"{path}: line {number}", f"has a {strange[0]} that is no text", "Give texts.")
            items.append({name: str(value) for name, value in told.items()})
            if (first := lines.setdefault(items[-1]["item_id"], number)) != number:
                why = f"has the item_id of line {first}"
                raise UserError(f"{path}: line {number}", why, "Give each pair an id of its own.")
    if not items:
        raise UserError(str(path), "holds no item", "Give one object a line.")
    return items
