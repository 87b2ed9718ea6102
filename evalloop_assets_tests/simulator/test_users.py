import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.packs import EN, ZH
from evalloop_assets.simulator.users import READING_CHARS_PER_S, People, cohort, join, voice


def test_reading_speeds_are_log_normal_around_the_published_median():
    people = cohort(np.random.default_rng(1), 20_000, "base", 0, 0.0, People(), 5)
    english = np.log(people.reading_speed[people.pack == EN])
    assert abs(np.exp(np.median(english)) - READING_CHARS_PER_S) < 0.2
    assert abs(english.std() - 0.25) < 0.01
    assert np.median(people.reading_speed[people.pack == ZH]) < 8


def test_tastes_for_two_voices_differ_and_are_standard():
    people = cohort(np.random.default_rng(2), 20_000, "base", 0, 0.0, People(), 5)
    a, b = people.taste @ voice("a"), people.taste @ voice("b")
    assert abs(a.std() - 1) < 0.03
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.99
    assert np.array_equal(voice("a"), voice("a"))


def test_waking_hours_lie_inside_one_utc_day():
    people = cohort(np.random.default_rng(3), 500, "base", 0, 0.0, People(), 5)
    assert (8 * 60 - people.offset_minutes >= 0).all()
    assert (24 * 60 - people.offset_minutes <= 24 * 60).all()


def test_joining_keeps_the_earlier_rows():
    rng = np.random.default_rng(4)
    early, late = cohort(rng, 5, "base", 0, 0.0, People(), 5), cohort(rng, 3, "20260302", 7, 0.0, People(), 5)
    people = join([early, late])
    assert people.user_id[:5].tolist() == early.user_id.tolist()
    assert people.signup_day.tolist() == [0] * 5 + [7] * 3
    assert people.taste.shape == (8, 4)
    assert len(set(people.user_id)) == 8


def test_west_of_greenwich_a_local_day_runs_over_into_the_next_utc_day():
    people = cohort(np.random.default_rng(3), 4_000, "base", 0, 0.0, People(west=0.5), 5)
    west = people.offset_minutes < 0
    assert abs(west[people.pack == EN].mean() - 0.5) < 0.05
    assert not west[people.pack == ZH].any()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"english": 1.2}, "people: english"),
        ({"west": -0.1}, "people: west"),
        ({"icc": 0.5}, "people: icc"),
        ({"activity": 0.5}, "people: activity"),
    ],
)
def test_people_who_cannot_be_are_named(fault, why):
    with pytest.raises(UserError, match=why):
        People(**fault)
