"""Several judges vote: each counts by what it was seen to confuse, and the grey zone goes to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.judges.calibration import calibrated, fold_of
from evalloop_assets.evaluation.judges.dawid_skene import dawid_skene
from evalloop_assets.evaluation.judges.opinions import CLASSES, distribution

if TYPE_CHECKING:
    import pandas as pd

    from evalloop_assets.evaluation.judges.estimate import Floats

COLUMNS = ("verdict", "votes", *(f"share_{name}" for name in CLASSES), "raw", "confidence", "gold")
SMOOTHING = 0.5
"""Verdicts added to each cell of a judge's table."""


def jury(said: pd.DataFrame, consensus: pd.Series) -> pd.DataFrame:
    """The joint verdict on each item that a judge has seen.

    `said` and `consensus` as from `opinions` and `people`. A judge has one vote an item, shared out over its verdicts
    in all orders and prompts: one that contradicts itself says little. What each judge confuses is learnt by Dawid and
    Skene's method, with people's consensus as known; the vote on an item, and how right such votes are, is found
    without the people's verdict on the items of its fold.

    Back, by item_id: verdict, votes (how many judges), share_a, share_tie, share_b (what the votes say), raw (the
    largest of them), confidence (calibrated; NaN where people judged too few items to calibrate by), gold.
    """
    import pandas as pd

    if said.empty:
        return pd.DataFrame(columns=list(COLUMNS), index=pd.Index([], name="item_id"))
    votes = distribution(said, "judge_id")
    items = votes.index.unique("item_id").sort_values()
    raters = votes.index.unique("judge_id").sort_values()
    counts = np.zeros((len(raters), len(items), len(CLASSES)))
    row = raters.get_indexer(votes.index.get_level_values("judge_id"))
    counts[row, items.get_indexer(votes.index.get_level_values("item_id"))] = votes.to_numpy(float)
    gold = consensus.reindex(items)
    known = gold.map({name: place for place, name in enumerate(CLASSES)}).fillna(-1).to_numpy(int)
    fold = fold_of(items)
    posterior = _crossed(counts, known, fold)
    chosen = posterior.argmax(axis=1)
    correct = np.where(known >= 0, (known == chosen).astype(float), np.nan)
    shares = {f"share_{name}": posterior[:, place] for place, name in enumerate(CLASSES)}
    return pd.DataFrame(
        {
            "verdict": np.array(CLASSES, dtype=object)[chosen],
            "votes": (counts.sum(axis=2) > 0).sum(axis=0),
            **shares,
            "raw": posterior.max(axis=1),
            "confidence": calibrated(posterior.max(axis=1), correct, fold),
            "gold": gold.to_numpy(object),
        },
        index=items,
    )


def _crossed(counts: Floats, known: np.ndarray, fold: np.ndarray) -> Floats:
    """What the votes say of each item, learnt without people's verdict on the items of its fold."""
    posterior = np.empty(counts.shape[1:])
    for part in np.unique(fold):
        hidden = fold == part
        seen = np.where(hidden, -1, known)
        posterior[hidden] = dawid_skene(counts, seen, SMOOTHING).posterior[hidden]
    return posterior


def grey_zone(joint: pd.DataFrame, least_confidence: float) -> pd.DataFrame:
    """Items of a `jury` that people have to judge, the least sure first: those without people's verdict whose
    calibrated confidence is below the limit, or is not known.
    """
    unsure = joint[joint["gold"].isna() & ~(joint["confidence"] >= least_confidence)]
    return unsure.sort_values(["confidence", "raw"], na_position="first", kind="stable")
