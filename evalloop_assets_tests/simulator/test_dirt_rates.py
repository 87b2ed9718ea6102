"""Every mixture of rates accounts for every row, and rates that cannot be are refused."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.simulator.arrow import arrow_schema
from evalloop_assets.simulator.dirt import (
    MOST_WHALE_TURNS,
    Dirt,
    OtherDevice,
)
from evalloop_assets.simulator.hashed import uniform
from evalloop_assets_tests.simulator.soiled_world import (
    SEED,
    ids,
    soiled,
    world,
)
from evalloop_assets_tests.simulator.world import HalfOfUsers, day

SHARES = (
    "duplicates",
    "late",
    "out_of_order",
    "skewed",
    "no_foreground",
    "lost",
    "malformed",
    "lost_treatment",
    "both_arms",
)
rates = st.fixed_dictionaries({name: st.one_of(st.just(0.0), st.floats(0, 1)) for name in SHARES})


@settings(max_examples=60)
@given(rates=rates, seed=st.integers(0, 2**32), silent=st.sets(st.integers(0, 2)))
def test_whatever_the_rates_every_row_is_accounted_for(rates, seed, silent):
    dirt = Dirt(**rates, silent_days=tuple(silent))
    clean = world(1, turns=120, others=30)
    result, again = (soiled(dirt, 1, clean, seed) for _ in range(2))
    assert result.truth.equals(again.truth)
    for name in clean:  # in words, since a malformed row may hold a NaN
        assert str(result.tables[name].to_pylist()) == str(again.tables[name].to_pylist())
    held, held_again = (
        {name: str(rows.to_pylist()) for name, rows in one.held.tables.items()} for one in (result, again)
    )
    assert held == held_again
    keys = [(row["table_name"], row["row_id"], row["kind"]) for row in result.truth.to_pylist()]
    assert len(keys) == len(set(keys))
    for name, rows in clean.items():
        original = dict(zip(ids(name, rows), rows.to_pylist(), strict=True))
        held = result.held.tables.get(name)
        now = list(zip(ids(name, result.tables[name]), result.tables[name].to_pylist(), strict=True))
        later = (
            [] if held is None else list(zip(ids(name, held), held.drop_columns("deliver_on").to_pylist(), strict=True))
        )
        lost = {one for t, one, kind in keys if t == name and kind in ("lost", "lost_treatment", "silent")}
        if name == "characters":
            lost = set()
        about = {one for t, one, _ in keys if t == name}
        came = {one for one, _ in now + later}
        assert not lost & came
        assert set(original) == lost | (came & set(original))
        for one, row in now + later:
            assert one in about or row == original[one]
        assert held is None or min(held["deliver_on"].to_pylist()) > day(1)
        assert result.tables[name].schema == arrow_schema(LOG_TABLES[name])


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("value", [-0.01, 1.01, nan, inf, "half", None, True])
def test_a_share_that_is_none_is_refused(name, value):
    with pytest.raises(UserError, match=name):
        Dirt(**{name: value})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("late_days", {"late_days": 0}),
        ("late_days", {"late_days": 366}),
        ("late_days", {"late_days": nan}),
        ("skew_minutes", {"skew_minutes": 0}),
        ("skew_minutes", {"skew_minutes": 1441}),
        ("bots", {"bots": -1}),
        ("bots", {"bots": 1.5}),
        ("whale_turns", {"whale_turns": -1}),
        ("whale_turns", {"whale_turns": MOST_WHALE_TURNS + 1}),
        ("whale_day", {"whale_day": -1}),
        ("whale_day", {"whale_turns": 10, "whale_day": 3, "silent_days": (3,)}),
        ("silent_days", {"silent_days": (1, -2)}),
        ("silent_days", {"silent_days": (0.5,)}),
        ("silent_days", {"silent_days": [1]}),
    ],
)
def test_a_count_that_cannot_be_is_refused(name, changes):
    with pytest.raises(UserError, match=name) as refused:
        Dirt(**changes)
    assert refused.value.why
    assert refused.value.mend


def test_the_share_of_another_device_is_checked_too():
    with pytest.raises(UserError, match="both_arms"):
        OtherDevice(HalfOfUsers("a", "b"), 1.5, SEED)


def test_hashed_draws_are_uniform_unrelated_and_the_same_in_any_company():
    names = [f"u-base-{k:05d}" for k in range(20_000)]
    x, y = uniform(names, 1, "a"), uniform(names, 1, "b")
    counts = np.histogram(x, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 45
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.03
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(x, uniform(names, 2, "a"))[0, 1]) < 0.03
    assert uniform([names[7], "a much longer identifier: 海港"], 1, "a")[0] == x[7]
    assert len(uniform([], 1, "a")) == 0
    assert uniform(["u-base-00007"], 1, "a")[0] == pytest.approx(x[7])
