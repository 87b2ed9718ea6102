"""Whether a judge changes: over time on a fixed set of items, and with the version of its prompt."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Estimate, difference, share, unknown

if TYPE_CHECKING:
    import pandas as pd

NO_TIMES = "no verdict tells when it was given"
NO_ANCHORS = "no item was judged early and late with one prompt and order"
ONE_PROMPT = "no item was judged with two versions of the prompt"


def halves(said: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Verdicts on the anchors, the items that were judged early and late in the same order with the same prompt; and
    why there are none.

    Back: item_id, prompt_version, order, late (bool), and the verdict's columns. Late begins at the moment that splits
    the verdicts on items with several times most evenly.
    """
    timed = said[said["decided_at"].notna()].copy()
    if timed.empty:
        return timed.assign(late=False), NO_TIMES
    key = [timed[name].fillna("") for name in ("item_id", "prompt_version", "order")]
    first, last = (timed.groupby(key)["decided_at"].transform(end) for end in ("min", "max"))
    again = timed[first < last]
    if again.empty:
        return timed.iloc[:0].assign(late=False), NO_ANCHORS
    times = np.sort(again["decided_at"].to_numpy())
    begun = times[len(times) // 2]
    if begun == times[0]:
        begun = times[times > begun][0]
    again = again.assign(late=again["decided_at"] >= begun)
    key = [again[name].fillna("") for name in ("item_id", "prompt_version", "order")]
    both = again.groupby(key)["late"].transform("nunique") == 2
    kept = again[both]
    return kept, "" if len(kept) else NO_ANCHORS


def change(anchors: pd.DataFrame, value: pd.Series, why: str) -> Estimate:
    """Mean of a value in [0, 1] of the late verdicts on the anchors less that of the early ones, item by item.

    `value` is indexed like the anchors; anchors without one are left out.
    """
    if why:
        return unknown(why)
    rows = anchors.assign(value=value).dropna(subset=["value"])
    key = ["item_id", rows["prompt_version"].fillna(""), rows["order"].fillna("")]
    means = rows.groupby([*key, "late"])["value"].mean().unstack("late").reindex(columns=[False, True]).dropna()
    if means.empty:
        return unknown("no anchor has that on both sides")
    return difference((means[True] - means[False]).groupby("item_id").mean().to_numpy())


def prompt_consistency(said: pd.DataFrame) -> Estimate:
    """Share of items with the same verdict under two versions of the prompt, order by order, over all pairs of them."""
    scores = _by_version(said)
    import pandas as pd

    pairs = [
        (scores[one] == scores[other]).where(scores[one].notna() & scores[other].notna()).astype(float)
        for place, one in enumerate(scores.columns)
        for other in scores.columns[place + 1 :]
    ]
    if not pairs:
        return unknown(ONE_PROMPT)
    per_item = pd.concat(pairs, axis=1).mean(axis=1).dropna().groupby("item_id").mean()
    return share(per_item.to_numpy()) if len(per_item) else unknown(ONE_PROMPT)


def prompt_changes(said: pd.DataFrame, correct: pd.Series, z: float) -> dict[str, Estimate]:
    """Agreement with people under each version less that under the version before it, on the items of both.

    Versions follow each other by their first verdict in time, then by name. `correct` is indexed like `said`.
    """
    rows = said.assign(correct=correct).dropna(subset=["correct", "prompt_version"])
    begun = rows.groupby("prompt_version")["decided_at"].min()
    versions = sorted(begun.index, key=lambda name: (begun[name] != begun[name], begun[name], name))
    means = rows.groupby(["item_id", rows["order"].fillna(""), "prompt_version"])["correct"].mean().unstack()
    found = {}
    for before, after in pairwise(versions):
        both = (means[after] - means[before]).dropna()
        if len(both):
            found[f"{before} to {after}"] = difference(both.groupby("item_id").mean().to_numpy(), z)
    return found


def versions_of(said: pd.DataFrame) -> list[str]:
    return sorted(said["prompt_version"].dropna().unique())


def _by_version(said: pd.DataFrame) -> pd.DataFrame:
    """Mean score by item and order (rows) and version (columns)."""
    rows = said.dropna(subset=["prompt_version"])
    return rows.groupby(["item_id", rows["order"].fillna(""), "prompt_version"])["score"].mean().unstack()
