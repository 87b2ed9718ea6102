from collections import Counter

import pytest

from evalloop_assets.settings import LabelSettings, Settings
from evalloop_assets_tests.denoise.world import Row, World, at, turn

SLOW, FAST, EVEN = 16_000, 4_000, 8_000


def session(conversation: str, dwell: list[int | None], **by_event: Row) -> list[Row]:
    """Replies of 100 characters, one a minute, read for as long as told."""

    def reply(n: int, ms: int | None) -> Row:
        said = {"user_text": f"say {n}", "reply_text": f"reply {conversation}{n:02}"}
        read = {"reply_chars": 100, "dwell_ms": ms, "foreground_ms": ms, "typing_ms": 0, "scrolls": 2}
        who = {"conversation_id": conversation, "user_id": f"u{conversation}"}
        return turn(f"{conversation}{n:02}", f"05-01 10:{n:02}", **who | said | read | by_event.get(f"e{n}", {}))

    return [reply(n, ms) for n, ms in enumerate(dwell, 1)]


# Slow reading that goes on, then fast reading after which the user is gone: good early, bad late.
FALLING = [SLOW, SLOW, SLOW, SLOW, SLOW, EVEN, EVEN, FAST, FAST, FAST]
# Fast reading followed by fast reading, then slow reading that goes on: bad early, good late.
RISING = [FAST, FAST, FAST, FAST, FAST, FAST, FAST, SLOW, SLOW, SLOW, SLOW, SLOW, SLOW, SLOW]


def test_one_direction_alone_gives_no_tail_pairs():
    assert World(turns=session("a", FALLING)).run_to("tail_pairs") == []
    assert World(turns=session("a", RISING)).run_to("tail_pairs") == []


def test_tail_pairs_run_both_ways_in_balance():
    turns = [*session("a", FALLING), *session("b", RISING), *session("c", FALLING)]
    rows = World(turns=turns).run_to("tail_pairs")
    assert rows
    counts = Counter((row["distance"], row["direction"]) for row in rows)
    for distance in {row["distance"] for row in rows}:
        assert counts[distance, "good_early"] == counts[distance, "bad_early"]
    dwell = {row["event_id"]: row["dwell_ms"] for row in turns}
    assert {(dwell[row["chosen_event_id"]], dwell[row["rejected_event_id"]]) for row in rows} == {(SLOW, FAST)}
    assert all(row["evidence"] == "reading" for row in rows)


def test_a_session_gives_a_bounded_number_of_pairs():
    settings = Settings(labels=LabelSettings(tail_pairs_per_session=1))
    turns = [*session("a", FALLING * 3), *session("b", RISING * 3)]
    rows = World(settings=settings, turns=turns).run_to("tail_pairs")
    assert max(Counter((row["session_id"], row["direction"]) for row in rows).values(), default=0) <= 1


def test_natural_ends_are_no_negatives():
    ends = [session("a", FALLING, e10={"user_text": "bye"}), session("b", RISING)]
    rows = World(turns=[row for part in ends for row in part]).run_to("tail_pairs")
    assert not [row for row in rows if row["rejected_event_id"] in ("a08", "a09", "a10")]


def test_without_reading_the_labels_decide():
    liked, disliked = {"feedback": "like"}, {"feedback": "dislike"}
    early = {f"e{n}": liked for n in (2, 3, 4, 5, 6)} | {f"e{n}": disliked for n in (8, 9, 10, 11, 12)}
    late = {f"e{n}": disliked for n in (2, 3, 4, 5, 6)} | {f"e{n}": liked for n in (8, 9, 10, 11, 12)}
    unread = [None] * 13
    turns = [*session("a", unread, **early), *session("b", unread, **late)]
    rows = World(turns=turns).run_to("tail_pairs")
    assert {row["evidence"] for row in rows} == {"labels"}
    assert {row["direction"] for row in rows} == {"good_early", "bad_early"}


