"""Which votes count, from tables as rows: every reason, its bounds, and what is no reason."""

from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import evalloop_assets.ranking
from evalloop_assets.days import Days
from evalloop_assets.denoise import assets as denoise
from evalloop_assets.lake import frames
from evalloop_assets.lake.assets import TRANSFORMS
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.sql import load
from evalloop_assets.logs.contract import BATTLES
from evalloop_assets.settings import RankingSettings, Settings

assert denoise
DAY = date(2026, 5, 14)
VOTES = load(Path(evalloop_assets.ranking.__file__).with_name("votes.sql"))
NUMBERS = count()


def battle(user="u", a="x", b="y", outcome="a", day=DAY, **more):
    number = next(NUMBERS)
    noon = datetime.combine(day, datetime.min.time()) + timedelta(hours=12, seconds=number % 3600)
    return {
        "day": day,
        "battle_id": f"b{number:06}",
        "user_id": user,
        "model_a": a,
        "model_b": b,
        "outcome": outcome,
        "decided_at": noon,
    } | more


def votes(battles, traffic=(), first=DAY, **ranking):
    tables = {
        "battles": pa.Table.from_pylist(list(battles), arrow_schema(BATTLES)),
        "traffic": pa.Table.from_pylist(list(traffic), arrow_schema(TRANSFORMS["traffic"].schema)),
    }
    settings = Settings(ranking=RankingSettings(**ranking))
    with duckdb.connect(config={"threads": 1}) as connection:
        found = frames.compute(connection, VOTES, tables, Days(first, DAY), settings, Clock(None, None))
    return {row["battle_id"]: row for row in found.to_pylist()}


def reasons(battles, *arguments, **more):
    found = votes(battles, *arguments, **more)
    return [found[one["battle_id"]]["reason"] for one in battles if one["battle_id"] in found]


def test_a_plain_vote_counts_and_tells_its_leads():
    one = battle(shown_first="b", chars_a=200, chars_b=100, turns_a=1, turns_b=1)
    (row,) = votes([one]).values()
    assert (row["counted"], row["reason"], row["position_lead"]) == (True, None, -1.0)
    assert row["length_lead"] == pytest.approx(0.6931471805599453)
    (bare,) = votes([battle()]).values()
    assert (bare["counted"], bare["position_lead"], bare["length_lead"]) == (True, 0.0, 0.0)


def test_a_model_against_itself_and_too_few_turns():
    rows = [battle(a="x", b="x"), battle(turns_a=3, turns_b=1), battle(turns_a=3, turns_b=2), battle(b="z")]
    assert reasons(rows, minimum_turns=2) == ["both sides are one model", "too few turns were seen", None, None]


def test_one_vote_of_a_user_on_a_pairing_a_day_the_first():
    rows = [
        battle(),
        battle(a="y", b="x", outcome="b"),
        battle(b="z"),
        battle(user="v"),
        battle(day=DAY - timedelta(days=1)),
    ]
    before = "the user voted on this pairing before on that day"
    assert reasons(rows, first=DAY - timedelta(days=1)) == [None, before, None, None, None]


def choice(name, *models, user="u", **more):
    """Rows of one choice that ranks these models, the best first."""
    return [
        battle(user, better, worse, choice_id=name, **more)
        for place, better in enumerate(models)
        for worse in models[place + 1 :]
    ]


def test_a_choice_among_several_adds_the_pairings_that_the_user_has_not_voted_on():
    before = "the user voted on this pairing before on that day"
    rows = [battle(a="y", b="x"), *choice("c", "x", "y", "z"), *choice("d", "z", "y", "w")]
    assert reasons(rows) == [None, before, None, None, before, None, None]


def test_of_a_choice_the_rows_with_too_few_turns_are_left_out():
    rows = choice("c", "x", "y", "z")
    seen = {"x": 3, "y": 3, "z": 1}
    told = [row | {"turns_a": seen[row["model_a"]], "turns_b": seen[row["model_b"]]} for row in rows]
    assert reasons(told, minimum_turns=2) == [None, "too few turns were seen", "too few turns were seen"]


def test_a_choice_is_one_vote_of_the_day_and_no_sign_of_a_habit_of_position():
    rows = choice("c", "x", "y", "z") + choice("d", *"klmn") + [battle(a="p", b="q")]
    assert set(reasons(rows, most_votes_a_day=3)) == {None}
    assert set(reasons(rows, most_votes_a_day=2)) == {"more votes than anybody casts in a day"}
    placed = [
        row for number in range(8) for row in choice(f"{number}", *(f"{number}{k}" for k in range(4)), shown_first="a")
    ]
    assert set(reasons([*crowd(), *placed])) == {None}
    alone = [row | {"choice_id": None} for row in placed]
    assert "the user votes by position, whatever is shown there" in set(reasons([*crowd(), *alone]))


def test_a_script_on_its_day_only():
    rows = [battle(user="bot"), battle(user="bot", day=DAY - timedelta(days=1)), battle()]
    traffic = [
        {"day": DAY, "session_id": "s", "user_id": "bot", "kind": "automatic", "reason": "…"},
        {"day": DAY, "session_id": "t", "user_id": "u", "kind": "people"},
    ]
    assert reasons(rows, traffic, first=DAY - timedelta(days=1)) == ["a script voted", None, None]


def test_more_votes_than_anybody_casts():
    rows = [battle(b=f"m{number}") for number in range(4)]
    assert set(reasons(rows, most_votes_a_day=3)) == {"more votes than anybody casts in a day"}
    assert set(reasons(rows, most_votes_a_day=4)) == {None}


def crowd(day=DAY):
    """Twenty users who choose the first shown in half of their votes."""
    return [
        battle(f"c{user}", b=f"m{number}", outcome="ab"[number % 2], shown_first="a", day=day)
        for user in range(20)
        for number in range(20)
    ]


def test_who_votes_by_position_does_not_count_from_enough_votes_on():
    one_sided = "the user votes by position, whatever is shown there"
    many = [
        battle("fan", b=f"m{number}", outcome="ab"[number % 2], shown_first="ab"[number % 2]) for number in range(40)
    ]
    assert set(reasons([*crowd(), *many])) == {None, one_sided}
    found = votes([*crowd(), *many])
    assert {row["reason"] for key, row in found.items() if key in {one["battle_id"] for one in many}} == {one_sided}
    assert set(reasons([*crowd(), *many[:19]])) == {None}
    ties = [one | {"outcome": "tie"} for one in many]
    assert set(reasons([*crowd(), *ties])) == {None}


def test_the_window_is_14_days_and_a_range_gives_what_its_days_give():
    start = DAY - timedelta(days=14)
    spread = [
        battle("fan", b=f"m{number}", outcome="a", shown_first="a", day=start + timedelta(days=number % 15))
        for number in range(60)
    ]
    rows = [one for days in range(15) for one in crowd(start + timedelta(days=days))] + spread
    whole = votes(rows, first=start)
    last = votes(rows)
    assert {key: whole[key] for key in last} == last
    today = [battle("fan", b=f"n{number}", outcome="a", shown_first="a") for number in range(5)]
    old = [battle("fan", b=f"m{number}", outcome="a", shown_first="a", day=start) for number in range(40)]
    assert set(reasons([*crowd(), *old, *today])) == {None}, "what was voted 14 days before is out of the window"
    near = [one | {"day": start + timedelta(days=1)} for one in old]
    assert "the user votes by position, whatever is shown there" in set(reasons([*crowd(), *near, *today]))
