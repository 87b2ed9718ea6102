"""A version of a benchmark: its items, a name that holds date and content, and a half that is never shown.

Which half is hidden is decided by a keyed hash of the item, so that nobody without the key can tell, and an item stays
in its half in every version.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from evalloop_assets.evaluation.bad_cases.near_duplicates import near_duplicates
from evalloop_assets.evaluation.items.contamination import plain_words
from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.evaluation_contract import BENCHMARK_ITEMS

LEAST_KEY = 16
NAME = re.compile(r"\w[\w.-]{0,99}")
"""Of a benchmark; its versions are named after it, and files after them."""


class Release(NamedTuple):
    """One version."""

    name: str
    """`base/day/first eight digits of the content hash`."""
    content_hash: str
    """sha256 of all texts and references, hexadecimal."""
    lines: list[str]
    """JSON objects in the columns of `benchmark_items`."""


def item_id(group: str, text: str, reference: str | None) -> str:
    """Names an item by its content and the group of near duplicates that it stands for.

    The group is in it so that scores, which outlive an erasure, do not tell whether somebody wrote a given text.
    """
    return hashlib.sha256(json.dumps([group, text, reference], ensure_ascii=True).encode()).hexdigest()[:16]


def release(base: str, day: date, rows: Sequence[Mapping[str, Any]]) -> Release:
    """The version of these items; UserError where there are none, or where the name of the benchmark is no word."""
    if not NAME.fullmatch(base):
        why = "that is no name for one"
        raise UserError(f"benchmark {base!r}", why, "Use up to 100 letters, digits, dots, hyphens and underscores.")
    if not rows:
        raise UserError(f"benchmark {base}", "there is no item for it", "Wait for findings that are not contaminated.")
    items = sorted({str(row["item_id"]): row for row in rows}.items())
    content = json.dumps([[name, row["text"], row.get("reference")] for name, row in items], ensure_ascii=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    name = f"{base}/{day.isoformat()}/{digest[:8]}"
    columns = [column for column in BENCHMARK_ITEMS.column_names if column != "benchmark"]
    lines = [
        json.dumps(
            {"benchmark": name} | {column: row[column] for column in columns if row.get(column) is not None},
            ensure_ascii=False,
        )
        for _, row in items
    ]
    return Release(name, digest, lines)


def next_items(
    previous: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    former: Sequence[Mapping[str, Any]],
    left_out: Collection[str],
    near_duplicate: float,
) -> list[Mapping[str, Any]]:
    """The items of the next version: those of the previous one, and what was found since, one of near duplicates
    and of those with one message.

    Items named in `left_out` go: they retired, are suspected, or were learned from. What is near an item of `former`,
    of any version, is not new: so what one half hides the other does not show.
    """
    kept = [row for row in previous if row["item_id"] not in left_out]
    unique = {_content(row): row for row in [*former, *previous]}
    gone = {*left_out, *(row["item_id"] for row in unique.values())}
    fresh = sorted((row for row in found if row["item_id"] not in gone), key=lambda row: str(row["item_id"]))
    texts = [_content(row) for row in fresh]
    told = set(near_duplicates(texts, list(unique), near_duplicate).left.tolist())
    twins = near_duplicates(texts, texts, near_duplicate)
    told |= set(twins.left[twins.right < twins.left].tolist())
    asked = {plain_words(row["text"] or "") for row in unique.values()}
    added: list[Mapping[str, Any]] = []
    for at, row in enumerate(fresh):
        message = plain_words(row["text"])
        if at not in told and message not in asked:
            asked.add(message)
            added.append(row)
    return [*kept, *added]


def newest(base: str, names: Iterable[str], released_at: Mapping[str, datetime]) -> str | None:
    """The newest version of a benchmark among these names; of one day, the last that was released, as far as that is
    known of it. None where there is none.
    """
    versions = (name for name in names if name.startswith(f"{base}/") and name.count("/") == 2)
    return max(versions, key=lambda name: (name.split("/")[1], released_at.get(name, datetime.min), name), default=None)


def _content(row: Mapping[str, Any]) -> str:
    return f"{row['text']}\n{row.get('reference') or ''}"


def is_hidden(key: str, item: str) -> bool:
    """Whether the item is of the half that is never shown. UserError where the key is too short to keep a secret."""
    if len(key) < LEAST_KEY:
        raise UserError(
            "key of the hidden half",
            f"it has {len(key)} characters, and could be guessed",
            f"Use at least {LEAST_KEY}, and the same for every version.",
        )
    return hmac.new(key.encode(), item.encode(), hashlib.sha256).digest()[0] < 128


def public(key: str, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The items that may be shown."""
    return [row for row in rows if not is_hidden(key, str(row["item_id"]))]
