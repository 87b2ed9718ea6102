"""What must hold of any log: the order of rows and the cut into runs change nothing, and values keep their bounds."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets_tests.denoise.world import ORDER, Row, World, at

FIRST, LAST = "05-01", "05-05"
FROM_BEHAVIOUR = [table for table in ORDER if table != "maturity"]

minutes = st.integers(0, 24 * 6).map(lambda tens: 10 * tens)
steps = st.lists(st.sampled_from([1, 5, 29, 30, 31, 90, 700]), min_size=1, max_size=7)


@st.composite
def chats(draw: st.DrawFn) -> list[Row]:
    """A few users' replies over some days, with gaps around the idle gap, regenerations, offsets and feedback."""
    rows: list[Row] = []
    for chat in range(draw(st.integers(1, 4))):
        shown_at = at("05-01 00:00") + timedelta(minutes=draw(minutes))
        user = draw(st.sampled_from(["u", "v"]))
        for gap in draw(steps):
            before = rows[-1]["event_id"] if rows else None
            rows.append(
                {
                    "event_id": f"e{len(rows)}",
                    "user_id": user,
                    "conversation_id": f"c{chat}",
                    "model_id": "m",
                    "shown_at": shown_at,
                    "utc_offset_minutes": {"u": 480, "v": -300}[user],
                    "reply_chars": draw(st.integers(0, 200)),
                    "dwell_ms": draw(st.none() | st.integers(0, 400_000)),
                    "replaces_event_id": draw(st.sampled_from([None, None, before])),
                    "feedback": draw(st.sampled_from([None, None, "like", "dislike"])),
                    "user_text": draw(st.sampled_from(["and", "bye", None])),
                    "reply_text": f"text {len(rows)}",
                }
            )
            shown_at += timedelta(minutes=gap)
    return rows


@settings(max_examples=3)
@given(rows=chats(), random=st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_cut_into_runs_change_nothing(rows: list[Row], random: st.randoms):
    ranged = World(turns=rows)
    ranged.run_all(FIRST, LAST)
    shuffled = list(rows)
    random.shuffle(shuffled)
    daily = World(turns=shuffled)
    daily.run_all_daily(FIRST, LAST)
    for table in FROM_BEHAVIOUR:
        assert sorted(ranged.tables[table].to_pylist(), key=repr) == sorted(
            daily.tables[table].to_pylist(), key=repr
        ), table


@settings(max_examples=8)
@given(rows=chats())
def test_every_reply_has_its_place_and_every_label_its_bounds(rows: list[Row]):
    world = World(turns=rows)
    world.run_all(FIRST, LAST)
    found = {table: world.tables[table].to_pylist() for table in FROM_BEHAVIOUR}
    assert sorted(row["event_id"] for row in found["reading"]) == sorted(row["event_id"] for row in rows)
    assert sum(row["turns"] for row in found["sessions"]) == len(rows)
    kept = {row["event_id"] for row in found["reading"] if row["position"] is not None}
    assert sum(row["kept_turns"] for row in found["sessions"]) == len(kept)
    people = {row["session_id"] for row in found["traffic"] if row["kind"] == "people"}
    by_people = {row["event_id"] for row in found["reading"] if row["session_id"] in people} & kept
    assert {row["event_id"] for row in found["horizon_labels"]} == by_people
    assert {row["session_id"] for row in found["exits"]} == {row["session_id"] for row in found["sessions"]}
    for session in found["sessions"]:
        places = [row["position"] for row in found["reading"] if row["session_id"] == session["session_id"]]
        assert sorted(place for place in places if place) == list(range(1, session["kept_turns"] + 1))
    for row in found["horizon_labels"]:
        for name in ("immediate", "delayed_5", "delayed_session"):
            assert row[name] is None or -1 <= row[name] <= 1
            assert (row[name] is None) == (row[f"{name}_strength"] is None)
            assert row[f"{name}_strength"] is None or 0 < row[f"{name}_strength"] <= 1
    for row in found["preference_pairs"]:
        assert row["event_id_a"] != row["event_id_b"]
        assert {row["immediate"], row["delayed_5"], row["delayed_session"]} <= {"A", "B", "tie", "censored"}
