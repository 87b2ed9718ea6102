import numpy as np
import pytest

from evalloop_assets.settings import DenoiseSettings, Settings
from evalloop_assets_tests.denoise.world import Row, World, column, shifted, turn

UNTOLD = {"unknown", "interpolated", "error", "imputed"}


def read(**more: object) -> Row:
    """One reply of 100 characters, shown for 10 s, as it was read."""
    world = World(turns=[turn("e1", "05-01 10:00", **{"reply_chars": 100, "dwell_ms": 10_000, "typing_ms": 0} | more)])
    (row,) = world.run_to("reading")
    return row


def habitual(*last: Row, **each: object) -> dict[str, Row]:
    """A hundred replies of 160 characters that a reader takes 8 to 12 s for, and then `last`, by id."""
    seconds = 8 + 4 * np.random.default_rng(7).random(100)
    usual = {"reply_chars": 160, "typing_ms": 0} | each
    rows = [usual | {"dwell_ms": round(1000 * s)} for s in seconds] + [usual | row for row in last]
    turns = [turn(f"e{n}", shifted("05-01 10:00", n), **row) for n, row in enumerate(rows)]
    return {f"last{int(row['event_id'][1:]) - 100}": row for row in World(turns=turns).run_to("reading")}


def test_dwell_less_typing_is_reading():
    row = read(typing_ms=6_000)
    assert (row["effective_read_s"], row["chars_per_second"], row["background"], row["reason"]) == (
        4.0, 25.0, False, "read",
    )  # fmt: skip


def test_foreground_counts_instead_of_dwell_where_known_and_the_rest_was_background():
    row = read(dwell_ms=600_000, foreground_ms=10_000, typing_ms=5_000)
    assert (row["effective_read_s"], row["background"], row["reason"]) == (5.0, True, "partial")
    assert row["background_score"] > 0.99


@pytest.mark.parametrize(
    ("away_ms", "score", "background"), [(0, None, False), (1_000, 1 / 3, False), (2_000, 0.5, True)]
)
def test_logged_background_is_the_score(away_ms: int, score: float | None, background: bool):
    row = read(dwell_ms=10_000 + away_ms, foreground_ms=10_000)
    assert row["background"] is background
    assert row["background_score"] == pytest.approx(score) if score else row["background_score"] < 0.01


def test_the_length_of_the_text_stands_in_for_a_missing_count():
    assert read(reply_chars=None, reply_text="你" * 50)["chars_per_second"] == 5.0


