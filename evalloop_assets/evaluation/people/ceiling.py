"""How high an accuracy can be when the labels err: what people's agreement with each other says of their labels.

Two people who each find the truth with probability r, and otherwise any of the other classes alike, agree with
probability r² + (1 - r)² / (K - 1), which gives r. A judge without any error agrees with a label no more often than the
label is right: r with one person, more with the verdict of several who agree.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Estimate, share, unknown
from evalloop_assets.evaluation.judges.opinions import CLASSES

if TYPE_CHECKING:
    import pandas as pd

ONE_VOICE = "no item was judged by two people"
MOST_VOTES = 9
"""Votes of an item that are told apart; more count as so many."""


def pair_agreement(votes: pd.DataFrame) -> Estimate:
    """Share of pairs of people who say the same of an item, ties as a class; `votes` as in `People`."""
    counts = votes[list(CLASSES)].to_numpy(float)
    asked = counts.sum(axis=1)
    several = asked >= 2
    if not several.any():
        return unknown(ONE_VOICE)
    counts, asked = counts[several], asked[several]
    return share((counts * (counts - 1)).sum(axis=1) / (asked * (asked - 1)))


def label_ceiling(votes: pd.DataFrame) -> Estimate:
    """Accuracy of a judge without error against people's consensus, averaged over the items that have one.

    Its bounds are those of the people's agreement. Nothing is known where no item was judged twice, nor where people
    agree less often than by guessing.
    """
    agreeing = pair_agreement(votes)
    counts = votes[list(CLASSES)].to_numpy(int)
    ordered = np.sort(counts, axis=1)
    with_consensus = np.minimum(counts.sum(axis=1)[ordered[:, -1] > ordered[:, -2]], MOST_VOTES)
    if not agreeing.known or len(with_consensus) == 0:
        return unknown(agreeing.reason or "no item has a consensus")
    how_many = Counter(with_consensus.tolist())

    def ceiling(agreement: float) -> float:
        accuracy = accuracy_of_one(agreement)
        return sum(consensus_accuracy(accuracy, votes) * items for votes, items in how_many.items()) / len(
            with_consensus
        )

    if accuracy_of_one(agreeing.value) <= 1 / len(CLASSES):
        return unknown("people agree no more often than by guessing", agreeing.n)
    return Estimate(ceiling(agreeing.value), ceiling(agreeing.low), ceiling(agreeing.high), agreeing.n)


def accuracy_of_one(agreement: float, classes: int = len(CLASSES)) -> float:
    """Probability that one person finds the truth, from the agreement of two; 1/K where that is a guess."""
    root = 1 - classes + agreement * classes * (classes - 1)
    return (1 + math.sqrt(max(root, 0.0))) / classes


@cache
def consensus_accuracy(accuracy: float, votes: int, classes: int = len(CLASSES)) -> float:
    """Probability that the class most often said by so many people is the true one, where one is said most often."""
    shares = [accuracy, *[(1 - accuracy) / (classes - 1)] * (classes - 1)]
    right = wrong = 0.0
    for said in combinations_with_replacement(range(classes), votes):
        counts = [said.count(place) for place in range(classes)]
        most = max(counts)
        if counts.count(most) > 1:
            continue
        ways = math.factorial(votes) / math.prod(math.factorial(count) for count in counts)
        chance = ways * math.prod(p**count for p, count in zip(shares, counts, strict=True))
        right, wrong = (right + chance, wrong) if counts[0] == most else (right, wrong + chance)
    return right / (right + wrong)
