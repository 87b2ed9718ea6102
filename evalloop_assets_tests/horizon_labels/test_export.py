import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.days import Days
from evalloop_assets.horizon_labels.export import (
    DPO,
    JSONL,
    PARQUET,
    REWARD,
    Plan,
    Request,
    exported,
    pair_days,
    plan,
    write,
)
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import LabelSettings
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.denoise.world import Row, World, at
from evalloop_assets_tests.horizon_labels.pairs_in_a_lake import DAYS, FIRST, pair, put, put_world, sides, tail
from evalloop_assets_tests.horizon_labels.test_pairs import BATTLE, EVEN, FALLING, FAST, RISING, SLOW, session

LIMITS = LabelSettings()


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def assistant(text: str) -> Row:
    return {"role": "assistant", "content": text}


def rows(lake: Lake, form: str, days: Days = DAYS, **more: object) -> list[Row]:
    """Rows of an export, as they are in Parquet and, which must be the same, in JSON."""
    planned = plan(lake, Request(form, days, **more), LIMITS)  # type: ignore[arg-type]
    found = [row for table in exported(lake, planned, as_json=False) for row in table.to_pylist()]
    if form != PARQUET:
        lines = [line for table in exported(lake, planned, as_json=True) for line in table.column("line").to_pylist()]
        assert [json.loads(line) for line in lines] == found
    return found


@pytest.fixture
def regenerated(lake: Lake) -> Lake:
    """Two replies, a third that was asked for again, five more, and a battle without a session."""
    again = {"e3": {"user_text": "say"}, "e4": {"user_text": "say", "replaces_event_id": "a03"}}
    turns = session("a", [EVEN, EVEN, FAST, SLOW, *[EVEN] * 5], **again)
    battle = BATTLE | {"outcome": "b", "reply_a": "x", "reply_b": "y", "user_text": "hi"}
    put_world(lake, World(turns=turns, battles=[battle]))
    return lake


def test_dpo_has_the_history_up_to_the_message_and_the_two_replies(regenerated: Lake):
    battle, again = sorted(rows(regenerated, DPO), key=lambda row: str(row["source"]))
    assert again["prompt"] == [
        user("say 1"), assistant("reply a01"), user("say 2"), assistant("reply a02"), user("say"),
    ]  # fmt: skip
    assert (again["chosen"], again["rejected"]) == ([assistant("reply a04")], [assistant("reply a03")])
    assert (battle["prompt"], battle["chosen"], battle["rejected"]) == (
        [user("hi")],
        [assistant("y")],
        [assistant("x")],
    )
    assert (again["user_id"], battle["user_id"]) == ("ua", "u")
    for n, first in ((1, "say 2"), (0, "say")):
        (bounded,) = rows(regenerated, DPO, sources=("regeneration",), history_turns=n)
        assert bounded["prompt"][0] == user(first)
        assert len(bounded["prompt"]) == 2 * n + 1


def test_the_nested_form_has_every_element(regenerated: Lake):
    (found,) = rows(regenerated, JSONL, sources=("regeneration",), history_turns=1)
    kept, replaced = ("a", "b") if found["candidate_a"] == "reply a04" else ("b", "a")
    choice = kept.upper()
    segment = [
        user("say 2") | {"position": 2}, assistant("reply a02") | {"position": 2},
        user("say") | {"position": 3}, assistant("reply a04") | {"position": 3},
    ]  # fmt: skip
    assert found.pop("pair_id")
    assert found.pop("session_id")
    assert found == {
        "source": "regeneration", "horizon_tag": "medium", "trajectory_segment": segment, "comparison_position": 3,
        f"candidate_{kept}": "reply a04", f"candidate_{replaced}": "reply a03",
        "user_text_a": "say", "user_text_b": "say", "position_a": 3, "position_b": 3,
        f"event_id_{kept}": "a04", f"event_id_{replaced}": "a03", "same_prefix": True,
        "preference": {"immediate": choice, "delayed_5": choice, "delayed_session": "censored"},
        "timestamp": "2026-05-01T10:04:00.000000Z", "conversation_id": "a", "user_id": "ua", "choice_id": "a04",
        "propensity": 1 / 9,
        "implicit_signals": {
            f"read_speed_cps_{kept}": 100 / 16, f"read_speed_cps_{replaced}": 100 / 4, "continued_turns": 5,
            "returned_next_day": False,
        },
        "definition_version": LIMITS.definition_version,
    }  # fmt: skip