def test_without_reading_a_reply_disliked_itself_is_no_better_one_for_what_followed():
    later = {f"e{n}": {"feedback": "like"} for n in (8, 9, 10, 11, 12)}
    early = {f"e{n}": {"feedback": "like"} for n in (2, 3, 4, 5, 6)}
    turns = [*session("a", [None] * 13, **later), *session("b", [None] * 13, **early)]
    before = {row["chosen_event_id"] for row in World(turns=turns).run_to("tail_pairs")}
    assert before
    for row in turns:
        if row["event_id"] in before:
            row["feedback"] = "dislike"
    labels = World(turns=turns)
    rows = labels.run_to("tail_pairs")
    received = {row["event_id"]: row["immediate"] for row in labels.tables["horizon_labels"].to_pylist()}
    assert all(received[row["chosen_event_id"]] >= received[row["rejected_event_id"]] for row in rows)
    assert not before & {row["chosen_event_id"] for row in rows}


def regenerated(last: Row | None = None, **by_event: Row) -> list[Row]:
    """Three versions of the first reply, of which the last was kept, and one more reply."""
    by_event = {"e2": {"replaces_event_id": "a01"}, "e3": {"replaces_event_id": "a02"}} | by_event
    rows = session("a", [None] * 4, **by_event)
    for row in rows[:3]:
        row["user_text"] = "say"
    return rows


def test_the_kept_version_is_chosen_over_each_that_was_replaced():
    rows = World(turns=regenerated()).run_to("regeneration_pairs")
    assert {(row["chosen_event_id"], row["rejected_event_id"], row["position"]) for row in rows} == {
        ("a03", "a01", 1),
        ("a03", "a02", 1),
    }


def test_a_failed_version_an_edited_message_and_a_kept_version_disliked_give_no_pair():
    def rejected(turns: list[Row]) -> set[str]:
        return {row["rejected_event_id"] for row in World(turns=turns).run_to("regeneration_pairs")}

    edited = regenerated()
    edited[0]["user_text"] = "something else"
    failed = regenerated()
    failed[1]["error"] = True
    disliked = regenerated()
    disliked[2]["feedback"] = "dislike"
    assert (rejected(edited), rejected(failed), rejected(disliked)) == ({"a02"}, {"a01"}, set())
    assert rejected(regenerated()[:3]) == set()  # tried again, then left


def star(dwell: list[int | None], **by_event: Row) -> list[Row]:
    """`dwell` of four versions of one reply, each asked for in place of the first, and of the replies that follow."""
    by_event = {f"e{n}": {"replaces_event_id": "a01", "user_text": "say"} for n in (2, 3, 4)} | by_event
    return session("a", dwell, **by_event | {"e1": {"user_text": "say"}})


def rejected_by(rows: list[Row]) -> dict[str, str]:
    return {row["rejected_event_id"]: row["evidence"] for row in rows}


CALM = [FAST, FAST, FAST, SLOW, EVEN, EVEN, EVEN, EVEN, EVEN]
"""The fourth version is kept and read slowly; five replies follow."""


def test_versions_asked_for_in_place_of_the_first_are_compared_like_a_chain():
    rows = World(turns=star(CALM)).run_to("regeneration_pairs")
    assert rejected_by(rows) == dict.fromkeys(("a01", "a02", "a03"), "reading")
    assert {(row["chosen_event_id"], row["versions"]) for row in rows} == {("a04", 4)}
    assert {row["regeneration_share"] for row in rows} == {3 / 9}


def test_a_kept_version_that_was_hurried_through_is_no_choice_unless_it_was_liked():
    hurried = [FAST, FAST, FAST, EVEN, SLOW, SLOW, SLOW, SLOW, SLOW]
    liked = star(hurried, e4={"replaces_event_id": "a01", "user_text": "say", "feedback": "like"})
    assert World(turns=star(hurried)).run_to("regeneration_pairs") == []
    assert rejected_by(World(turns=liked).run_to("regeneration_pairs")) == dict.fromkeys(("a01", "a02", "a03"), "liked")


