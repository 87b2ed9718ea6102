"""How good each annotator is: agreement with the others, and accuracy against the truth behind all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.judges.dawid_skene import dawid_skene
from evalloop_assets.evaluation.judges.estimate import Estimate, share, unknown
from evalloop_assets.evaluation.judges.opinions import CLASSES, votes_of

if TYPE_CHECKING:
    import pandas as pd

LEAST_ANNOTATORS = 3
"""Annotators without whom nobody can tell which of two who disagree is wrong."""
SMOOTHING = 0.5


def quality(marks: pd.DataFrame) -> dict[str, dict[str, Estimate]]:
    """By annotator_id, from annotations as `opinions` gives them: `agreement` and `accuracy`.

    `agreement` is the share of the other people's votes on the same items that say the same, items as clusters;
    `accuracy` the probability of being right by Dawid and Skene's method, over the items of the annotator, which needs
    three annotators.
    """
    single = votes_of(marks, "annotator_id")
    items = single.index.unique("item_id").sort_values()
    names = single.index.unique("annotator_id").sort_values()
    counts = np.zeros((len(names), len(items), len(CLASSES)))
    row = names.get_indexer(single.index.get_level_values("annotator_id"))
    column = items.get_indexer(single.index.get_level_values("item_id"))
    counts[row, column, single.map(CLASSES.index).to_numpy(int)] = 1
    votes = counts.sum(axis=0)
    posterior = dawid_skene(counts, smoothing=SMOOTHING).posterior if len(names) >= LEAST_ANNOTATORS else None
    found = {}
    for place, name in enumerate(names):
        own = counts[place]
        others = votes - own
        shared = (own.sum(axis=1) > 0) & (others.sum(axis=1) > 0)
        same = (own * others).sum(axis=1)[shared] / others.sum(axis=1)[shared]
        agreement = share(same) if shared.any() else unknown("nobody else judged its items")
        if posterior is None:
            accuracy = unknown(f"fewer than {LEAST_ANNOTATORS} annotators")
        elif not shared.any():
            accuracy = unknown("nobody else judged its items")
        else:
            accuracy = share((own * posterior).sum(axis=1)[shared])
        found[str(name)] = {"agreement": agreement, "accuracy": accuracy}
    return found


def worse_than_others(agreement: Estimate, of_all: Estimate) -> bool | None:
    """Whether an annotator surely agrees with the others less often than two people do."""
    if not agreement.known or not of_all.known:
        return None
    return agreement.high < of_all.value
