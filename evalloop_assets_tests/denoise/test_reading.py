import pytest

from evalloop_assets_tests.denoise.world import Row, World, column, turn


def read(**more: object) -> Row:
    """One reply of 100 characters, shown for 10 s, as it was read."""
    world = World(turns=[turn("e1", "05-01 10:00", **{"reply_chars": 100, "dwell_ms": 10_000} | more)])
    (row,) = world.run_to("reading")
    return row


def test_dwell_less_typing_is_reading():
    row = read(typing_ms=6_000)
    assert (row["effective_read_s"], row["chars_per_second"], row["background"], row["reason"]) == (
        4.0, 25.0, False, "read",
    )  # fmt: skip


def test_foreground_counts_instead_of_dwell_where_known():
    row = read(dwell_ms=600_000, foreground_ms=10_000, typing_ms=5_000)
    assert (row["effective_read_s"], row["reason"]) == (5.0, "read")


def test_the_length_of_the_text_stands_in_for_a_missing_count():
    assert read(reply_chars=None, reply_text="你" * 50)["chars_per_second"] == 5.0


@pytest.mark.parametrize(
    ("more", "reason", "seconds", "speed"),
    [
        # Bounds: fastest 60 cps, slowest 2 cps plus a pause of 10 s, absence after 300 s without an act.
        ({"dwell_ms": 1_000}, "skipped", 1.0, 60.0),
        ({"dwell_ms": 0}, "skipped", 0.0, 60.0),
        ({"dwell_ms": 5_000, "typing_ms": 7_000}, "skipped", 0.0, 60.0),
        ({"dwell_ms": 60_000}, "read", 60.0, 100 / 60),
        ({"dwell_ms": 61_000}, "capped", 60.0, 100 / 60),
        ({"dwell_ms": 300_000}, "capped", 60.0, 100 / 60),
        ({"dwell_ms": 300_001}, "background", None, None),
        ({"dwell_ms": 300_001, "scrolls": 1}, "capped", 60.0, 100 / 60),
        ({"dwell_ms": 9_000, "foreground_ms": 0}, "background", None, None),
        ({"dwell_ms": None}, "unknown", None, None),
        ({"dwell_ms": None, "foreground_ms": 9_000}, "unknown", None, None),
        ({"reply_chars": None}, "unknown", None, None),
        ({"time_source": "interpolated"}, "interpolated", None, None),
        ({"error": True}, "error", None, None),
    ],
)
def test_bounds(more: Row, reason: str, seconds: float | None, speed: float | None):
    row = read(**more)
    assert row["reason"] == reason
    assert row["effective_read_s"] == (None if seconds is None else pytest.approx(seconds))
    assert row["chars_per_second"] == (None if speed is None else pytest.approx(speed))
    assert row["background"] is {"background": True, "unknown": None, "interpolated": None, "error": None}.get(
        reason, False
    )
    assert row["speed_percentile"] == (None if speed is None else 0.5)


def test_percentiles_are_mid_ranks_among_the_read_replies_of_the_session():
    dwell = {"e1": 10_000, "e2": 5_000, "e3": 5_000, "e4": None, "e5": 20_000}
    turns = [turn(name, f"05-01 10:0{name[1]}", reply_chars=100, dwell_ms=ms) for name, ms in dwell.items()]
    other = turn("x", "05-01 10:00", conversation_id="other", reply_chars=100, dwell_ms=1)
    rows = World(turns=[*turns, other]).run_to("reading")
    assert column(rows, "event_id", "speed_percentile") == {
        "e5": 0.125, "e1": 0.375, "e2": 0.75, "e3": 0.75, "e4": None, "x": 0.5,
    }  # fmt: skip


def test_positions_count_kept_replies_and_roots_follow_chains():
    replaces = {"e3": "e2", "e4": "e3", "e6": "e5", "e7": "e5"}
    turns = [turn(f"e{n}", f"05-01 10:0{n}", replaces_event_id=replaces.get(f"e{n}")) for n in range(1, 9)]
    rows = World(turns=turns).run_to("reading")
    assert column(rows, "event_id", "position") == {
        "e1": 1, "e2": None, "e3": None, "e4": 2, "e5": None, "e6": None, "e7": 3, "e8": 4,
    }  # fmt: skip
    assert column(rows, "event_id", "root_event_id") == {
        "e1": "e1", "e2": "e2", "e3": "e2", "e4": "e2", "e5": "e5", "e6": "e5", "e7": "e5", "e8": "e8",
    }  # fmt: skip


def test_a_reply_after_midnight_belongs_to_the_day_of_its_session():
    world = World(turns=[turn("e1", "05-01 23:59"), turn("e2", "05-02 00:01")])
    rows = world.run_to("reading")
    assert {row["event_id"]: (str(row["day"]), row["position"]) for row in rows} == {
        "e1": ("2026-05-01", 1),
        "e2": ("2026-05-01", 2),
    }
    assert world.run_to("reading", "05-02") == []
