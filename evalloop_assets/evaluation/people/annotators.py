"""How good each annotator is: agreement with the others, and accuracy against the truth behind all of them."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.judges.dawid_skene import dawid_skene
from evalloop_assets.evaluation.judges.estimate import Estimate, Floats, linearised, share, unknown
from evalloop_assets.evaluation.judges.opinions import CLASSES, votes_of

if TYPE_CHECKING:
    import pandas as pd

LEAST_ANNOTATORS = 3
"""Annotators without whom nobody can tell which of two who disagree is wrong."""
SMOOTHING = 0.5
ALPHA = 0.05
ALONE = "nobody else judged its items"


def quality(marks: pd.DataFrame) -> dict[str, dict[str, Estimate]]:
    """By annotator_id, from annotations as `opinions` gives them: `agreement`, `lead` and `accuracy`.

    `agreement` is the share of the other people's votes on the same items that say the same; `lead` that share less
    the agreement of the others with each other, its interval widened so that it holds for all annotators together
    (Bonferroni); `accuracy` the probability of being right by Dawid and Skene's method, over the items of the
    annotator, which needs three annotators. Items are clusters throughout.
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
    z = NormalDist().inv_cdf(1 - ALPHA / (2 * len(names))) if len(names) else 0.0
    found = {}
    for place, name in enumerate(names):
        own = counts[place]
        others = votes - own
        asked = others.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            same = np.where(own.sum(axis=1) * asked > 0, (own * others).sum(axis=1) / asked, np.nan)
            pairs = (others * (others - 1)).sum(axis=1) / (asked * (asked - 1))
        shared = ~np.isnan(same)
        if posterior is None:
            accuracy = unknown(f"fewer than {LEAST_ANNOTATORS} annotators")
        else:
            accuracy = share((own * posterior).sum(axis=1)[shared]) if shared.any() else unknown(ALONE)
        found[str(name)] = {
            "agreement": share(same[shared]) if shared.any() else unknown(ALONE),
            "lead": _lead(same, np.where(asked > 1, pairs, np.nan), z),
            "accuracy": accuracy,
        }
    return found


def _lead(same: Floats, among_others: Floats, z: float) -> Estimate:
    """Mean of `same` less mean of `among_others`, each over the items where it is not NaN, items as clusters."""
    parts = []
    for values in (same, among_others):
        known = ~np.isnan(values)
        if not known.any():
            return unknown("no item was judged by two others" if values is among_others else ALONE)
        mean = float(values[known].mean())
        parts.append((mean, np.where(known, np.nan_to_num(values) - mean, 0.0) / known.mean()))
    (own, of_own), (others, of_others) = parts
    return linearised(own - others, of_own - of_others, z)
