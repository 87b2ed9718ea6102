from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.horizon_labels import assets  # noqa: F401  declares the tables
from evalloop_assets.horizon_labels.checks import labels_in_bounds
from evalloop_assets.horizon_labels.leakage import Leak, leak
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


def test_the_standard_error_counts_users_not_pairs():
    draws = np.random.default_rng(2)
    users = np.repeat(np.arange(60), 10)

    def one() -> Leak:
        habit = draws.choice([-1, 1], 60)[users]
        return leak(habit * draws.integers(1, 9, 600), users)

    seen = [one() for _ in range(200)]
    assert np.std([found.auc for found in seen]) == pytest.approx(
        np.mean([found.standard_error for found in seen]), rel=0.15
    )
    assert sum(found.found(0) for found in seen) <= 3


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