def test_a_kept_version_read_faster_than_the_one_it_replaced_is_no_choice():
    read_longest = [FAST, SLOW + 4_000, FAST, SLOW, EVEN, EVEN, EVEN, EVEN, EVEN]
    assert set(rejected_by(World(turns=star(read_longest)).run_to("regeneration_pairs"))) == {"a01", "a03"}
    too_short_to_rank = [EVEN, FAST, FAST, FAST, None]
    assert set(rejected_by(World(turns=star(too_short_to_rank)).run_to("regeneration_pairs"))) == {"a02", "a03"}
    unread = World(turns=star([None] * 5)).run_to("regeneration_pairs")
    assert rejected_by(unread) == dict.fromkeys(("a01", "a02", "a03"), "continued")


def test_pairs_are_bounded_for_each_reply_and_each_session_the_latest_versions_first():
    few = Settings(labels=LabelSettings(regeneration_pairs_per_reply=2))
    assert set(rejected_by(World(settings=few, turns=star(CALM)).run_to("regeneration_pairs"))) == {"a02", "a03"}
    one = Settings(labels=LabelSettings(regeneration_pairs_per_session=1))
    assert len(World(settings=one, turns=star(CALM)).run_to("regeneration_pairs")) == 1


def test_a_text_is_compared_once_and_never_with_itself():
    turns = star(CALM)
    turns[1]["reply_text"] = turns[2]["reply_text"]
    assert set(rejected_by(World(turns=turns).run_to("regeneration_pairs"))) == {"a01", "a03"}
    turns[0]["reply_text"] = turns[3]["reply_text"]
    assert set(rejected_by(World(turns=turns).run_to("regeneration_pairs"))) == {"a03"}


def test_the_kept_version_is_preferred_at_five_turns_only_where_it_led_on_well():
    led_on = World(turns=star(CALM)).run_to("preference_pairs")
    left_soon = World(turns=star(CALM[:6])).run_to("preference_pairs")
    assert len(led_on) == len(left_soon) == 3
    assert all(row["delayed_5"] == row["immediate"] in ("A", "B") for row in led_on)
    assert {(row["immediate"] in ("A", "B"), row["delayed_5"]) for row in left_soon} == {(True, "censored")}
    assert {row["horizon_tag"] for row in led_on} == {"medium"}
    assert {row["horizon_tag"] for row in left_soon} == {"immediate"}
    assert {row["delayed_session"] for row in led_on} == {"censored"}
    assert {(row["choice_id"], row["propensity"]) for row in led_on} == {("a04", 3 / 9)}


BATTLE = {"battle_id": "b1", "user_id": "u", "model_a": "m", "model_b": "n", "decided_at": at("05-01 12:00")}


def test_a_preference_pair_says_all_of_a_regeneration():
    world = World(turns=regenerated())
    rows = world.run_to("preference_pairs")
    assert len(rows) == 2
    for row in rows:
        chosen, other = ("a", "b") if row["immediate"] == "A" else ("b", "a")
        assert row[f"event_id_{chosen}"] == "a03"
        assert row[f"reply_{chosen}"] == "reply a03"
        assert row[f"reply_{other}"] == f"reply {row[f'event_id_{other}']}"
        assert (row["user_text_a"], row["user_text_b"], row["same_prefix"]) == ("say", "say", True)
        assert (row["delayed_5"], row["delayed_session"], row["horizon_tag"]) == ("censored", "censored", "immediate")
        assert (row["position_a"], row["position_b"], row["comparison_position"], row["continued_turns"]) == (
            1,
            1,
            1,
            1,
        )
        assert (row["occurred_at"], row["returned_next_day"]) == (at("05-01 10:03"), False)


