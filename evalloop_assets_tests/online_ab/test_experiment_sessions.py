"""What the replies of a session were like, as far as their text and figures tell."""

import pytest

from evalloop_assets_tests.denoise.world import World, at, needed, shifted, turn

GARDEN, DOOR, KEY = "The door opens slowly.", "Behind it is a garden!", "You still hold the brass key."
EXPOSURE = {
    "experiment_id": "x", "unit": "user", "unit_id": "u", "user_id": "u", "arm": "treatment", "model_id": "new",
    "assigned_at": at("05-01 09:00"),
}  # fmt: skip


def sessions(turns, assignments=(EXPOSURE,), day="05-01"):
    world = World(turns=turns, assignments=assignments)
    for table in needed("experiment_sessions"):
        world.run(table, "04-28", "05-20")
    return world.run("experiment_sessions", day)


def said(*replies, **more):
    turns = [turn(f"e{k:02}", shifted("05-01 10:00", k), reply_text=reply, **more) for k, reply in enumerate(replies)]
    (row,) = sessions(turns)
    return {name: row[name] for name in ("worded", "stale", "sentences", "repeated")}


def test_a_reply_that_says_only_new_things_repeats_nothing():
    assert said(f"{GARDEN} {DOOR}", KEY) == {"worded": 2, "stale": 0, "sentences": 3, "repeated": 0}


def test_a_sentence_is_repeated_where_the_reply_before_or_the_same_reply_had_it():
    assert said(f"{GARDEN} {DOOR}", f"{GARDEN} {KEY} {KEY} {KEY}")["repeated"] == 1 + 2
    assert said(GARDEN, DOOR, GARDEN)["repeated"] == 0


@pytest.mark.parametrize(("between", "stale"), [(9, 1), (10, 0)])
def test_a_reply_says_little_new_where_half_of_it_was_said_in_the_ten_before(between, stale):
    fresh = [f"Something else happens, number {k}" for k in range(between)]
    assert said(GARDEN, *fresh, f"{GARDEN} {DOOR}")["stale"] == stale


def test_less_than_half_of_it_is_no_padding():
    assert said(GARDEN, f"{GARDEN} {DOOR} {KEY}")["stale"] == 0


def test_case_and_marks_make_no_difference_and_short_exclamations_do_not_count():
    assert said("The door opens slowly", "Oh! Yes. THE DOOR OPENS SLOWLY…")["repeated"] == 1
    assert said("Yes.", "Yes.") == {"worded": 0, "stale": 0, "sentences": 0, "repeated": 0}


def test_chinese_sentences_end_where_their_marks_are():
    assert said("门慢慢地打开了。后面是一座花园。", "门慢慢地打开了！你还拿着那把钥匙。") == {
        "worded": 2, "stale": 1, "sentences": 4, "repeated": 1
    }  # fmt: skip


def test_a_version_that_was_regenerated_away_says_nothing():
    turns = [
        turn("a", "05-01 10:00", reply_text=GARDEN),
        turn("b", "05-01 10:01", reply_text=GARDEN, replaces_event_id="a"),
        turn("c", "05-01 10:02", reply_text=DOOR),
    ]
    (row,) = sessions(turns)
    assert (row["worded"], row["repeated"]) == (2, 0)


def test_what_is_not_logged_is_not_counted():
    turns = [
        turn("a", "05-01 10:00", latency_ms=700, cost_usd=0.0125, error=True, user_chars=50),
        turn("b", "05-01 10:01", user_chars=8, error=False),
        turn("c", "05-01 10:02", user_text="what now"),
    ]
    (row,) = sessions(turns)
    assert {name: value for name, value in row.items() if isinstance(value, int)} == {
        "error_known": 2, "errors": 1, "latency_known": 1, "latency_ms": 700, "cost_known": 1, "cost_micros": 12_500,
        "next_messages": 2, "next_chars": 16, "worded": 0, "stale": 0, "sentences": 0, "repeated": 0,
    }  # fmt: skip


def test_only_users_exposed_within_14_days_are_looked_at():
    turns = [turn("a", "05-14 10:00"), turn("b", "05-14 10:00", user_id="v")]
    assert [row["user_id"] for row in sessions(turns, day="05-14")] == ["u"]
    assert sessions([turn("a", "05-15 10:00")], day="05-15") == []
    assert sessions(turns, [EXPOSURE | {"arm": "shadow"}], day="05-14") == []