@pytest.mark.parametrize(
    ("more", "reason", "seconds", "speed"),
    [
        # Bounds of Latin script: 60 characters a second, and 2 plus a pause of 10 s.
        ({"dwell_ms": 1_000}, "skipped", 1.0, 60.0),
        ({"dwell_ms": 0}, "skipped", 0.0, 60.0),
        ({"dwell_ms": 5_000, "typing_ms": 7_000}, "skipped", 0.0, 60.0),
        ({"dwell_ms": 20_000}, "read", 20.0, 5.0),
        ({"dwell_ms": 61_000, "foreground_ms": 60_500}, "capped", 60.0, 100 / 60),
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
    assert (row["background"] is None) is (row["background_score"] is None) is (reason in UNTOLD)
    assert row["speed_percentile"] == (None if speed is None else 0.5)


@pytest.mark.parametrize(
    ("text", "script", "fastest"),
    [
        ("r" * 100, "latin", 60.0),
        ("Où est-il ? Là-bas, près de l’école… " * 3, "latin", 60.0),
        ("He said “no” 🙂. " * 6, "latin", 60.0),
        ("读" * 100, "han", 25.2),
        ("我用 Python 写了一个 demo，你看看吧。" * 5, "han", 25.2),
        ("これは日本語の文章です。" * 8, "other", 42.0),
        ("이것은 한국어 문장입니다. " * 8, "other", 42.0),
        ("Это русское предложение. " * 4, "other", 42.0),
        ("", None, None),
        (None, None, 60.0),
    ],
)
def test_scripts_have_bounds_of_their_own(text: str | None, script: str | None, fastest: float | None):
    row = read(reply_chars=None if text is not None else 100, reply_text=text, dwell_ms=100)
    assert row["script"] == script
    assert row["chars_per_second"] == (None if fastest is None else pytest.approx(fastest))


def test_without_foreground_a_time_far_from_the_readers_own_is_background():
    found = habitual({"dwell_ms": 13_000}, {"dwell_ms": 40_000}, {"dwell_ms": 3_000_000})
    assert [found[f"last{n}"]["background"] for n in range(3)] == [False, True, True]
    assert [found[f"last{n}"]["reason"] for n in range(3)] == ["read", "background", "background"]
    scores = [found[f"last{n}"]["background_score"] for n in range(3)]
    assert scores == sorted(scores)
    assert not any(row["background"] for name, row in found.items() if name.startswith("last-"))


def test_a_few_replies_do_not_tell_what_is_usual():
    dwell = [4_000] * 7 + [40_000] * 7
    turns = [turn(f"e{n:02}", f"05-01 10:{n:02}", reply_chars=100, dwell_ms=ms) for n, ms in enumerate(dwell)]
    rows = World(turns=turns).run_to("reading")
    assert {row["reason"] for row in rows} == {"read"}
    assert max(row["background_score"] for row in rows[:7]) < min(row["background_score"] for row in rows[7:]) < 0.5


def test_a_slow_reader_is_no_absent_one():
    found = habitual({"dwell_ms": 13_000}, {"dwell_ms": 120_000}, reply_chars=30)
    assert [found[f"last{n}"]["background"] for n in range(2)] == [False, True]
    assert sum(row["background"] for row in found.values()) == 1


def test_many_acts_tell_that_somebody_was_there():
    away, there = {"dwell_ms": 17_000, "scrolls": 2}, {"dwell_ms": 17_000, "scrolls": 12}
    found = habitual(away, there, scrolls=2)
    assert (found["last0"]["background"], found["last1"]["background"]) == (True, False)


def test_typing_that_is_not_logged_takes_its_share_of_the_time_once_the_log_is_large_enough():
    first = {"reply_chars": 160, "dwell_ms": 22_000, "typing_ms": None}
    answer = {"user_text": "m" * 40}
    row = habitual(first, answer)["last0"]
    # 10 s and 2 s of thinking for the reply, 10 s for the next message: 12 of 22.
    assert (row["reason"], row["effective_read_s"]) == ("shared", pytest.approx(12.0))
    asked_again = habitual(first, answer | {"replaces_event_id": "e100"})["last0"]
    assert asked_again["reason"] == "background"
    small = World(turns=[turn("e1", "05-01 10:00", **first), turn("e2", "05-01 10:01", **answer)]).run_to("reading")[0]
    assert (small["reason"], small["effective_read_s"]) == ("read", 22.0)


def test_a_constant_that_comes_over_and_over_is_no_time_of_reading():
    found = habitual(*[{"dwell_ms": 30_000}] * 25)
    assert {found[f"last{n}"]["reason"] for n in range(25)} == {"imputed"}
    assert {row["reason"] for name, row in found.items() if name.startswith("last-")} == {"read"}
    assert {row["reason"] for name, row in habitual(*[{"dwell_ms": 30_000}] * 19).items()} == {"read", "background"}


@pytest.mark.parametrize("grid_ms", [1, 100, 1000])
def test_rounded_times_are_no_constants(grid_ms: int):
    drawn = np.exp(2 + 0.4 * np.random.default_rng(1).standard_normal(600))
    dwell = np.round(drawn * 1000 / grid_ms) * grid_ms
    turns = [
        turn(f"e{n}", shifted("05-01 00:00", n), user_id=f"u{n % 10}", reply_chars=100, dwell_ms=int(ms), typing_ms=0)
        for n, ms in enumerate(dwell)
    ]
    assert "imputed" not in {row["reason"] for row in World(turns=turns).run_to("reading")}


def test_bounds_and_habits_are_settings():
    settings = Settings(denoise=DenoiseSettings(fastest_cps=20, away_seconds=10))
    rows = [
        turn("e1", "05-01 10:00", reply_chars=100, dwell_ms=4_000, typing_ms=0),
        turn("e2", "05-01 10:01", reply_chars=100, dwell_ms=15_000, foreground_ms=10_000, typing_ms=0),
    ]
    first, second = World(settings=settings, turns=rows).run_to("reading")
    assert (first["reason"], second["background"]) == ("skipped", False)


def test_percentiles_are_mid_ranks_among_the_read_replies_of_the_session():
    dwell = {"e1": 10_000, "e2": 5_000, "e3": 5_000, "e4": None, "e5": 20_000}
    turns = [turn(name, f"05-01 10:0{name[1]}", reply_chars=100, dwell_ms=ms) for name, ms in dwell.items()]
    other = turn("x", "05-01 10:00", conversation_id="other", reply_chars=100, dwell_ms=1)
    rows = World(turns=[*turns, other]).run_to("reading")
    assert column(rows, "event_id", "speed_percentile") == {
        "e5": 0.125, "e1": 0.375, "e2": 0.75, "e3": 0.75, "e4": None, "x": 0.5,
    }  # fmt: skip


def test_positions_count_kept_replies_and_roots_follow_chains_and_stars():
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


def test_speeds_are_counted_by_script_in_bins_of_a_tenth():
    # ln 10 = 2.303 and ln 11 = 2.398 fall into bin 23, ln 12.5 = 2.526 into bin 25.
    turns = [
        turn(f"e{n}", f"05-01 10:0{n}", reply_text="r" * 110, reply_chars=chars, dwell_ms=10_000, typing_ms=0)
        for n, chars in enumerate((100, 110, 125))
    ]
    han = turn("h", "05-01 10:05", reply_text="读" * 50, dwell_ms=10_000, typing_ms=0)
    unknown = turn("x", "05-01 10:06", reply_chars=100, dwell_ms=10_000, typing_ms=0)
    nobody = turn("n", "05-01 10:07", reply_chars=100)
    rows = World(turns=[*turns, han, unknown, nobody]).run_to("reading_speeds")
    assert {(row["user_id"], row["script"], row["bin"], row["replies"]) for row in rows} == {
        ("u", "latin", 23, 2), ("u", "latin", 25, 1), ("u", "han", 16, 1), ("u", "unknown", 23, 1),
    }  # fmt: skip
