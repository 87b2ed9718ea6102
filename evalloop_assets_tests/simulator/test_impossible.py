"""Values that no product can have are refused where they are given, with the field that holds them."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.behaviour import AMOUNTS, SHARES, Habits
from evalloop_assets.simulator.conditions import Conditions, Drift, Scale
from evalloop_assets.simulator.demo_cast import CAST, INCUMBENT, demo_policies
from evalloop_assets.simulator.dirt import Dirt
from evalloop_assets.simulator.oracle import Values
from evalloop_assets.simulator.policies import BestOfN
from evalloop_assets.simulator.requirements import require_count, require_id, require_number, require_share
from evalloop_assets.simulator.returning import ReturnHabits
from evalloop_assets.simulator.scenarios import SCENARIOS, Trial, resized
from evalloop_assets.simulator.users import People

STEADY = replace(INCUMBENT, model_id="steady")
TRIAL = Trial("try-steady", "steady")
DRIFT = Drift(5, Values())
NOT_FINITE = (nan, inf, -inf, True, np.True_, "1", None, 1j, np.float64(nan), np.array(0.5))


def refused(thing: str, given, **changes) -> UserError:
    """The error that names the thing and says why and what to do."""
    with pytest.raises(UserError) as caught:
        replace(given, **changes)
    assert caught.value.what == thing
    assert caught.value.why
    assert caught.value.mend
    return caught.value


@pytest.mark.parametrize("name", ["instant", "momentum", "payoff", "freshness", "stability", "cut"])
@pytest.mark.parametrize("value", [1.7, -3, 7, 1.5, -0.01, np.float32(1.5), *NOT_FINITE])
def test_a_share_of_a_model(name, value):
    refused(f"model steady: {name}", STEADY, **{name: value})


@pytest.mark.parametrize("name", ["padding", "extra", "latency_ms", "cost_per_1k_tokens"])
@pytest.mark.parametrize("value", [-1, -5000, *NOT_FINITE])
def test_an_amount_of_a_model(name, value):
    refused(f"model steady: {name}", STEADY, **{name: value})


@pytest.mark.parametrize("value", ["", "  ", None, 7])
def test_a_model_without_a_name(value):
    refused("model: model_id", STEADY, model_id=value)


@pytest.mark.parametrize("name", ["learning", "peak_end"])
@pytest.mark.parametrize("value", [5, -2, *NOT_FINITE])
def test_a_weight_of_coming_back(name, value):
    refused(f"returning: {name}", ReturnHabits(), **{name: value})


@pytest.mark.parametrize("name", ["satisfaction", "absence", "fading", "base_loyalty", "new_loyalty"])
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_strength_of_coming_back(name, value):
    refused(f"returning: {name}", ReturnHabits(), **{name: value})


HABITS = [field.name for field in fields(Habits) if field.name != "values"]


@pytest.mark.parametrize("name", HABITS)
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_habit_that_is_no_number(name, value):
    refused(f"habits: {name}", Habits(), **{name: value})


@pytest.mark.parametrize("name", sorted(SHARES | AMOUNTS))
@pytest.mark.parametrize("value", [-3, -6, -1, -0.01])
def test_a_habit_that_cannot_be_negative(name, value):
    refused(f"habits: {name}", Habits(), **{name: value})


@pytest.mark.parametrize("name", sorted(SHARES))
def test_a_habit_above_the_whole(name):
    refused(f"habits: {name}", Habits(), **{name: 1.01})


def test_users_tired_of_a_phrase_before_its_first_use():
    refused("habits: tiring", Habits(), tiring=0)


def test_every_habit_is_a_strength_but_for_those_named():
    assert set(HABITS) >= SHARES | AMOUNTS
    for name in set(HABITS) - SHARES - AMOUNTS:
        assert getattr(Habits(**{name: -2.5}), name) == -2.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("experiment_id", value) for value in ("", None)),
        *(("treatment", value) for value in ("", None)),
        *(("on_day", value) for value in (-1, 2.0, *NOT_FINITE)),
        *(("weight_percent", value) for value in (140, -1, *NOT_FINITE)),
        *(("user_share", value) for value in (-2, 100.5, *NOT_FINITE)),
        *(("segment", value) for value in ((50.0, 50.0), (60, 40), (-1, 50), (0, 101), (0, nan), (nan, 1), (0, True))),
        *(("segment", value) for value in ((), (0,), (0, 50, 100), [0, 50], None, 50, "ab", (None, 1), ("0", "50"))),
        *(("ramp", ((4, weight),)) for weight in (140, -1, *NOT_FINITE)),
        *(("ramp", ((day, 25.0),)) for day in (-1, 0, 1, 2, 4.5, *NOT_FINITE)),
        *(("ramp", value) for value in (((7, 50.0), (4, 25.0)), ((4, 25.0), (4, 50.0)))),
        *(("ramp", value) for value in ([(4, 25.0)], None, 4, ((4,),), (4, 25.0), ([4, 25.0],), ("ab",))),
    ],
)
def test_a_trial(name, value):
    refused("trial: experiment_id" if name == "experiment_id" else f"trial try-steady: {name}", TRIAL, **{name: value})


@pytest.mark.parametrize("value", [-3, 5.0, *NOT_FINITE])
def test_the_day_of_a_drift(value):
    refused("drift: on_day", DRIFT, on_day=value)


@pytest.mark.parametrize("name", ["base_users", "new_users", "battles", "most_turns"])
@pytest.mark.parametrize("value", [-1, 1.5, 1.0, np.float64(3), *NOT_FINITE])
def test_a_scale(name, value):
    refused(f"scale: {name}", Scale(), **{name: value})


def test_conversations_without_a_reply():
    refused("scale: most_turns", Scale(), most_turns=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("english", value) for value in ("x", 1.2, -0.1, *NOT_FINITE)),
        *(("west", value) for value in ("x", 1.2, -0.1, *NOT_FINITE)),
        *(("icc", value) for value in (-0.1, 0.5, 0.6, *NOT_FINITE)),
        *(("activity", value) for value in (0.9, 20.1, -1, *NOT_FINITE)),
    ],
)
def test_people(name, value):
    refused(f"people: {name}", People(), **{name: value})


@pytest.mark.parametrize("name", ["duplicates", "late_days", "bots", "whale_turns"])
@pytest.mark.parametrize("value", [-1, *NOT_FINITE])
def test_dirt(name, value):
    refused(f"dirt: {name}", Dirt(), **{name: value})


def test_the_words_of_an_error():
    assert str(refused("model steady: instant", STEADY, instant=np.float64(1.7))) == (
        "model steady: instant: 1.7 is no share. Give a number from 0 to 1."
    )
    assert refused("model steady: padding", STEADY, padding=-1).why == "-1 is no number from 0 to 100"
    assert refused("returning: satisfaction", ReturnHabits(), satisfaction=nan).why == "nan is no finite number"
    assert refused("scale: base_users", Scale(), base_users=1.5).why == "1.5 is no whole number of at least 0"
    assert refused("dirt: late_days", Dirt(), late_days=0).why == "0 is no whole number from 1 to 365"
    assert refused("trial try-steady: weight_percent", TRIAL, weight_percent=140).why == (
        "140 is no number from 0 to 100"
    )
    assert refused("trial try-steady: ramp", TRIAL, ramp=((4, 25.0), (4, 50.0))).why == (
        "its day 4 does not come after day 4"
    )


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.float64(1), np.int64(0), np.uint8(1), Fraction(1, 3)])
def test_numbers_of_any_make_are_shares(value):
    require_share("x", value)
    require_number("x", value)
    require_number("x", value, 0, 1)


@pytest.mark.parametrize("value", [0, 3, 10**400, np.int64(3), np.uint8(0)])
def test_whole_numbers_of_any_make_are_counts(value):
    require_count("x", value)
    require_number("x", value, 0)


@pytest.mark.parametrize(
    ("bounds", "why"), [({"most": 2}, "3 is no number of at most 2"), ({"least": 4}, "3 is no number of at least 4")]
)
def test_one_sided_bounds(bounds, why):
    with pytest.raises(UserError, match=re.escape(why)):
        require_number("x", 3, **bounds)


def test_a_name_is_an_id():
    require_id("x", "steady")


def test_the_ends_of_the_ranges_can_be():
    replace(STEADY, instant=0, stability=1, cut=0.0, padding=0, extra=0, latency_ms=0, cost_per_1k_tokens=0)
    ReturnHabits(learning=1, peak_end=0, satisfaction=-1.0)
    Trial("x", "y", on_day=0, weight_percent=100, user_share=0, segment=(0, 100), ramp=((1, 0), (2, 100)))
    Drift(0, Values())
    Scale(base_users=0, new_users=0, battles=0, most_turns=1)
    Scale(base_users=np.int64(3))
    People(english=0, west=1, icc=0, activity=1)
    People(activity=20)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be(name):
    scenario = SCENARIOS[name]
    conditions = scenario.conditions
    again = (conditions.scale, conditions.people, conditions.habits, conditions.returning, conditions.dirt)
    for one in (scenario, *again, *scenario.cast, *scenario.trials, *filter(None, [conditions.drift])):
        assert replace(one) == one
    assert resized(scenario, 200).conditions.scale.base_users == 200


def test_the_demo_can_be():
    assert [replace(spec) for spec in CAST] == list(CAST)
    assert set(demo_policies()) == {spec.model_id for spec in CAST}
    best = BestOfN(INCUMBENT, 4, lambda prompts, texts: np.zeros(len(texts)), "bo4").spec
    assert best.parent == INCUMBENT.model_id
    assert replace(Conditions()) == Conditions()
