from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.frames import typed
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.settings import DenoiseSettings, Settings
from evalloop_assets_tests.denoise.readers import Readers, drawn
from evalloop_assets_tests.denoise.world import FILES, Row, World, at, compute, load, turn

REGULAR = "replies at regular intervals"
REPEATED = "the same messages again and again"
HURRIED = "answers faster than anybody reads and types"
LIFELESS = "no scroll, click or typing, which the app tells of others"
SLEEPLESS = "active around the clock"
ENDLESS = "more replies than anybody reads in a day"


def user(name: str, seconds: Sequence[float], conversation: str = "", **more: object) -> list[Row]:
    """Replies to one user, so many seconds after midnight; `more` may be a function of the reply's number."""
    start = at("05-01 00:00")
    return [
        turn(f"{name}{conversation}{n:05}", "05-01 00:00")
        | {"user_id": name, "conversation_id": f"{name}{conversation}", "user_text": f"say {n} of {name}"}
        | {key: value(n) if callable(value) else value for key, value in more.items()}
        | {"shown_at": start + timedelta(seconds=float(second))}
        for n, second in enumerate(seconds)
    ]


def kinds(*turns: Row, settings: Settings | None = None, last: str = "05-01") -> dict[str, tuple[str, str | None]]:
    """Kind and reason of the sessions of each user, which must agree."""
    rows = World(settings=settings, turns=turns).run_to("traffic", "05-01", last)
    found: dict[str, set[tuple[str, str | None]]] = {}
    for row in rows:
        found.setdefault(row["user_id"], set()).add((row["kind"], row["reason"]))
    assert all(len(told) == 1 for told in found.values())
    return {name: told.pop() for name, told in found.items()}


def irregular(n: int, mean: float, start: float = 36_000, seed: int = 1) -> np.ndarray:
    """Seconds after midnight with gaps that vary as those of people do."""
    return start + np.cumsum(np.random.default_rng(seed).gamma(2, mean / 2, n))


PERSON = user("person", irregular(60, 40), scrolls=1, typing_ms=3000)
"""An app that tells scrolls and typing, and somebody who uses it."""
BEAT = np.arange(40) * 60 + 36_000.0


@pytest.mark.parametrize(
    ("turns", "reasons"),
    [
        (user("u", BEAT, user_text="hello"), [REGULAR, REPEATED]),
        (user("u", BEAT + np.random.default_rng(1).uniform(0, 5, 40), user_text="hello"), [REGULAR, REPEATED]),
        (user("u", irregular(40, 90), user_text="hello", scrolls=0, clicks=0), [REPEATED, LIFELESS]),
        (user("u", irregular(40, 1), reply_chars=300), [HURRIED]),
        (user("u", irregular(40, 1), reply_chars=300, scrolls=0, typing_ms=0), [HURRIED, LIFELESS]),
        (user("u", np.arange(72) * 1200.0), [REGULAR, SLEEPLESS]),
        (user("u", irregular(40, 90), user_text=lambda n: f"message {n % 3}", scrolls=0), [REPEATED, LIFELESS]),
    ],
)
def test_two_kinds_of_evidence_make_a_script(turns: list[Row], reasons: list[str]):
    told = ("automatic", "; ".join(reasons)) if len(reasons) > 1 else ("people", None)
    assert kinds(*turns, *PERSON) == {"u": told, "person": ("people", None)}


@pytest.mark.parametrize(
    "turns",
    [
        user("u", BEAT),
        user("u", irregular(300, 50), user_text="continue"),
        user("u", irregular(40, 90), scrolls=0, clicks=0),
        user("u", np.arange(0, 86_400, 600) + np.random.default_rng(2).uniform(0, 500, 144)),
        user("u", irregular(1_100, 50, start=20_000), typing_ms=4_000, scrolls=2),
        user("u", BEAT[:19], user_text="hello"),
    ],
    ids=["regular", "same words", "an app without signs", "around the clock", "all day long", "too few replies"],
)
def test_one_kind_of_evidence_makes_none(turns: list[Row]):
    assert kinds(*turns, *PERSON)["u"] == ("people", None)


def test_signs_are_missed_only_where_the_app_tells_them_of_others():
    quiet = user("u", irregular(40, 90), user_text="hello", scrolls=0, clicks=0)
    others = user("v", irregular(40, 90), scrolls=0), user("w", irregular(40, 90), scrolls=0)
    assert kinds(*quiet, *others[0], *others[1])["u"] == ("people", None)


