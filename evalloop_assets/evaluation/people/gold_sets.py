"""Versions of what people said: a hash of the content, for each version of the guideline that they followed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.evaluation.judges.agreement import krippendorff
from evalloop_assets.evaluation.judges.estimate import Estimate
from evalloop_assets.evaluation.judges.opinions import CLASSES, people
from evalloop_assets.evaluation.people.ceiling import label_ceiling, pair_agreement

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "all"
"""The set of all guidelines together."""


class GoldSet(NamedTuple):
    """The annotations under one version of the guideline."""

    guideline: str
    """Its prompt_version; empty where none is told, `all` for all of them."""
    version: str
    """First 12 hexadecimal digits of the SHA-256 of its annotations, whatever their order."""
    items: int
    annotators: int
    disputed: int
    """Items without a verdict that more people gave than any other."""
    agreement: Estimate
    """Of two people on an item."""
    alpha: Estimate
    """Krippendorff's, nominal."""
    ceiling: Estimate
    """Accuracy of a judge without error against the consensus."""


def gold_sets(marks: pd.DataFrame) -> list[GoldSet]:
    """The set of all annotations, then that of each guideline, by name; annotations as `opinions` gives them."""
    if marks.empty:
        return []
    guideline = marks["prompt_version"].fillna("")
    named = sorted(guideline.unique())
    parts = [(WHOLE, marks), *((name, marks[guideline == name]) for name in (named if len(named) > 1 else []))]
    return [_gold_set(name, rows) for name, rows in parts]


def version_of(marks: pd.DataFrame) -> str:
    """Hash of who said what of which item, under which guideline, in which order and when."""
    columns = ["item_id", "annotator_id", "prompt_version", "order", "verdict", "decided_at"]
    rows = sorted(marks[columns].astype(str).itertuples(index=False, name=None))
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]


def _gold_set(guideline: str, marks: pd.DataFrame) -> GoldSet:
    said = people(marks)
    return GoldSet(
        guideline=guideline,
        version=version_of(marks),
        items=len(said.votes),
        annotators=int(marks["annotator_id"].nunique()),
        disputed=said.disputed,
        agreement=pair_agreement(said.votes),
        alpha=krippendorff(said.votes[list(CLASSES)].to_numpy(float)),
        ceiling=label_ceiling(said.votes),
    )
