"""What is known of a user before the first exposure, and nothing of after it."""

import pytest

from evalloop_assets_tests.denoise.world import World, at, day, needed, turn


def exposed(moment, user_id="u", unit="user", unit_id=None, **more):
    return {
        "experiment_id": "x", "unit": unit, "unit_id": unit_id or user_id, "user_id": user_id, "arm": "control",
        "model_id": "old", "assigned_at": at(moment),
    } | more  # fmt: skip


def people(turns, assignments, *days):
    """The rows of `experiment_people`, computed on each of these days, one after the other."""
    world = World(turns=turns, assignments=assignments)
    for table in needed("experiment_people"):
        world.run(table, "04-01", "05-31")
    for one in days or ["05-10"]:
        world.run("experiment_people", one)
    return world.tables["experiment_people"].to_pylist()


def test_habits_are_those_of_the_14_days_before():
    turns = [
        turn("a", "04-25 10:00"),
        turn("b", "04-26 10:00"),
        turn("c", "04-26 10:05"),
        turn("d", "04-26 20:00"),
        turn("e", "05-09 10:00"),
        turn("f", "05-10 08:00"),
        turn("g", "05-10 12:00"),
    ]
    (row,) = people(turns, [exposed("05-10 11:00")])
    assert (row["sessions_before"], row["replies_before"], row["days_before"]) == (3, 4, 2)
    assert (row["seniority"], row["exposed_at"], row["day"]) == ("existing", at("05-10 11:00"), day("05-10"))


def test_a_session_that_goes_on_after_the_exposure_is_left_out():
    turns = [turn("a", "05-08 10:00"), turn("b", "05-09 23:50"), turn("c", "05-10 00:10")]
    (row,) = people(turns, [exposed("05-10 00:05")])
    assert row["replies_before"] == 1


def test_a_new_user_has_no_habits_and_an_existing_one_who_was_away_has_none_of_them():
    turns = [turn("a", "04-05 10:00"), turn("b", "05-10 12:00"), turn("c", "05-10 12:00", user_id="v")]
    found = people(turns, [exposed("05-10 11:00"), exposed("05-10 11:00", "v")])
    assert {row["user_id"]: (row["seniority"], row["replies_before"], row["days_before"]) for row in found} == {
        "u": ("existing", 0, 0),
        "v": ("new", None, None),
    }


def test_a_user_is_told_once_on_the_day_of_the_first_exposure():
    turns = [turn("a", f"05-{k:02} 10:00") | {"event_id": f"a{k}"} for k in range(1, 30)]
    exposures = [exposed("05-10 09:00"), exposed("05-12 09:00", arm="treatment"), exposed("05-29 09:00")]
    for days in (["05-10", "05-11", "05-12", "05-29"], ["05-29", "05-10"][1:]):
        (row,) = people(turns, exposures, *days)
        assert (row["day"], row["days_before"]) == (day("05-10"), 9)


def test_each_experiment_and_unit_has_its_own():
    turns = [turn("a", "05-10 12:00")]
    exposures = [
        exposed("05-10 11:00"),
        exposed("05-10 11:30", unit="conversation", unit_id="c"),
        exposed("05-10 11:40", unit="conversation", unit_id="d"),
        exposed("05-10 11:45", experiment_id="y"),
        exposed("05-10 11:50", "v", arm="shadow"),
    ]
    found = people(turns, exposures)
    assert sorted((row["experiment_id"], row["unit"], row["exposed_at"].minute) for row in found) == [
        ("x", "conversation", 30),
        ("x", "user", 0),
        ("y", "user", 45),
    ]


@pytest.mark.parametrize("column", ["locale", "channel", "role_type", "product_line"])
def test_slices_are_told_by_the_first_reply_from_the_exposure_on(column):
    turns = [
        turn("a", "05-09 10:00", **{column: "before"}),
        turn("b", "05-10 12:00", **{column: "first"}),
        turn("c", "05-10 13:00", **{column: "later"}),
    ]
    assert people(turns, [exposed("05-10 11:00")])[0][column] == "first"
    assert people(turns[:1], [exposed("05-10 11:00")])[0][column] is None