def test_a_battle_without_a_session_has_its_message_for_a_segment(regenerated: Lake):
    (found,) = rows(regenerated, JSONL, sources=("battle",))
    assert found["trajectory_segment"] == [user("hi") | {"position": None}]


def test_the_sides_of_a_tail_pair_have_a_history_each_and_a_margin(lake: Lake):
    pairs = put_world(lake, World(turns=[*session("a", FALLING), *session("b", RISING)]))
    labels = {row["event_id"]: row["delayed_5"] for row in lake.read("horizon_labels").to_pylist()}
    found = {row["pair_id"]: row for row in rows(lake, REWARD, history_turns=2)}
    assert set(found) == {one["pair_id"] for one in pairs}
    for one in pairs:
        for name, side in zip(("chosen", "rejected"), "ab" if one["delayed_5"] == "A" else "ba", strict=True):
            event = one[f"event_id_{side}"]
            chat, number = event[0], int(event[1:])
            told = range(max(1, number - 2), number + 1)
            assert found[one["pair_id"]][name] == [
                message for n in told for message in (user(f"say {n}"), assistant(f"reply {chat}{n:02}"))
            ]
        distance = abs(labels[one["event_id_a"]] - labels[one["event_id_b"]])
        assert found[one["pair_id"]]["margin"] == pytest.approx(distance / 2)
    with pytest.raises(UserError, match=r"none can be exported as dpo: \d+ whose sides answer different histories"):
        plan(lake, Request(DPO, DAYS), LIMITS)


def test_what_is_left_out_is_counted_by_its_reason(lake: Lake):
    drawn = sides(60)
    put(lake, "preference_pairs", [
        *(pair(n, drawn[n]) for n in range(20)),
        *(tail(n, drawn[n], position_a=3 + 3 * (n % 2), position_b=6 - 3 * (n % 2)) for n in range(20, 26)),
        *(pair(n, "tie") for n in range(30, 34)),
        *(pair(n, "censored") for n in range(40, 43)),
        pair(50, reply_a=" "),
        *(pair(n, user_text_a=None) for n in (51, 52)),
    ])  # fmt: skip
    assert plan(lake, Request(DPO, DAYS), LIMITS).left_out == {
        "whose sides answer different histories": 6, "tied": 4, "censored": 3, "without the text of a reply": 1,
        "without a message before a reply": 2,
    }  # fmt: skip
    assert plan(lake, Request(REWARD, DAYS, sources=("tail",)), LIMITS).left_out == {"of a source not asked for": 30}
    assert plan(lake, Request(JSONL, DAYS), LIMITS).left_out == {"without the text of a reply": 1}
    assert sum(plan(lake, Request(JSONL, DAYS, horizon="immediate"), LIMITS).left_out.values()) == 1 + 4 + 3 + 6


def test_what_evaluates_is_in_no_file_that_trains(lake: Lake):
    drawn = sides(60)
    put(lake, "preference_pairs", [pair(n, drawn[n], event_id_a=f"a{n}", event_id_b=f"b{n}") for n in range(20)])
    day_before = FIRST + timedelta(days=2)
    cases = [
        {"day": FIRST, "event_id": "a0", "side": "evaluation"},
        {"day": FIRST + timedelta(days=1), "event_id": "b1", "side": "withheld"},
        {"day": FIRST + timedelta(days=2), "event_id": "b2", "side": "training"},
        {"day": day_before, "event_id": "a3", "side": "evaluation"},
    ]
    put(lake, "bad_cases", cases)
    for form in (DPO, REWARD):
        assert plan(lake, Request(form, DAYS), LIMITS).left_out == {"with a bad case that evaluates": 3}
        assert {f"p{n:06}" for n in range(20)} - {row["pair_id"] for row in rows(lake, form)} == {
            "p000000", "p000001", "p000003"
        }  # fmt: skip
    assert len(rows(lake, PARQUET)) == len(rows(lake, JSONL)) == 20


def test_the_flat_form_is_the_table_itself(lake: Lake):
    put_world(lake, World(turns=[*session("a", FALLING), *session("b", RISING)]))
    table = lake.read("preference_pairs").sort_by("pair_id")
    assert rows(lake, PARQUET) == table.to_pylist()


def test_unfit_pairs_are_refused_with_reason_and_mend(lake: Lake):
    put(lake, "preference_pairs", [tail(n, side) for n, side in enumerate(["A"] * 300)])
    with pytest.raises(
        UserError, match=r"unfit to learn from: position alone .* AUC 0\.000 of 300; side a .*\(--source\)"
    ):
        plan(lake, Request(REWARD, DAYS), LIMITS)


