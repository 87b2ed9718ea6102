"""What a page says: the blocks with their rows, and the findings that want a person's attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from evalloop_assets.days import Days, Window
from evalloop_assets.evaluation.pyramid.across import AGREEMENT, DECISIONS, RISKS
from evalloop_assets.evaluation.pyramid.base import BASE
from evalloop_assets.evaluation.pyramid.block import Block, Part
from evalloop_assets.evaluation.pyramid.middle import MIDDLE
from evalloop_assets.evaluation.pyramid.top import TOP
from evalloop_assets.lake.store import Inputs
from evalloop_assets.serving.ledger import Entry
from evalloop_assets.serving.state import changed

Row = Mapping[str, Any]
PARTS = (DECISIONS, RISKS, AGREEMENT, TOP, MIDDLE, BASE)
"""In the order of the page: what to do first, then on what it rests."""
FINDINGS = ("agreement", "decisions", "risks")
"""Parts whose statements are findings."""
TABLES = (
    "bad_case_groups", "dynamic_results", "eliminations", "evaluations_due", "experiment_results",
    "flywheel", "gold_sets", "guardrail_readings", "item_contamination", "item_statistics", "judge_audits",
    "judge_grades", "launch_gates", "leaderboard_outliers",
    "model_dimensions", "model_values", "offline_online", "policy_screen", "predictors",
    "rating_stability", "ratings", "slice_reversals",
)  # fmt: skip


class Filled(NamedTuple):
    """A block with its rows."""

    block: Block
    rows: list[dict[str, Any]]

    @property
    def boxes(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Rows by box, in their order."""
        return [(box, list(rows)) for box, rows in groupby(self.rows, itemgetter("box"))]


class Page(NamedTuple):
    """What the report of a period says."""

    days: Days
    parts: list[tuple[Part, list[Filled]]]
    versions: Mapping[str, int]
    """Of the tables that it was made from."""

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The rows of one block."""
        return next(filled.rows for _, blocks in self.parts for filled in blocks if filled.block.key == key)


def reads(days: int) -> dict[str, Window]:
    """The tables of a report over the `days` up to its last one."""
    return dict.fromkeys(TABLES, (1 - days, 0))


def fill(inputs: Inputs, days: Days, history: Sequence[Entry]) -> Page:
    """Every block over the tables that `reads` named, and what the ledger's `history` tells of these days."""
    given = {"serving": served(history, days)}
    parts = [
        (
            part,
            [Filled(one, inputs.query(one.query).to_pylist() if one.query else given[one.key]) for one in part.blocks],
        )
        for part in PARTS
    ]
    return Page(days, parts, {name: inputs.versions[name] for name in TABLES if name in inputs.versions})


def served(history: Sequence[Entry], days: Days) -> list[dict[str, Any]]:
    """The changes of serving that took effect after the period began, until the end of its last day; newest first."""
    first, last = (datetime.combine(day, time.min) for day in (days.first, days.last + timedelta(days=1)))
    told = []
    for before, entry in zip([None, *history], history, strict=False):
        if first <= entry.at <= last:
            states = changed(before.allocation if before else None, entry.allocation)
            if before is None or before.allocation.champion != entry.allocation.champion:
                states.append(f"champion {entry.allocation.champion}")
            words = f"{entry.at:%Y-%m-%d %H:%M} by {entry.actor}: {entry.reason}"
            told.append({"status": entry.action, "subject": ", ".join(states), "words": words})
    return told[::-1]


def findings(page: Page) -> list[dict[str, Any]]:
    """The statements across the layers, in the order of the page, as rows of `pyramid`."""
    said: Sequence[tuple[str, Row]] = [
        (part.key, row)
        for part, blocks in page.parts
        if part.key in FINDINGS
        for filled in blocks
        if filled.block.kind == "statements"
        for row in filled.rows
    ]
    return [{"part": part, "place": place, **row} for place, (part, row) in enumerate(said, 1)]
