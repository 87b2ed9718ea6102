from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.settings import DenoiseSettings, Settings
from evalloop_assets_tests.denoise.world import Row, World, at, shifted, turn


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
    five = Settings(denoise=DenoiseSettings(session_idle_minutes=5))
    turns = [turn("e1", "05-01 10:00"), turn("e2", "05-01 10:06")]
    assert len(World(settings=five, turns=turns).run("sessions")) == 2


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


@st.composite
def logs(draw: st.DrawFn) -> list[Row]:
    """Two users in two conversations over some days, with silences of about the gap and some regenerations."""
    gaps = st.sampled_from([0, 1, 5, 29, 30, 31, 90, 700]) | st.floats(0, 40)
    rows: list[Row] = []
    for user, conversation in (("u", "c"), ("u", "d"), ("v", "c")):
        minutes = draw(st.floats(0, 1400))
        for n in range(draw(st.integers(0, 12))):
            minutes += draw(gaps)
            replaces = f"{user}{conversation}{draw(st.integers(0, n)):02}" if n and draw(st.booleans()) else None
            rows.append(
                turn(
                    f"{user}{conversation}{n:02}", shifted("05-01 00:00", minutes), user_id=user,
                    conversation_id=conversation, replaces_event_id=replaces,
                )
            )  # fmt: skip
    return rows


def cut_by_hand(turns: list[Row], idle_minutes: float = 30) -> list[tuple[str, str, list[str]]]:
    """Users, conversations and replies of each session, cut wherever a silence is longer than the gap."""
    found: list[tuple[str, str, list[str]]] = []
    before: Row | None = None
    for row in sorted(
        turns, key=lambda row: (row["user_id"], row["conversation_id"], row["shown_at"], row["event_id"])
    ):
        same = before and all(before[name] == row[name] for name in ("user_id", "conversation_id"))
        if not same or (row["shown_at"] - before["shown_at"]).total_seconds() > 60 * idle_minutes:
            found.append((row["user_id"], row["conversation_id"], []))
        found[-1][2].append(row["event_id"])
        before = row
    return sorted(found)


@settings(max_examples=25)
@given(logs(), st.randoms())
def test_whatever_the_order_and_the_range_sessions_are_those_cut_by_hand(turns: list[Row], random):
    days = "05-01", max((f"{row['shown_at']:%m-%d}" for row in turns), default="05-01")
    world = World(turns=turns)
    world.run_to("reading", *days)
    by_hand = cut_by_hand(turns)
    replies: dict[str, list[str]] = {}
    for row in world.tables["reading"].to_pylist():
        replies.setdefault(row["session_id"], []).append(row["event_id"])
    sessions = world.tables["sessions"].to_pylist()
    assert sorted((s["user_id"], s["conversation_id"], sorted(replies[s["session_id"]])) for s in sessions) == by_hand
    assert all(s["turns"] == len(replies[s["session_id"]]) for s in sessions)

    shuffled = random.sample(turns, len(turns))
    assert World(turns=shuffled).run("sessions", *days) == sorted(sessions, key=repr)
    assert World(turns=turns).run_daily("sessions", *days) == sorted(sessions, key=repr)


@settings(max_examples=25)
@given(logs(), st.integers(0, 4_400))
def test_only_sessions_that_the_end_of_the_log_reaches_are_open_and_more_log_never_opens_one(
    turns: list[Row], minute: int
):
    end = shifted("05-01 00:00", minute)
    seen = [row for row in turns if row["shown_at"] <= at(end)]
    now = World(log_end=end, turns=seen).run("sessions", "05-01", "05-04")
    later = {row["session_id"]: row for row in World(turns=turns).run("sessions", "05-01", "05-04")}
    for session in now:
        assert session["open"] == ((at(end) - session["ended_at"]).total_seconds() <= 1_800)
        if not session["open"]:
            assert later[session["session_id"]] == session
