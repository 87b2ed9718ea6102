"""Coming back that matures late, per user and arm."""

from evalloop_assets_tests.denoise.world import World, needed, turn

from .test_experiment_people import exposed


def returns(turns, assignments, first, last=None, watermark="12-31"):
    world = World(watermark=watermark, turns=turns, assignments=assignments)
    for table in needed("experiment_returns"):
        world.run(table, "04-15", "05-31")
    rows = world.run("experiment_returns", first, last)
    return {(row["unit"], row["user_id"], row["metric"]): (row["units"], row["total"], row["eligible"]) for row in rows}


def days(*numbers, user_id="u", month="05"):
    return [turn(f"{user_id}{month}{k}", f"{month}-{k:02} 12:00", user_id=user_id) for k in numbers]


def test_a_new_user_is_followed_to_the_first_third_and_seventh_day():
    assert returns(days(1, 4, 8), [exposed("05-01 11:00")], "05-01") == {
        ("user", "u", "return_24h"): (1, 0.0, 1),
        ("user", "u", "d1"): (1, 0.0, 1),
        ("user", "u", "d3"): (1, 1.0, 1),
        ("user", "u", "d7"): (1, 1.0, 1),
    }


def test_what_is_not_mature_has_no_units_yet():
    found = returns(days(1, 2), [exposed("05-01 11:00")], "05-01", watermark="05-04")
    assert {metric: value for (_, _, metric), value in found.items()} == {
        "return_24h": (1, 1.0, 1),
        "d1": (1, 1.0, 1),
        "d3": (1, 0.0, 1),
        "d7": (0, 0.0, 1),
    }


def test_existing_users_have_no_d1_and_a_second_day_adds_nothing():
    turns = days(20, month="04") + days(1, 2)
    assert set(returns(turns, [exposed("05-01 11:00")], "05-01", "05-02")) == {("user", "u", "return_24h")}


def test_conversations_of_one_day_are_added_up():
    exposures = [exposed("05-01 11:00", unit="conversation", unit_id=name) for name in "cd"]
    assert returns(days(1, 2), exposures, "05-01")["conversation", "u", "d1"] == (2, 2.0, 2)


def test_an_absence_that_began_after_the_assignment_ends_in_a_reengagement_or_not():
    """Both are last seen on the 1st and away for seven days to the 8th; one comes on the 12th."""
    turns = days(1, 12) + days(1, user_id="v") + days(8, user_id="stranger")
    exposures = [exposed("05-01 11:00"), exposed("05-01 11:00", "v"), exposed("05-01 11:00", unit="conversation")]
    assert returns(turns, exposures, "05-08") == {
        ("user", "u", "reengagement"): (1, 1.0, 1),
        ("user", "v", "reengagement"): (1, 0.0, 1),
    }
    assert returns(turns, exposures, "05-08", watermark="05-09")["user", "v", "reengagement"] == (0, 0.0, 1)


def test_an_absence_from_before_the_assignment_is_not_the_treatments():
    turns = days(1, 12) + days(8, user_id="stranger")
    assert returns(turns, [exposed("05-05 11:00")], "05-08") == {}
