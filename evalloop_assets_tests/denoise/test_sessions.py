from datetime import date

import pytest

from evalloop_assets.settings import DenoiseSettings, Settings
from evalloop_assets_tests.denoise.world import World, at, shifted, turn


def test_a_silence_longer_than_the_gap_cuts_and_one_of_exactly_the_gap_does_not():
    world = World(turns=[turn("e1", "05-01 10:00"), turn("e2", "05-01 10:30"), turn("e3", "05-01 11:00:01")])
    rows = world.run("sessions")
    assert [
        (row["started_at"], row["ended_at"], row["turns"]) for row in sorted(rows, key=lambda r: r["started_at"])
    ] == [
        (at("05-01 10:00"), at("05-01 10:30"), 2),
        (at("05-01 11:00:01"), at("05-01 11:00:01"), 1),
    ]


def test_a_chat_across_midnight_is_one_session_of_the_day_it_began():
    turns = [turn("e1", "05-01 23:50"), turn("e2", "05-02 00:10"), turn("e3", "05-02 00:40")]
    world = World(turns=turns)
    (row,) = world.run("sessions", "05-01")
    assert (row["day"], row["turns"], row["ended_at"]) == (date(2026, 5, 1), 3, at("05-02 00:40"))
    assert world.run("sessions", "05-02") == []


def test_users_and_conversations_are_apart_even_when_their_ids_join_to_one_text():
    turns = [
        turn("e1", "05-01 10:00", user_id="a|b", conversation_id="c"),
        turn("e2", "05-01 10:00", user_id="a", conversation_id="b|c"),
        turn("e3", "05-01 10:01", user_id="a", conversation_id="d"),
    ]
    rows = World(turns=turns).run("sessions")
    assert len({row["session_id"] for row in rows}) == 3


def test_what_is_taken_from_the_first_reply_and_what_is_counted():
    turns = [
        turn("e1", "05-01 22:00", utc_offset_minutes=180, model_id="m1", arm="treatment", experiment_id="x",
             character_id="k", feedback="like"),
        turn("e2", "05-01 22:01", utc_offset_minutes=-60, model_id="m2", feedback="complaint"),
        turn("e3", "05-01 22:02", feedback="dislike", replaces_event_id="e2"),
    ]  # fmt: skip
    (row,) = World(turns=turns).run("sessions")
    assert (row["model_id"], row["arm"], row["experiment_id"], row["character_id"]) == ("m1", "treatment", "x", "k")
    assert row["local_day"] == date(2026, 5, 2)
    assert (row["likes"], row["complaints"], row["regenerations"], row["turns"], row["kept_turns"]) == (1, 1, 1, 3, 2)


@pytest.mark.parametrize(
    ("replaces", "kept", "regenerations"),
    [
        ({"e2": "e1", "e3": "e2"}, 2, 2),  # a chain: e1 ← e2 ← e3, and e4
        ({"e2": "e1", "e3": "e1"}, 2, 2),  # a star: both replace e1
        ({"e1": "e2"}, 4, 0),  # an older reply cannot replace a newer one
        ({"e2": "elsewhere"}, 4, 0),
        ({}, 4, 0),
    ],
)
def test_regenerations_leave_one_kept_reply_of_each_group(replaces: dict[str, str], kept: int, regenerations: int):
    turns = [turn(f"e{n}", f"05-01 10:0{n}", replaces_event_id=replaces.get(f"e{n}")) for n in range(1, 5)]
    world = World(turns=turns)
    (row,) = world.run("sessions")
    assert (row["kept_turns"], row["regenerations"]) == (kept, regenerations)
    assert sum(reply["position"] is not None for reply in world.run("reading")) == kept


@pytest.mark.parametrize(
    ("log_end", "open_"),
    [("05-01 10:30", True), ("05-01 10:30:01", False), (None, True)],
)
def test_a_session_is_open_while_the_log_ends_within_the_gap(log_end: str | None, open_: bool):
    (row,) = World(log_end=log_end, turns=[turn("e1", "05-01 10:00")]).run("sessions")
    assert row["open"] is open_


def test_the_gap_is_a_setting():
    settings = Settings(denoise=DenoiseSettings(session_idle_minutes=5))
    turns = [turn("e1", "05-01 10:00"), turn("e2", "05-01 10:06")]
    assert len(World(settings=settings, turns=turns).run("sessions")) == 2


def test_a_script_that_never_pauses_is_cut_by_the_day_alike_in_one_range_and_day_by_day():
    turns = [turn(f"e{n:03}", shifted("05-01 22:00", 20 * n)) for n in range(3 * 72 + 12)]
    ranged = World(turns=turns).run("sessions", "05-01", "05-05")
    daily = World(turns=turns).run_daily("sessions", "05-01", "05-05")
    assert ranged == daily
    assert [(row["day"].day, row["turns"]) for row in sorted(ranged, key=lambda r: r["day"])] == [
        (1, 6 + 72),
        (3, 72),
        (4, 72),
        (5, 6),
    ]
