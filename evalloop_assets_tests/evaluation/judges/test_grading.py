"""What a grade takes, at its edges."""

import math

import pytest

from evalloop_assets.evaluation.judges.estimate import Estimate, unknown
from evalloop_assets.evaluation.judges.grading import grade
from evalloop_assets.evaluation.judges.results import Probe

BOTH, ONE_ORDER = Estimate(0.9, 0.85, 0.95, 200), unknown("one order")


def kappa(low, n=200):
    return Estimate(low + 0.05, low, low + 0.1, n)


def fault(name, size):
    return Probe(name, "all", Estimate(size, size, size, 200), True)


@pytest.mark.parametrize(
    ("low", "consistency", "letter"),
    [
        (0.60, BOTH, "A"),
        (0.59, BOTH, "B"),
        (0.40, BOTH, "B"),
        (0.39, BOTH, "C"),
        (0.20, BOTH, "C"),
        (0.19, BOTH, "D"),
        (0.01, BOTH, "D"),
        (0.0, BOTH, "F"),
        (0.9, BOTH._replace(low=0.79), "B"),
        (0.9, BOTH._replace(low=0.69), "C"),
        (0.9, ONE_ORDER, "C"),
    ],
)
def test_the_best_grade_whose_lower_bounds_hold(low, consistency, letter):
    assert grade(kappa(low), consistency, [])[0] == letter


@pytest.mark.parametrize(
    ("faults", "letter"),
    [
        ([fault("position_bias", 0.049)], "A"),
        ([fault("position_bias", -0.05)], "B"),
        ([fault("format_preference", 0.1), fault("format_preference", 0.2)], "B"),
        ([fault("format_preference", 0.1), fault("length_preference", 0.2)], "C"),
        ([fault(name, 0.2) for name in ("p", "q", "r", "s", "t")], "D"),
        ([fault("prefers_empty", 0.01)], "F"),
    ],
)
def test_each_grave_fault_costs_a_grade(faults, letter):
    found, use = grade(kappa(0.7), BOTH, faults)
    assert found == letter
    assert ("held back by" in use) == (letter in "BCD")


def test_without_enough_items_or_a_kappa_there_is_no_grade():
    assert grade(kappa(0.7, 99), BOTH, [])[0] == ""
    letter, use = grade(Estimate(math.nan, math.nan, math.nan, 500, "one class"), BOTH, [])
    assert (letter, use) == ("", "not yet: one class")
