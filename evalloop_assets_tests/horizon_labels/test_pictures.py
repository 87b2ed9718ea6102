"""What the pictures of both stages show: the counts that are drawn, with planted cases, and that each draws."""

import io
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.denoise import assets as denoise_assets  # noqa: F401  declares the tables
from evalloop_assets.denoise.pictures import PICTURES as OF_DENOISE
from evalloop_assets.horizon_labels import assets as label_assets  # noqa: F401
from evalloop_assets.horizon_labels.pictures import PICTURES as OF_LABELS
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.picture import drawn, wilson
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.report import shown_picture
from evalloop_assets.lake.store import Lake

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 2)
PICTURES = OF_DENOISE | OF_LABELS
BACK = {"returned_24h": True, "returned_next_day": True}
GONE = {"returned_24h": False, "returned_next_day": False}
Rows = list[dict[str, Any]]

TABLES: dict[str, Rows] = {
    "reading": [
        {"script": script, "chars_per_second": speed}
        for script, speed in (("han", 8.0), ("han", 8.1), ("han", None), ("latin", 17.0), (None, 17.0))
    ],
    "exits": [{"kind": "abrupt", "reason": "no closing words"}] * 3 + [{"kind": "natural", "reason": "thanks"}],
    "traffic": [{"kind": "people"}] * 4 + [{"kind": "automatic", "reason": "regular"}],
    "returns": [BACK | {"d1": True}] * 3 + [GONE | {"d1": None}],
    "absences": [{"reengaged": True}, {"reengaged": False}, {"reengaged": None}],
    "horizon_labels": [{"immediate": value, "delayed_5": None} for value in (-1.0, -0.05, 0.0, 0.05, 1.0, None)],
    "signal_validity": [
        {"signal": "likes", "correlation": 0.2, "low": 0.1, "high": 0.3, "stopped": False},
        {"signal": "typing", "correlation": 0.0, "low": -0.1, "high": 0.1, "stopped": True},
        {"signal": "dislikes", "correlation": 0.1, "low": None, "high": None, "stopped": None},
    ],
    "preference_pairs": [{"source": "tail", "immediate": "A", "delayed_5": "A", "delayed_session": "censored"}] * 2
    + [{"source": "battle", "immediate": "tie", "delayed_5": "censored", "delayed_session": "censored"}],
}  # fmt: skip


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Each table with its rows on the last day."""
    for table, rows in TABLES.items():
        found = pa.Table.from_pylist([{"day": LAST} | row for row in rows], arrow_schema(declared(table)))
        lake.replace(declared(table), Days(FIRST, LAST), {}, lambda inputs, found=found: found)
    return lake


def shown(lake: Lake, table: str) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in PICTURES[table].rows(lake, table, Days.one(LAST))}


def test_the_counts_are_those_of_the_table(filled: Lake):
    assert shown(filled, "reading") == {("han", 18, 2), ("latin", 24, 1), ("unknown", 24, 1)}
    assert shown(filled, "exits") == {("abrupt", "no closing words", 3), ("natural", "thanks", 1)}
    assert shown(filled, "traffic") == {("people", None, 4), ("automatic", "regular", 1)}
    everybody = {(LAST, f"everybody: {name}", 4, 3) for name in ("24 hours", "next day")}
    assert shown(filled, "returns") == everybody | {(LAST, "new users: d1", 3, 3)}
    assert shown(filled, "absences") == {(LAST, "after an absence: within a week", 2, 1)}
    # Bins of a tenth; 1 lies in the last, 0 in the first above the middle, NULL is censored.
    bins = {("immediate", place, count) for place, count in ((0, 1), (9, 1), (10, 2), (19, 1), (None, 1))}
    censored = {("delayed_5", None, 6), ("delayed_session", None, 6)}
    assert shown(filled, "horizon_labels") == bins | censored
    pairs = {("tail", name, "A", 2) for name in ("immediate", "delayed_5")} | {("battle", "immediate", "tie", 1)}
    unknown = {("tail", "delayed_session", 2), ("battle", "delayed_5", 1), ("battle", "delayed_session", 1)}
    assert shown(filled, "preference_pairs") == pairs | {(*kind, "censored", count) for *kind, count in unknown}


@pytest.mark.parametrize("table", sorted(PICTURES))
def test_every_picture_draws_its_rows_small_enough_to_be_metadata(filled: Lake, table: str):
    from PIL import Image

    picture = PICTURES[table]
    rows = picture.rows(filled, table, Days.one(LAST))
    written = drawn(picture, rows)
    assert len(written) < 60_000
    assert len(Image.open(io.BytesIO(written)).convert("RGB").getcolors(1 << 20) or []) > 10, "nothing but white"
    commit = filled.replace(declared(table), Days.one(LAST), {}, lambda inputs: filled.read(table, Days.one(LAST)))
    text = shown_picture(filled, commit, picture)["picture"].value
    assert text.startswith(f"![{table}](data:image/png;base64,iVBOR")


def test_lines_over_days_reach_back_and_the_others_keep_to_the_run(filled: Lake):
    after = Days.one(date(2026, 5, 12))
    for table, picture in PICTURES.items():
        assert bool(picture.rows(filled, table, after)) is (table in ("returns", "absences", "signal_validity"))


def test_without_rows_there_is_no_picture(lake: Lake):
    empty = pa.Table.from_pylist([], arrow_schema(declared("exits")))
    commit = lake.replace(declared("exits"), Days.one(LAST), {}, lambda inputs: empty)
    assert shown_picture(lake, commit, PICTURES["exits"]) == {}
    assert shown_picture(lake, commit, None) == {}


def test_the_interval_of_a_share_is_wilsons():
    from statsmodels.stats.proportion import proportion_confint

    for came, known in ((0, 5), (3, 4), (40, 100)):
        assert wilson(came, known) == pytest.approx(proportion_confint(came, known, method="wilson"), abs=1e-4)