def test_a_lake_without_pairs_and_a_range_without_any_say_so(lake: Lake):
    with pytest.raises(UserError, match="holds no pairs yet"):
        pair_days(lake)
    put(lake, "preference_pairs", [])
    with pytest.raises(UserError, match="its log gave no pairs"):
        pair_days(lake)
    put(lake, "preference_pairs", [pair(1), pair(5)])
    assert pair_days(lake) == Days(FIRST + timedelta(days=1), FIRST + timedelta(days=5))
    with pytest.raises(UserError, match="there is none"):
        plan(lake, Request(JSONL, Days.one(FIRST)), LIMITS)


def test_the_same_versions_give_the_same_bytes_whatever_came_later(lake: Lake, tmp_path: Path):
    put_world(lake, World(turns=[*session("a", FALLING), *session("b", RISING)]))
    request = Request(REWARD, DAYS)
    first = plan(lake, request, LIMITS)

    def bytes_of(planned: Plan) -> bytes:
        write(exported(lake, planned, as_json=True), tmp_path / "pairs.jsonl", False, lambda rows: None)
        return (tmp_path / "pairs.jsonl").read_bytes()

    before = bytes_of(first)
    put(lake, "preference_pairs", [pair(n, side) for n, side in enumerate(sides(30))])
    put(lake, "turns", [])
    assert bytes_of(plan(lake, request, LIMITS)) != before
    assert bytes_of(plan(lake, request, LIMITS, first.versions)) == before


WEEK = Days(FIRST, FIRST + timedelta(days=6))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Battles of seven days, 30 in all, none on the third."""
    lake = Lake(str(tmp_path_factory.mktemp("week") / "lake"), DuckDBEngine(connect))
    put(lake, "preference_pairs", [pair(n, side) for n, side in enumerate(sides(200)) if n % 28 < 7 and n % 28 != 2])
    return lake


def ids(lake: Lake, form: str, days: Days) -> list[str]:
    planned = plan(lake, Request(form, days), LIMITS)
    tables = exported(lake, planned, as_json=False)
    return [pair_id for table in tables for pair_id in table.column("pair_id").to_pylist()]


@settings(max_examples=6)
@given(
    first=st.integers(0, 6),
    length=st.integers(2, 7),
    form=st.sampled_from([DPO, REWARD, JSONL, PARQUET]),
)
def test_a_range_of_days_is_that_part_of_the_whole(week: Lake, first: int, length: int, form: str):
    span = Days(FIRST + timedelta(days=first - 1), FIRST + timedelta(days=first + length - 1))
    day_of = {row["pair_id"]: row["day"] for row in week.read("preference_pairs").to_pylist()}
    whole = ids(week, form, WEEK)
    assert whole == sorted(day_of, key=lambda pair_id: (day_of[pair_id], pair_id))
    assert ids(week, form, span) == [pair_id for pair_id in whole if span.first <= day_of[pair_id] <= span.last]


def test_parquet_files_hold_every_day(week: Lake, tmp_path: Path):
    planned = plan(week, Request(PARQUET, WEEK), LIMITS)
    counts: list[int] = []
    assert write(exported(week, planned, as_json=False), tmp_path / "p.parquet", True, counts.append) == counts[-1]
    assert len(counts) == 6
    assert sorted(counts) == counts
    assert pq.read_table(tmp_path / "p.parquet").sort_by("pair_id") == week.read("preference_pairs").sort_by("pair_id")
    assert pq.ParquetFile(tmp_path / "p.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_table_of_an_earlier_version_is_to_be_computed_again(lake: Lake):
    schema = declared("preference_pairs")
    older = replace(schema, columns=tuple(column for column in schema.columns if column.name != "choice_id"))
    row = {name: value for name, value in pair(1).items() if name in {"day", *older.column_names}}
    lake.replace(older, DAYS, {}, lambda inputs: pa.Table.from_pylist([row], arrow_schema(older)))
    with pytest.raises(UserError, match="an earlier version computed it, without choice_id"):
        plan(lake, Request(JSONL, DAYS), LIMITS)


def test_times_of_battles_are_told_in_utc(lake: Lake):
    put(lake, "preference_pairs", [pair(0, occurred_at=at("05-01 23:59:59"), day=date(2026, 5, 1))])
    assert rows(lake, JSONL)[0]["timestamp"] == "2026-05-01T23:59:59.000000Z"
