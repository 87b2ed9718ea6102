"""Places and figures of intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.evaluation.pyramid.drawing import figure, interval, scale, scales, tone

NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.none() | NUMBERS, min_size=1))
def test_every_known_value_is_in_the_picture_and_order_is_kept(values):
    shared = scale(values)
    known = sorted(value for value in values if value is not None)
    places = [shared.place(value) for value in known]
    assert all(3 <= place <= 97 for place in places)
    assert places == sorted(places)


def test_the_ends_of_a_scale_and_of_one_that_has_a_single_value():
    assert (scale([2.0, 4.0]).place(2.0), scale([2.0, 4.0]).place(3.0), scale([2.0, 4.0]).place(4.0)) == (3, 50, 97)
    assert (scale([5.0]).place(5.0), scale([0.0]).place(0.0), scale([]).place(0.5)) == (50, 50, 50)
    assert scale([1.0, float("nan"), float("inf")]).place(1.0) == 50


def test_lines_of_another_form_have_a_scale_of_their_own_and_nought_is_in_it_when_marked():
    line = {"low": None, "high": None}
    rows = [line | {"value": 0.2, "form": "points"}, line | {"value": 120.0, "form": "number"}]
    assert {form: (one.low, one.high) for form, one in scales(rows, zero=True).items()} == {
        "points": (0.0, 0.2),
        "number": (0.0, 120.0),
    }


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [
        (0.4321, "share", "43.2%"),
        (-0.0321, "points", "-3.2 points"),
        (0.5, "number", "0.5"),
        (12345.6, "number", "12,346"),
        (None, "share", "not known"),
        (float("nan"), "number", "not known"),
    ],
)
def test_figures_in_words(value, form, words):
    assert figure(value, form) == words


def test_intervals_in_words():
    assert interval({"value": 0.4, "low": 0.35, "high": 0.45, "form": "share"}) == "40.0% [35.0, 45.0]"
    assert interval({"value": -0.05, "low": -0.09, "high": 0.01, "form": "points"}) == "-5.0 points [-9.0, +1.0]"
    assert interval({"value": 0.4, "low": None, "high": None, "form": "share"}) == "40.0%"
    assert interval({"value": None, "low": 0.1, "high": 0.2, "form": "share"}) == "not known"


def test_a_status_that_nobody_foresaw_is_open():
    assert [tone(status) for status in ("PASS", "demoted", "something new")] == ["good", "bad", "open"]
