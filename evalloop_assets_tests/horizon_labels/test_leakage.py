from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.horizon_labels import assets  # noqa: F401  declares the tables
from evalloop_assets.horizon_labels.checks import labels_in_bounds, no_leak, sides_balanced
from evalloop_assets.horizon_labels.leakage import leak
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake

DAY = Days.one(date(2026, 5, 28))


def test_a_leak_by_hand():
    # Chosen leads 2, 1, -1 against rejected leads -2, -1, 1: of nine comparisons 6 are won and two are even.
    assert leak([2, 1, -1]).auc == pytest.approx((6 + 2 / 2) / 9)
    assert leak([1, 1]).auc == 1.0
    assert leak([0, 0]).auc == 0.5
    assert leak([]).pairs == 0
    assert not leak([]).found(0.05)


def test_the_standard_error_is_what_chance_gives():
    draws = np.random.default_rng(1)
    seen = [leak(draws.choice([-1, 1], 200) * draws.integers(1, 9, 200)).auc for _ in range(400)]
    assert np.std(seen) == pytest.approx(leak(np.ones(200)).standard_error, rel=0.15)


def write_pairs(lake: Lake, leads: list[int], longer: int = 0, side: str | None = None) -> None:
    """Tail pairs whose chosen side stands `leads` positions after the other, over two weeks."""
    rows = []
    for n, lead in enumerate(leads):
        preferred = side or ("A" if n % 2 else "B")
        chosen, other = ("a", "b") if preferred == "A" else ("b", "a")
        rows.append(
            {
                "day": date(2026, 5, 15 + n % 14), "pair_id": f"p{n}", "source": "tail", "horizon_tag": "medium",
                "delayed_5": preferred, "immediate": "tie", f"position_{chosen}": 20 + lead, f"position_{other}": 20,
                f"reply_{chosen}": "x" * (50 + longer + n % 7), f"reply_{other}": "x" * (50 + (n // 2) % 7),
            }
        )  # fmt: skip
    schema = declared("preference_pairs")
    table = pa.Table.from_pylist(rows, arrow_schema(schema))
    lake.replace(schema, Days(date(2026, 5, 15), date(2026, 5, 28)), {}, lambda inputs: table)


BALANCED = [3, -3, 1, -1] * 75


def test_clean_pairs_are_silent(lake: Lake):
    write_pairs(lake, BALANCED)
    position = no_leak(lake, DAY, "position_lead", ("tail",), 0.05)
    assert position.passed
    assert position.metadata["tail_auc"].value == 0.5
    assert position.metadata["tail_pairs"].value == 300
    assert no_leak(lake, DAY, "length_lead", ("tail", "regeneration"), 0.05).passed
    assert sides_balanced(lake, DAY).passed


def test_planted_leaks_are_caught(lake: Lake):
    write_pairs(lake, [*BALANCED[:200], *[2] * 100], longer=5)
    assert not no_leak(lake, DAY, "position_lead", ("tail",), 0.05).passed
    assert not no_leak(lake, DAY, "length_lead", ("tail",), 0.05).passed
    write_pairs(lake, BALANCED, side="A")
    assert not sides_balanced(lake, DAY).passed
    assert no_leak(lake, DAY, "position_lead", ("tail",), 0.05).passed


def test_a_handful_of_pairs_proves_nothing(lake: Lake):
    write_pairs(lake, [2, 2, 1])
    assert no_leak(lake, DAY, "position_lead", ("tail",), 0.05).passed


@pytest.mark.parametrize(
    ("label", "passed"),
    [
        ({"immediate": 0.4, "immediate_strength": 0.5}, True),
        ({}, True),
        ({"immediate": 1.2, "immediate_strength": 0.5}, False),
        ({"delayed_5": 0.4, "delayed_5_strength": 1.5}, False),
        ({"delayed_session": 1.0}, False),
    ],
)
def test_labels_out_of_bounds_are_caught(lake: Lake, label: dict[str, float], passed: bool):
    schema = declared("horizon_labels")
    table = pa.Table.from_pylist([{"day": DAY.first, "event_id": "e"} | label], arrow_schema(schema))
    lake.replace(schema, DAY, {}, lambda inputs: table)
    assert labels_in_bounds(lake, DAY).passed is passed