def test_the_whole_day_counts_over_all_conversations_and_sets_all_its_sessions_apart():
    first, second = user("u", BEAT[::2], "a", user_text="hello"), user("u", BEAT[1::2], "b", user_text="hello")
    lone = user("u", [80_000.0], "c", user_text="bye")
    assert kinds(*first, *second, *lone) == {"u": ("automatic", f"{REGULAR}; {REPEATED}")}


def test_a_session_across_midnight_is_judged_on_both_days():
    late = np.append([86_000.0, 86_300.0], 86_400 + np.arange(60) * 60.0)
    assert kinds(*user("u", late, user_text="hello")) == {"u": ("automatic", f"{REGULAR}; {REPEATED}")}


def test_a_volume_that_nobody_reads():
    settings = Settings(denoise=DenoiseSettings(most_replies_a_day=50))
    turns = user("u", irregular(60, 40), user_text="hello")
    assert kinds(*turns, settings=settings)["u"] == ("automatic", f"{REPEATED}; {ENDLESS}")


def test_gaps_that_many_users_share_to_the_millisecond_are_no_evidence():
    """A log without times of reading, in which most times were imputed at 30 s, as in a public log of news clicks."""
    turns = [
        row for number in range(8) for row in user(f"u{number}", np.arange(60) * 30 + 3_000.0 * number, user_text="x")
    ]
    assert set(kinds(*turns).values()) == {("people", None)}
    assert kinds(*turns[:60]) == {"u0": ("automatic", f"{REGULAR}; {REPEATED}")}


def test_interpolated_times_are_no_evidence():
    assert kinds(*user("u", BEAT, user_text="hello", time_source="interpolated"))["u"] == ("people", None)


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        (user("u", [0, 5], user_text=None), ("low_intent", "a greeting or two, and no message of the user")),
        (user("u", [0, 5, 9, 20], user_text=""), ("people", None)),
        (user("u", [0, 5], user_text=None, feedback="dislike"), ("people", None)),
        (user("u", [0, 5], user_text=lambda n: "hi" if n else None), ("people", None)),
        (user("u", [0], reply_chars=500, dwell_ms=300), ("people", None)),
    ],
)
def test_nobody_meant_to_chat(turns: list[Row], told: tuple[str, str | None]):
    assert kinds(*turns, *PERSON)["u"] == told


def test_where_a_log_has_no_messages_only_what_nobody_read_is_low_intent():
    bare = {"user_text": None, "reply_chars": 500}
    skipped, read, unknown = (
        user(name, [0, 60], dwell_ms=ms, **bare) for name, ms in (("s", 300), ("r", 30_000), ("x", None))
    )
    assert kinds(*skipped, *read, *unknown) == {
        "s": ("low_intent", "nobody read what was shown"),
        "r": ("people", None),
        "x": ("people", None),
    }


def test_people_stay_people_whatever_the_log_lacks():
    log = drawn(Readers(users=60, replies=60, chars=60), 1).turns
    bare = ["user_id", "conversation_id", "model_id", "event_id", "shown_at"]
    for columns in (log.columns, log.columns.drop(["typing_ms", "scrolls"]), bare):
        world = World()
        world.tables["turns"] = typed(log[columns], TURNS)
        rows = world.run_to("traffic")
        assert {row["kind"] for row in rows} == {"people"}
        assert len(rows) >= 60


def test_readers_of_news_are_no_scripts_though_their_clicks_come_every_30_seconds(shared_data: Path):
    with duckdb.connect() as connection:
        found = connection.sql(
            f"""
            SELECT
              CAST(user_id AS VARCHAR) AS user_id, CAST(session_id AS VARCHAR) AS conversation_id, 'm' AS model_id,
              CAST(row_number() OVER () AS VARCHAR) AS event_id, make_timestamp(click_timestamp * 1000) AS shown_at
            FROM '{shared_data / "globo"}/*.parquet'
            WHERE user_id IN (
              SELECT user_id FROM '{shared_data / "globo"}/*.parquet' GROUP BY 1 HAVING count(*) >= 30)"""
        ).df()
    tables = {"turns": typed(found, TURNS)}
    days = Days(found["shown_at"].min().date(), found["shown_at"].max().date())
    for name in ("sessions", "reading", "traffic"):
        tables[name] = compute(load(FILES[name]), tables, days, Settings(), Clock(days.last, None))
    assert tables["traffic"].num_rows > 500
    assert tables["traffic"]["kind"].unique().to_pylist() == ["people"]
