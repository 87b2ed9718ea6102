"""Agreement of a judge with people, beyond chance too, with items as clusters."""

from __future__ import annotations

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Estimate, Floats, linearised, share, unknown, wilson

LEVEL = "all verdicts are of one class: nothing to agree on beyond chance"
ONE_GOLD = "people's verdicts are all of one class: nothing to agree on beyond chance"
"""Cohen's kappa is 0 then, however good the judge is."""
NEARLY = 1 - 1e-12


def agreement(judge: Floats, gold: Floats) -> Estimate:
    """Share of items on which the judge says what people say; a tie is a class like a and b.

    `judge` and `gold` have shape (items, classes): the share of each class among an item's verdicts.
    """
    return share((judge * gold).sum(axis=1)) if len(judge) else unknown("no item has verdicts of both")


def kappa(judge: Floats, gold: Floats) -> Estimate:
    """Cohen's kappa (1960), shapes as in `agreement`; its variance is that of Fleiss, Cohen and Everitt (1969), by the
    influence of each item, so that repeated verdicts of one item count as one.

    Where all items agree, none does, or the judge says one thing only, that variance is 0: the bounds are then those of
    the agreement (Wilson), with the agreement by chance held. It cannot be told where people say one thing only.
    """
    if len(judge) == 0:
        return unknown("no item has verdicts of both")
    p, q = judge.mean(axis=0), gold.mean(axis=0)
    agreeing = (judge * gold).sum(axis=1)
    observed, chance = float(agreeing.mean()), float(p @ q)
    if q.max() >= NEARLY:
        return unknown(ONE_GOLD, len(judge))
    value = (observed - chance) / (1 - chance)
    by_chance = (gold - q) @ p + (judge - p) @ q
    influence = ((agreeing - observed) * (1 - chance) - (1 - observed) * by_chance) / (1 - chance) ** 2
    found = linearised(value, influence)
    if observed in (0.0, 1.0) or p.max() >= NEARLY:
        low, high = ((bound - chance) / (1 - chance) for bound in wilson(observed, len(judge)))
        found = found._replace(low=max(-1.0, min(low, value)), high=max(high, value))
    return found


def krippendorff(counts: Floats) -> Estimate:
    """Krippendorff's alpha for nominal classes, any number of raters an item (Krippendorff 2011).

    `counts` has shape (items, classes): how many raters chose each class. Items with one rating are left out.
    """
    counts = counts[counts.sum(axis=1) >= 2]
    if len(counts) == 0:
        return unknown("no item has two ratings")
    per_item = counts.sum(axis=1)
    disagreeing = (per_item**2 - (counts**2).sum(axis=1)) / (per_item - 1)
    totals = counts.sum(axis=0)
    n = float(totals.sum())
    a, among_all = float(disagreeing.sum()), n**2 - float((totals**2).sum())
    if among_all == 0:
        return unknown(LEVEL, len(counts))
    value = 1 - a * (n - 1) / among_all
    by_disagreement = -(n - 1) / among_all
    by_total = -a * (among_all - (n - 1) * (2 * n - 2 * totals)) / among_all**2
    moved = by_disagreement * disagreeing + counts @ by_total
    found = linearised(value, len(counts) * (moved - moved.mean()))
    if a == 0:
        low, _ = wilson(1.0, len(counts))
        found = found._replace(low=1 - (1 - low) * n * (n - 1) / among_all)
    return found


def confusion(judge: Floats, gold: Floats) -> Floats:
    """Items by what people say (rows) and what the judge says (columns), classes in the order of the inputs."""
    return np.asarray(gold.T @ judge)
