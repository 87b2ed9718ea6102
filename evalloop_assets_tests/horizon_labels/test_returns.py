from datetime import date, timedelta

import pytest

from evalloop_assets.settings import LabelSettings, Settings
from evalloop_assets_tests.denoise.world import Row, World, at, day, turn


def visit(user: str, opened_at: str, offset: int | None = None) -> Row:
    return {"user_id": user, "opened_at": at(opened_at), "utc_offset_minutes": offset}


def chat(user: str, *times: str, conversation: str = "c", offset: int | None = None) -> list[Row]:
    return [
        turn(
            f"{user}-{conversation}-{time}", time, user_id=user, conversation_id=conversation, utc_offset_minutes=offset
        )
        for time in times
    ]


def returns(world: World, first: str = "05-01", last: str = "05-01") -> dict[tuple[str, str], Row]:
    """By user and local day; the tables below are computed three days around."""
    before, after = (f"{day(text) + timedelta(days=days):%m-%d}" for text, days in ((first, -3), (last, 9)))
    for table in ("sessions", "user_days", "first_seen"):
        world.run(table, before, after)
    world.run("next_day_returns", first, last)
    return {(row["user_id"], f"{row['local_day']:%m-%d}"): row for row in world.run("returns", first, last)}


def test_user_days_count_sessions_turns_and_visits():
    world = World(
        turns=[*chat("u", "05-01 10:00", "05-01 10:05"), *chat("u", "05-01 20:00", conversation="d")],
        visits=[visit("u", "05-01 09:59"), visit("v", "05-01 12:00")],
        signups=[{"user_id": "w", "signed_up_at": at("05-01 13:00")}],
    )
    world.run("sessions")
    rows = {row["user_id"]: row for row in world.run("user_days")}
    u = rows["u"]
    assert (u["sessions"], u["turns"], u["visits"], u["starts"], u["source"]) == (2, 3, 1, 2, "visits")
    assert (u["first_at"], u["last_start_at"], u["last_at"]) == (
        at("05-01 09:59"),
        at("05-01 20:00"),
        at("05-01 20:00"),
    )
    assert (rows["v"]["sessions"], rows["v"]["visits"], rows["v"]["source"]) == (0, 1, "visits")
    assert (rows["w"]["starts"], rows["w"]["source"]) == (1, "signup")


def test_a_chat_across_midnight_is_no_return():
    found = returns(World(turns=chat("u", "05-01 23:50", "05-02 00:10")))
    assert found["u", "05-01"]["returned_next_day"] is False
    assert ("u", "05-02") not in found


def test_nor_is_another_conversation_opened_right_after_midnight():
    world = World(turns=[*chat("u", "05-01 23:50"), *chat("u", "05-02 00:05", conversation="d")])
    found = returns(world, "05-01", "05-02")
    assert found["u", "05-01"]["returned_next_day"] is False
    assert ("u", "05-02") not in found


@pytest.mark.parametrize(("time", "came"), [("05-02 00:10", False), ("05-02 00:21", True)])
def test_a_start_after_the_idle_gap_is_a_return(time: str, came: bool):
    found = returns(World(turns=chat("u", "05-01 23:50"), visits=[visit("u", time)]))
    assert found["u", "05-01"]["returned_next_day"] is came


def test_the_day_is_the_users_own():
    # UTC+8: 15:50 UTC is 23:50 of the first day, 16:30 UTC is 00:30 of the second, at the same UTC day.
    found = returns(World(turns=chat("u", "05-01 15:50", "05-01 16:30", offset=480)))
    assert found["u", "05-01"]["returned_next_day"] is True
    # UTC-5: 22:00 and 01:00 UTC are one evening.
    found = returns(World(turns=chat("u", "05-01 22:00", "05-02 01:00", offset=-300)))
    assert found["u", "05-01"]["returned_next_day"] is False


def test_a_local_day_over_two_utc_days_has_one_row():
    world = World(turns=chat("u", "05-01 22:00", "05-02 01:00", "05-02 20:00", offset=-300))
    found = returns(world, "05-01", "05-02")
    assert {key: row["day"] for key, row in found.items()} == {
        ("u", "05-01"): date(2026, 5, 1),
        ("u", "05-02"): date(2026, 5, 2),
    }
    assert found["u", "05-01"]["returned_next_day"] is True


