import math
import statistics

import pyarrow as pa
import pytest

from evalloop_assets_tests.denoise.world import Row, World, at, day, turn


def labels(turns: list[Row], world: World | None = None, **more: object) -> dict[str, Row]:
    world = world or World(turns=turns, **more)
    return {row["event_id"]: row for row in world.run_to("horizon_labels")}


def replies(count: int, **by_event: Row) -> list[Row]:
    return [
        turn(f"e{n}", f"05-01 10:{n:02}", **{"user_text": "and"} | by_event.get(f"e{n}", {}))
        for n in range(1, count + 1)
    ]


def test_immediate_weighs_what_is_known():
    found = labels(replies(5, e1={"feedback": "like"}, e2={"feedback": "dislike"}, e3={"feedback": "complaint"}))
    # Weights: feedback 1, next message 0.3; messages of one length say nothing, none after an abrupt end says -1.
    assert {name: row["immediate"] for name, row in found.items()} == {
        "e1": pytest.approx(1 / 1.3),
        "e2": pytest.approx(-1 / 1.3),
        "e3": pytest.approx(-1 / 1.3),
        "e4": pytest.approx(0.0),
        "e5": pytest.approx(-0.3),
    }
    assert [found[name]["immediate_strength"] for name in ("e1", "e4")] == [1.0, pytest.approx(0.3)]


def test_a_message_counts_by_its_length_among_those_of_the_session():
    lengths = [40, 10, 20, 90]
    said = {f"e{n}": {"user_text": "x" * length} for n, length in enumerate(lengths, 1)}
    found = labels(replies(4, **said))
    # The mean is 40: (10 - 40) / (10 + 40), (20 - 40) / 60, (90 - 40) / 130, and none at all.
    assert [found[f"e{n}"]["immediate"] for n in (1, 2, 3, 4)] == [
        pytest.approx(0.3 * value) for value in (-30 / 50, -20 / 60, 50 / 130, -1)
    ]
    logged = labels(replies(4, **{f"e{n}": {"user_chars": length} for n, length in enumerate(lengths, 1)}))
    assert [row["immediate"] for row in logged.values()] == [row["immediate"] for row in found.values()]
    # Three messages are too few to tell what is usual.
    few = labels(replies(3, **{name: said[name] for name in ("e1", "e2", "e3")}))
    assert [row["immediate"] for row in few.values()] == [0.0, 0.0, pytest.approx(-0.3)]


def test_immediate_reads_the_reading_speed_where_enough_was_read():
    dwell = [9_000, 8_000, 7_000, 6_000]
    turns = replies(5, **{f"e{n}": {"reply_chars": 100, "dwell_ms": ms} for n, ms in enumerate(dwell, 1)})
    found = labels(turns)
    # Percentiles 1/8, 3/8, 5/8, 7/8, so values 0.75, 0.25, -0.25, -0.75 at weight 0.5; the next message adds 0.
    assert [found[f"e{n}"]["immediate"] for n in (1, 2, 3, 4)] == [
        pytest.approx(0.5 * value) for value in (0.75, 0.25, -0.25, -0.75)
    ]
    assert found["e5"]["speed_percentile"] is None
    few = labels(replies(4, **{f"e{n}": {"reply_chars": 100, "dwell_ms": 9_000 * n} for n in (1, 2, 3)}))
    assert [row["speed_percentile"] for row in few.values()] == [None] * 4


def habits(*, replies: int, bins: dict[int, int], **more: object) -> list[Row]:
    return [
        {"day": day("04-20"), "user_id": "u", "script": "latin", "bin": bin_, "replies": count * replies} | more
        for bin_, count in bins.items()
    ]


def read_once(speeds: list[Row]) -> Row:
    """One reply of 100 characters read within e seconds, of a user with these habits."""
    reply = turn("e1", "05-01 10:00", reply_text="x" * 100, dwell_ms=round(1000 * math.e), user_text="and")
    world = World(turns=[reply], reading_speeds=speeds)
    return world.run_to("horizon_labels")[0]