def test_a_tail_pair_prefers_on_the_medium_horizon():
    turns = [*session("a", FALLING), *session("b", RISING)]
    rows = World(turns=turns).run_to("preference_pairs")
    dwell = {row["event_id"]: row["dwell_ms"] for row in turns}
    assert rows
    for row in rows:
        chosen, other = ("a", "b") if row["delayed_5"] == "A" else ("b", "a")
        assert (dwell[row[f"event_id_{chosen}"]], dwell[row[f"event_id_{other}"]]) == (SLOW, FAST)
        assert row[f"read_speed_cps_{chosen}"] < row[f"read_speed_cps_{other}"]
        assert (row["source"], row["horizon_tag"], row["same_prefix"]) == ("tail", "medium", False)
        assert row["comparison_position"] == min(row["position_a"], row["position_b"])
        assert (row["segment_first"], row["segment_last"]) == (1, max(row["position_a"], row["position_b"]))


def test_a_label_decided_within_the_margin_is_a_tie_and_a_missing_one_is_censored():
    settings = Settings(labels=LabelSettings(tie_margin=0.9))
    world = World(turns=[*session("a", FALLING), *session("b", RISING)])
    world.run_to("preference_pairs")
    world.settings = settings
    assert {row["immediate"] for row in world.run("preference_pairs")} <= {"tie", "A", "B"}
    assert "tie" in {row["delayed_5"] for row in world.run("preference_pairs")}


@pytest.mark.parametrize(("outcome", "winner"), [("a", "reply x"), ("b", "reply y"), ("tie", None), ("both_bad", None)])
def test_battles_join_with_their_texts(outcome: str, winner: str | None):
    battle = BATTLE | {"outcome": outcome, "reply_a": "reply x", "reply_b": "reply y", "user_text": "hi"}
    (row,) = World(battles=[battle]).run_to("preference_pairs")
    assert {row["reply_a"], row["reply_b"]} == {"reply x", "reply y"}
    assert (row["source"], row["user_text_a"], row["session_id"]) == ("battle", "hi", None)
    if winner is None:
        assert row["immediate"] == "tie"
    else:
        assert row["reply_a" if row["immediate"] == "A" else "reply_b"] == winner
    assert (row["delayed_5"], row["delayed_session"]) == ("censored", "censored")


def test_a_battle_between_logged_replies_takes_text_and_session_from_the_log():
    turns = session("a", [None] * 3)
    battle = BATTLE | {"outcome": "a", "event_id_a": "a02", "event_id_b": "a03"}
    (row,) = World(turns=turns, battles=[battle]).run_to("preference_pairs")
    assert row["reply_a" if row["immediate"] == "A" else "reply_b"] == "reply a02"
    assert row["session_id"] is not None
    assert World(turns=turns, battles=[BATTLE | {"outcome": "a"}]).run_to("preference_pairs") == []


def test_a_battle_of_whole_conversations_speaks_about_the_medium_horizon():
    battle = BATTLE | {"outcome": "a", "reply_a": "x", "reply_b": "y", "turns_a": 7, "turns_b": 5}
    (row,) = World(battles=[battle]).run_to("preference_pairs")
    assert (row["horizon_tag"], row["immediate"], row["same_prefix"]) == ("medium", "censored", False)
    assert row["delayed_5"] in ("A", "B")


def test_a_choice_among_several_is_several_pairs_joined_by_their_choice():
    sides = {"reply_a": "x", "outcome": "a", "choice_id": "k", "propensity": 0.25}
    battles = [BATTLE | sides | {"battle_id": f"b{other}", "reply_b": other} for other in ("y", "z")]
    rows = World(battles=battles).run_to("preference_pairs")
    assert {frozenset((row["reply_a"], row["reply_b"])) for row in rows} == {frozenset("xy"), frozenset("xz")}
    assert {row["reply_a" if row["immediate"] == "A" else "reply_b"] for row in rows} == {"x"}
    assert {(row["choice_id"], row["propensity"]) for row in rows} == {("k", 0.25)}


def test_a_coin_decides_which_side_is_a():
    battles = [BATTLE | {"battle_id": f"b{n}", "outcome": "a", "reply_a": "x", "reply_b": "y"} for n in range(400)]
    rows = World(battles=battles).run_to("preference_pairs")
    assert 160 < sum(row["immediate"] == "A" for row in rows) < 240