@pytest.mark.parametrize(
    ("offset", "matures"),
    [(None, "05-02"), (480, "05-02"), (-300, "05-03"), (1, "05-02"), (-1, "05-03")],
)
def test_nothing_is_told_before_it_matures(offset: int | None, matures: str):
    turns = chat("u", "05-01 12:00", "05-02 12:00", offset=offset)
    for watermark, known in ((day(matures) - timedelta(days=1), None), (day(matures), True)):
        row = returns(World(watermark=f"{watermark:%m-%d}", turns=turns))["u", "05-01"]
        assert row["next_day_matures_on"] == day(matures)
        assert row["returned_next_day"] is known
        assert row["d1"] is known


def test_without_a_watermark_all_is_censored():
    row = returns(World(watermark=None, turns=chat("u", "05-01 12:00", "05-02 12:00")))["u", "05-01"]
    assert [row[name] for name in ("returned_24h", "returned_next_day", "d1", "d3", "d7")] == [None] * 5


@pytest.mark.parametrize(("again", "within"), [("05-02 12:05", True), ("05-02 12:06", False)])
def test_24_hours_run_from_the_last_sign(again: str, within: bool):
    row = returns(World(turns=chat("u", "05-01 12:00", "05-01 12:05", again)))["u", "05-01"]
    assert row["returned_24h"] is within
    assert row["returned_next_day"] is True


def test_days_1_3_and_7_of_new_users():
    turns = [
        *chat("daily", *(f"05-0{n} 12:00" for n in range(1, 9))),
        *chat("third", "05-01 12:00", "05-04 12:00"),
        *chat("sixth", "05-01 12:00", "05-07 12:00"),
        *chat("old", "04-29 12:00", "05-01 12:00", "05-08 12:00"),
    ]
    found = returns(World(turns=turns))
    told = {user: tuple(found[user, "05-01"][name] for name in ("new_user", "d1", "d3", "d7")) for user, _ in found}
    assert told == {
        "daily": (True, True, True, True),
        "third": (True, False, True, False),
        "sixth": (True, False, False, False),
        "old": (False, None, None, None),
    }


@pytest.mark.parametrize(
    ("watermark", "told"),
    [
        ("05-01", (None, None, None)),
        ("05-02", (True, None, None)),
        ("05-04", (True, True, None)),
        ("05-07", (True, True, None)),
        ("05-08", (True, True, True)),
    ],
)
def test_horizons_mature_one_by_one(watermark: str, told: tuple[bool | None, ...]):
    turns = chat("u", *(f"05-0{n} 12:00" for n in range(1, 9)))
    row = returns(World(watermark=watermark, turns=turns))["u", "05-01"]
    assert (row["d1"], row["d3"], row["d7"]) == told
    assert (row["d3_matures_on"], row["d7_matures_on"]) == (day("05-04"), day("05-08"))


def test_who_signs_up_and_never_chats_is_a_new_user_who_did_not_return():
    row = returns(World(signups=[{"user_id": "w", "signed_up_at": at("05-01 13:00")}]))["w", "05-01"]
    assert (row["new_user"], row["d1"], row["d7"]) == (True, False, False)


def test_a_sign_up_takes_the_offset_of_the_first_chat():
    world = World(
        signups=[{"user_id": "u", "signed_up_at": at("05-01 17:00")}], turns=chat("u", "05-01 18:00", offset=480)
    )
    found = returns(world)
    assert set(found) == {("u", "05-02")}
    assert found["u", "05-02"]["new_user"] is True


@pytest.mark.parametrize("offset", [None, 480])
def test_an_opening_without_an_offset_is_on_the_local_day_of_the_chat_about_it(offset: int | None):
    """Openings at 23:00 and 08:10 local time, chats at 01:00 and 10:00."""
    openings = [visit("u", "05-01 15:00", offset), visit("u", "05-02 00:10", offset)]
    world = World(turns=chat("u", "05-01 17:00", "05-02 02:00", offset=480), visits=openings)
    world.run("sessions", "05-01", "05-02")
    rows = world.run("user_days", "05-01", "05-02")
    found = {(row["day"], row["local_day"]): (row["visits"], row["sessions"]) for row in rows}
    assert found == {
        (day("05-01"), day("05-01")): (1, 0),
        (day("05-01"), day("05-02")): (0, 1),
        (day("05-02"), day("05-02")): (1, 1),
    }


