"""Benchmarks, verdicts of judges and marks of people are taken in like any other log."""

from datetime import datetime

import pytest

from evalloop_assets_tests.logs.test_landing import folder, land, passed
from evalloop_assets_tests.logs.world import rows_of

__all__ = ["folder"]
ASKED = datetime(2026, 2, 1)


def verdict(**values):
    return {
        "item_id": "i1",
        "judge_id": "j",
        "verdict": "a",
        "order": "ab",
        "prompt_version": "p1",
        "decided_at": None,
    } | values


def test_the_same_verdict_counts_once_and_asking_anew_gives_another(lake, folder):
    land(folder, "1", verdict(), verdict(), verdict(order="ba"), verdict(prompt_version="p2"), table="judge_verdicts")
    land(folder, "2", verdict(), verdict(decided_at=ASKED), verdict(judge_id="k"), table="judge_verdicts")
    first, second = passed(lake, folder).deliveries
    assert (first.rows_added, first.rows_duplicate) == (3, 1)
    assert (second.rows_added, second.rows_duplicate) == (2, 1)


def test_a_verdict_without_an_order_is_taken_and_has_none(lake, folder):
    land(folder, "1", {"item_id": "i", "annotator_id": "p", "verdict": "tie"}, table="gold_annotations")
    passed(lake, folder)
    assert [row["order"] for row in rows_of(lake, "gold_annotations")] == [None]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("judge_verdicts", verdict(verdict="A")),
        ("judge_verdicts", verdict(order="first")),
        ("judge_verdicts", verdict(confidence=1.5)),
        ("benchmark_scores", {"model_id": "m", "benchmark": "b", "item_id": "i", "score": float("nan")}),
        ("benchmark_items", {"benchmark": "b", "item_id": "i", "dimension": "beauty"}),
    ],
)
def test_what_breaks_the_contract_is_rejected(lake, folder, table, row):
    land(folder, "1", row, table=table)
    assert passed(lake, folder).deliveries[0].rows_rejected == 1
    assert rows_of(lake, table) == []


def test_a_later_score_of_an_item_replaces_the_former(lake, folder):
    row = {"model_id": "m", "benchmark": "b", "item_id": "i"}
    land(folder, "1", row | {"score": 0.25}, table="benchmark_scores")
    passed(lake, folder, now=datetime(2026, 4, 1))
    land(folder, "2", row | {"score": 0.75}, table="benchmark_scores")
    passed(lake, folder, now=datetime(2026, 4, 2))
    assert [row["score"] for row in rows_of(lake, "benchmark_scores")] == [0.75]
