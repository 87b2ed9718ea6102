"""Answers of annotators into the log."""

from __future__ import annotations

from datetime import datetime, timedelta

from evalloop_assets.evaluation.people.exchange import Answers
from evalloop_assets.evaluation.rows_in import deliver_lines
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.deliver import Delivery
from evalloop_assets.logs.evaluation_contract import GOLD_ANNOTATIONS, REASON_RATINGS


def deliver_answers(
    lake: Lake, answers: Answers, source: str, *, now: datetime, tolerance: timedelta, batch_rows: int
) -> list[Delivery]:
    """Take the answers in, a delivery for each table that they speak of; `source` is the name of their file. UserError
    where there are none.
    """
    tables = ((GOLD_ANNOTATIONS, answers.lines), (REASON_RATINGS, answers.ratings))
    if not any(lines for _, lines in tables):
        why = f"it holds no answer ({answers.unanswered:,} tasks without one)"
        raise UserError(source, why, "Import it once annotators have worked on it.")
    return [
        deliver_lines(lake, lines, schema, f"annotations/{source}", now=now, tolerance=tolerance, batch_rows=batch_rows)
        for schema, lines in tables
        if lines
    ]