def test_a_single_reply_is_read_faster_or_slower_than_the_user_usually_does():
    # 100 characters in e seconds: ln 100 - 1 = 3.605. Bins 30 and 40, as often: mean 3.55, spread 0.5.
    usual = read_once(habits(replies=10, bins={30: 1, 40: 1}))
    percentile = statistics.NormalDist(3.55, 0.5).cdf(math.log(100) - 1)
    assert usual["speed_percentile"] is None
    assert usual["habit_percentile"] == pytest.approx(percentile, abs=0.01)
    assert usual["immediate"] == pytest.approx(0.5 * (1 - 2 * usual["habit_percentile"]) - 0.3)
    slow_reader = read_once(habits(replies=10, bins={20: 1, 30: 1}))["habit_percentile"]
    fast_reader = read_once(habits(replies=10, bins={40: 1, 50: 1}))["habit_percentile"]
    assert fast_reader < 0.05 < 0.95 < slow_reader
    # Both known: the mean of the two places.
    dwell = [9_000, 8_000, 7_000, 6_000]
    turns = replies(4, **{f"e{n}": {"reply_text": "x" * 100, "dwell_ms": ms} for n, ms in enumerate(dwell, 1)})
    world = World(turns=turns, reading_speeds=habits(replies=10, bins={20: 1, 30: 1}))
    for row in world.run_to("horizon_labels")[:3]:
        places = row["speed_percentile"] + row["habit_percentile"]
        assert row["immediate"] == pytest.approx(0.5 * (1 - places))


@pytest.mark.parametrize(
    "speeds",
    [
        [],
        habits(replies=9, bins={30: 1, 40: 1}),  # too few
        habits(replies=20, bins={30: 1}),  # no spread
        habits(replies=20, bins={30: 1, 40: 1}, script="han"),
        habits(replies=20, bins={30: 1, 40: 1}, user_id="another"),
        habits(replies=20, bins={30: 1, 40: 1}, day=day("04-02")),  # 29 days before
    ],
)
def test_a_habit_is_unknown_without_enough_reading_of_ones_own(speeds: list[Row]):
    row = read_once(speeds)
    assert (row["habit_percentile"], row["immediate"]) == (None, pytest.approx(-0.3))


def test_a_habit_reaches_back_28_days():
    assert read_once(habits(replies=20, bins={30: 1, 40: 1}, day=day("04-03")))["habit_percentile"] is not None


@pytest.mark.parametrize("kind", ["automatic", "low_intent"])
def test_nobody_but_people_is_labelled(kind: str):
    other = [turn(f"s{n}", f"05-01 12:{n:02}", user_id="other", conversation_id="s", user_text="so") for n in range(3)]
    world = World(turns=[*replies(4), *other])
    assert len(labels([], world=world)) == 7
    told = [row | ({"kind": kind} if row["user_id"] == "other" else {}) for row in world.tables["traffic"].to_pylist()]
    world.tables["traffic"] = pa.Table.from_pylist(told, world.tables["traffic"].schema)
    assert {row["event_id"] for row in world.run("horizon_labels")} == {"e1", "e2", "e3", "e4"}


def test_the_version_kept_is_preferred_and_only_it_has_a_row():
    found = labels(replies(3, e2={"replaces_event_id": "e1"}))
    assert set(found) == {"e2", "e3"}
    assert found["e2"]["immediate"] == pytest.approx(0.1)
    assert (found["e2"]["position"], found["e3"]["position"]) == (1, 2)


@pytest.mark.parametrize(
    ("last", "ends"),
    [
        ({}, [-0.4, -0.24, -0.08, 0.08, 0.24]),
        ({"interrupted": True}, [None] * 5),
        ({"error": True}, [None] * 5),
        ({"user_text": "bye"}, [None] * 5),
    ],
)
def test_only_an_abrupt_end_soon_after_is_held_against_a_reply(last: Row, ends: list[float | None]):
    found = labels(replies(7, e7=last))
    assert [found[f"e{n}"]["delayed_5"] for n in (7, 6, 5, 4, 3)] == [
        None if value is None else pytest.approx(value) for value in ends
    ]
    assert [found[name]["delayed_5"] for name in ("e1", "e2")] == [pytest.approx(0.4)] * 2
    # Of the next five replies all, and all but the last, have an answer; its length says how they were received.
    assert [found[name]["delayed_5_strength"] for name in ("e1", "e2")] == [1.0, pytest.approx(0.4 + 0.6 * 4 / 5)]


