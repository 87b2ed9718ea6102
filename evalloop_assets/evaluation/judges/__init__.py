"""Judges, models that compare two replies, audited: how far they agree with people, and what else moves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evalloop_assets.evaluation.judges.results import JudgeAudit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JudgeAudit", "audit"]


def audit(
    verdicts: pd.DataFrame,
    gold: pd.DataFrame | None = None,
    families: Mapping[str, str] | None = None,
    ratings: pd.DataFrame | None = None,
) -> JudgeAudit:
    """Each judge's agreement with people, its consistency, its biases beyond people's, a grade and what to use it for.

    `verdicts` has one verdict of a judge a row, `gold` one of a person; columns as in `judge_verdicts` and
    `gold_annotations` (docs/log-contract.md). Only item_id, judge_id and verdict must be there, and what rests on a
    missing column is NaN with a reason. A verdict a or b names the item's own side in both orders. A gold row without
    annotator_id is another person's. `families` names the model family of a judge; else it is that of family_a and
    family_b whose name is part of the judge's. `ratings` has one reason of a judge that people rated a row: judge_id,
    item_id, sound (true or false, or the share of people who found it so).

    Back: a mapping from judge to `JudgeReport`, whose position_consistency, agreement, kappa and length_preference each
    have value, low and high (95%, items as clusters), n and a reason where they are NaN; `frame()` and `probes()` give
    data frames.

    Raises UserError for what is no such frame, and for a verdict that is none of a, b and tie.
    """
    from evalloop_assets.evaluation.judges.auditing import audit as audit_frames

    return audit_frames(verdicts, gold, families or {}, ratings)