def test_an_offset_is_not_taken_from_a_later_day_nor_from_somebody_else():
    turns = [*chat("u", "05-04 12:00", offset=480), *chat("v", "05-03 12:00", offset=480)]
    world = World(turns=turns, visits=[visit("u", "05-03 17:00")])
    world.run("sessions", "05-03", "05-04")
    rows = world.run("user_days", "05-03", "05-04")
    [lone] = [row for row in rows if row["visits"]]
    assert (lone["local_day"], lone["utc_offset_minutes"]) == (day("05-03"), 0)


def test_first_seen_looks_at_all_days_before():
    world = World(
        turns=chat("u", "05-01 12:00", "05-03 12:00"),
        visits=[visit("v", "05-03 08:00")],
        signups=[{"user_id": "v", "signed_up_at": at("05-03 07:00")}],
    )
    for table in ("sessions", "user_days"):
        world.run(table, "05-01", "05-03")
    (first,) = world.run("first_seen", "05-01")
    assert (first["user_id"], first["source"], first["first_local_day"]) == ("u", "first_sight", day("05-01"))
    (later,) = world.run("first_seen", "05-02", "05-03")
    assert (later["user_id"], later["source"], later["first_at"]) == ("v", "signup", at("05-03 07:00"))


def test_a_return_tells_how_long_the_user_was_away():
    turns = [
        *chat("daily", "05-19 12:00", "05-20 12:00"),
        *chat("week", "05-12 12:00", "05-20 12:00"),
        *chat("six", "05-13 12:00", "05-20 12:00"),
        *chat("month", "04-21 12:00", "05-20 12:00"),
        *chat("long", "04-20 12:00", "05-20 12:00"),
        *chat("new", "05-20 12:00"),
    ]
    world = World(turns=turns)
    for table in ("sessions", "user_days", "first_seen"):
        world.run(table, "04-01", "05-20")
    world.run("next_day_returns", "05-20")
    found = {row["user_id"]: (row["absent_days"], row["reengaged"]) for row in world.run("returns", "05-20")}
    assert found == {
        "daily": (0, False),
        "week": (7, True),
        "six": (6, False),
        "month": (28, True),
        "long": (28, True),
        "new": (None, None),
    }


def absences(turns: list[Row], watermark: str, absence_days: int = 3) -> dict[str, Row]:
    settings = Settings(labels=LabelSettings(absence_days=absence_days))
    world = World(watermark=watermark, turns=turns, settings=settings)
    for table in ("sessions", "user_days"):
        world.run(table, "05-01", "05-20")
    return {row["user_id"]: row for row in world.run("absences", "05-01", "05-20")}


def test_an_absence_begins_when_enough_days_have_passed_and_is_judged_a_week_later():
    turns = [
        *chat("gone", "05-01 12:00"),
        *chat("back", "05-01 12:00", "05-05 12:00"),
        *chat("last", "05-01 12:00", "05-11 12:00"),
        *chat("late", "05-01 12:00", "05-12 12:00"),
        *chat("never-away", *(f"05-{n:02} 12:00" for n in range(1, 21, 3))),
    ]
    assert absences(turns, "05-03") == {}
    early = absences(turns, "05-04")
    assert {user: row["reengaged"] for user, row in early.items()} == dict.fromkeys(("gone", "back", "last", "late"))
    assert {row["day"] for row in early.values()} == {day("05-04")}
    assert {row["reengaged_matures_on"] for row in early.values()} == {day("05-11")}
    assert {row["reengaged"] for row in absences(turns, "05-10").values() if row["day"] == day("05-04")} == {None}
    told = absences(turns, "05-11")
    first = {user: row["reengaged"] for user, row in told.items() if row["last_local_day"] == day("05-01")}
    assert first == {"gone": False, "last": True, "late": False}
    # Who came back on the fifth stayed away again: the later absence is a row of its own, on the eighth.
    assert (told["back"]["day"], told["back"]["last_local_day"]) == (day("05-08"), day("05-05"))


def test_days_away_are_days_of_the_user():
    # UTC-5: the third local day away ends at 05:00 UTC of the fifth; a start at 04:00 still lies in it.
    west = absences(chat("u", "05-01 12:00", offset=-300), "05-20")["u"]
    assert (west["day"], west["last_local_day"], west["reengaged_matures_on"]) == (
        day("05-05"),
        day("05-01"),
        day("05-12"),
    )
    assert absences(chat("u", "05-01 12:00", "05-05 04:00", offset=-300), "05-07") == {}
    # UTC+8: 17:00 UTC is already the next local day.
    east = absences(chat("u", "05-01 17:00", offset=480), "05-20")["u"]
    assert (east["day"], east["last_local_day"]) == (day("05-05"), day("05-02"))