def test_a_character_that_speaks_again_unanswered_continues_nothing():
    alone = {"user_text": None}
    found = labels(replies(5, e3=alone, e4=alone, e5=alone))
    assert [found[f"e{n}"]["following_turns"] for n in range(1, 6)] == [1, 0, 0, 0, 0]
    assert [found[f"e{n}"]["immediate"] for n in range(1, 6)] == [0.0] + [pytest.approx(-0.3)] * 4
    between = labels(replies(5, e3=alone))
    assert between["e2"]["immediate"] is None
    assert between["e2"]["following_turns"] == 2


def test_strength_stays_within_bounds_where_a_character_speaks_again():
    liked = {"feedback": "like"}
    spoken = [turn(f"r{n}", f"05-01 10:0{n}", user_text="hm" if n % 2 else None, **liked) for n in range(7)]
    strengths = [row["delayed_5_strength"] for row in labels(spoken).values()]
    known = [strength for strength in strengths if strength is not None]
    assert known
    assert max(known) <= 1


@pytest.mark.parametrize("nothing", [None, ""])
def test_where_no_message_is_logged_every_reply_counts_as_answering_one(nothing: str | None):
    silent = labels(replies(3, **{f"e{n}": {"user_text": nothing} for n in (1, 2, 3)}))
    assert [silent[f"e{n}"]["following_turns"] for n in (1, 2, 3)] == [2, 1, 0]


def test_an_open_end_is_censored():
    found = labels(replies(3), log_end="05-01 10:20")
    assert [row["delayed_5"] for row in found.values()] == [None] * 3
    assert found["e3"]["immediate"] is None


def test_delayed_5_hears_how_the_next_five_were_received():
    found = labels(replies(8, e2={"feedback": "like"}, e3={"feedback": "dislike"}, e7={"feedback": "like"}))
    # Reception of e2 is 1 / 1.3, of e3 -1 / 1.3, of the others that were answered 0, of the last unknown.
    liked = 1 / 1.3
    assert found["e1"]["delayed_5"] == pytest.approx(0.4 + 0.6 * (liked - liked) / 5)
    assert found["e2"]["delayed_5"] == pytest.approx(0.4 + 0.6 * (-liked + liked) / 5)
    assert found["e3"]["delayed_5"] == pytest.approx(0.4 + 0.6 * liked / 4)
    assert found["e6"]["delayed_5"] == pytest.approx(0.4 * (2 * 2 / 5 - 1) + 0.6 * liked)
    assert found["e6"]["delayed_5_strength"] == pytest.approx(0.4 + 0.6 / 2)
    assert [found[f"e{n}"]["following_turns"] for n in (1, 3, 4, 8)] == [5, 5, 4, 0]


@pytest.mark.parametrize(("watermark", "value"), [("05-01", None), ("05-02", 1.0)])
def test_delayed_session_is_the_matured_return(watermark: str, value: float | None):
    visits = [{"user_id": "u", "opened_at": at("05-02 09:00")}]
    world = World(watermark=watermark, turns=replies(4), visits=visits)
    world.run("user_days", "05-02")
    found = labels([], world=world)
    assert {row["delayed_session"] for row in found.values()} == {value}
    assert {row["delayed_session_strength"] for row in found.values()} == {None if value is None else 0.25}
    assert found["e1"]["delayed_session_matures_on"] == at("05-02 00:00").date()
    absent = World(watermark="05-02", turns=replies(4))
    assert {row["delayed_session"] for row in labels([], world=absent).values()} == {-1.0}
