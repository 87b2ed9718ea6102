"""What each user adds to each metric, from turns and assignments through the stages before."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.dialect import broken_rules
from evalloop_assets.online_ab.compare import compare
from evalloop_assets.online_ab.daily import units_of
from evalloop_assets_tests.denoise.world import PACKAGE, World, at, day, load, turn
from evalloop_assets_tests.denoise.world import compute as run_sql

TRANSFORM = load(PACKAGE / "online_ab" / "experiment_users.sql")


def assigned(unit, unit_id, arm, moment, user_id="u", **more):
    return {
        "experiment_id": "x",
        "unit": unit,
        "unit_id": unit_id,
        "user_id": user_id,
        "arm": arm,
        "model_id": {"control": "old", "treatment": "new"}.get(arm, "other"),
        "assigned_at": at(moment),
        "propensity": 0.5,
    } | more


def chat(conversation, start, replies=2, user_id="u", **more):
    """Replies a minute apart, each in front of the user for 12 s, 2 s of them typing."""
    known = {"dwell_ms": 12_000, "typing_ms": 2_000, "reply_chars": 100, "user_id": user_id}
    return [
        turn(f"{conversation}-{user_id}-{start}-{k}", start, conversation_id=conversation, **(known | more))
        | {"shown_at": at(start) + timedelta(minutes=k)}
        for k in range(replies)
    ]


def users(turns, assignments, first="05-01", last=None, watermark="12-31"):
    """Rows of experiment_users over the range by (unit, user, arm, metric, day), as (units, total, eligible)."""
    span = Days(day(first), day(last or first))
    world = World(watermark=watermark, turns=turns, assignments=assignments)
    world.run_to("returns", "04-15", "05-31")
    rows = run_sql(TRANSFORM, world.tables, span, world.settings, world.clock).to_pylist()
    key = ("unit", "user_id", "arm", "metric", "day")
    found = {tuple(row[name] for name in key): (row["units"], row["total"], row["eligible"]) for row in rows}
    assert len(found) == len(rows)
    return found, rows


def of(found, unit, metric, on="05-01", user_id="u", arm="treatment"):
    return found.get((unit, user_id, arm, metric, day(on)))


def test_the_query_is_portable():
    assert broken_rules(TRANSFORM.query) == []


def test_one_conversation_adds_itself_to_every_metric():
    turns = chat("c", "05-01 10:00", 3)
    turns[1]["feedback"] = "complaint"
    turns[2]["replaces_event_id"] = turns[1]["event_id"]
    found, rows = users(
        [*turns, *chat("d", "05-02 10:00")], [assigned("conversation", "c", "treatment", "05-01 10:00")]
    )
    assert {key[3]: value for key, value in found.items()} == {
        "exposure": (1, 0.0, 1),
        "chat_send": (1, 3.0, 1),
        "chat_duration": (1, 30.0, 1),
        "drop_off": (1, 1.0, 1),
        "regeneration": (3, 1.0, 3),
        "complaint": (3, 1.0, 3),
        "next_day_return": (1, 1.0, 1),
    }
    assert {(row["experiment_id"], row["unit"], row["arm"], row["epoch"]) for row in rows} == {
        ("x", "conversation", "treatment", "weight_05000")
    }


def test_a_conversation_is_followed_to_the_end_of_the_next_day_and_counts_on_its_first():
    turns = chat("c", "05-01 23:00") + chat("c", "05-02 09:00") + chat("c", "05-03 09:00")
    found, _ = users(turns, [assigned("conversation", "c", "treatment", "05-01 23:00")], "05-01", "05-03")
    assert of(found, "conversation", "chat_send") == (1, 4.0, 1)
    assert {key[4] for key in found} == {day("05-01")}


def test_reading_that_is_unknown_does_not_count_and_is_missed_in_the_coverage():
    turns = chat("c", "05-01 10:00", dwell_ms=None) + chat("d", "05-01 20:00")
    found, _ = users(
        turns,
        [assigned("conversation", name, "treatment", "05-01 10:00") for name in ("c", "d")],
    )
    assert of(found, "conversation", "chat_duration") == (1, 20.0, 2)
    assert of(found, "conversation", "chat_send") == (2, 4.0, 2)


def test_an_exposure_without_a_session_is_unknown_and_not_zero():
    found, _ = users(
        chat("other", "05-01 10:00", user_id="v"), [assigned("conversation", "c", "treatment", "05-01 10:00")]
    )
    assert of(found, "conversation", "exposure") == (1, 0.0, 1)
    assert of(found, "conversation", "chat_send") == (0, 0.0, 1)
    assert of(found, "conversation", "chat_duration") == (0, 0.0, 1)
    assert of(found, "conversation", "next_day_return") == (0, 0.0, 1)


def test_an_open_session_is_no_exit_yet():
    world_end = chat("c", "12-31 23:50")
    world = World(turns=world_end, assignments=[assigned("conversation", "c", "treatment", "12-31 23:50")])
    world.run_to("returns", "12-30", "12-31")
    span = Days.one(day("12-31"))
    rows = run_sql(TRANSFORM, world.tables, span, world.settings, world.clock).to_pylist()
    assert [(row["units"], row["total"], row["eligible"]) for row in rows if row["metric"] == "drop_off"] == [
        (0, 0.0, 1)
    ]


def test_an_assigned_user_who_stays_away_is_a_zero_once_the_day_is_mature():
    turns = chat("c", "05-01 10:00") + [one for k in (1, 2, 3) for one in chat("d", f"05-0{k} 12:00", user_id="v")]
    exposures = [
        assigned("user", "u", "treatment", "05-01 10:00"),
        assigned("user", "v", "control", "05-01 12:00", "v"),
    ]
    found, _ = users(turns, exposures, "05-01", "05-03")
    assert of(found, "user", "chat_send", "05-02") == (1, 0.0, 1)
    assert of(found, "user", "chat_duration", "05-02") == (1, 0.0, 1)
    assert of(found, "user", "daily_return", "05-02") == (1, 0.0, 1)
    assert of(found, "user", "daily_return", "05-03", "v", "control") == (1, 1.0, 1)
    assert of(found, "user", "next_day_return", "05-01") == (1, 0.0, 1)
    assert of(found, "user", "next_day_return", "05-01", "v", "control") == (1, 1.0, 1)
    assert of(found, "user", "daily_return", "05-01") is None
    assert of(found, "user", "exposure", "05-02") is None


def test_before_it_is_mature_the_same_absence_is_unknown():
    turns = chat("c", "05-01 10:00") + chat("d", "05-02 12:00", user_id="v")
    exposures = [assigned("user", "u", "treatment", "05-01 10:00")]
    found, _ = users(turns, exposures, "05-01", "05-02", watermark="05-01")
    assert of(found, "user", "daily_return", "05-02") == (0, 0.0, 1)
    assert of(found, "user", "next_day_return", "05-01") == (0, 0.0, 1)
    found, _ = users(turns, exposures, "05-01", "05-02", watermark=None)
    assert of(found, "user", "daily_return", "05-02") == (0, 0.0, 1)


def test_west_of_greenwich_a_local_day_matures_a_day_later():
    turns = chat("c", "05-01 20:00", utc_offset_minutes=-480) + chat("d", "05-02 12:00", user_id="v")
    exposures = [assigned("user", "u", "treatment", "05-01 20:00")]
    assert of(users(turns, exposures, "05-02", watermark="05-02")[0], "user", "daily_return", "05-02")[0] == 0
    assert of(users(turns, exposures, "05-02", watermark="05-03")[0], "user", "daily_return", "05-02")[0] == 1


def test_a_day_without_logs_has_no_rows_rather_than_zeros():
    turns = chat("c", "05-01 10:00") + chat("c", "05-03 10:00")
    found, _ = users(turns, [assigned("user", "u", "treatment", "05-01 10:00")], "05-01", "05-03")
    assert {key[4] for key in found} == {day("05-01"), day("05-03")}


def test_both_arms_of_an_epoch_bear_its_treatments_weight():
    turns = chat("c", "05-01 10:00") + chat("d", "05-01 12:00", user_id="v") + chat("e", "05-01 14:00", user_id="w")
    _, rows = users(
        turns,
        [
            assigned("conversation", "c", "treatment", "05-01 10:00", propensity=0.05),
            assigned("conversation", "d", "control", "05-01 12:00", "v", propensity=0.95),
            assigned("conversation", "e", "control", "05-01 14:00", "w", propensity=None),
        ],
    )
    assert {(row["user_id"], row["epoch"]) for row in rows} == {
        ("u", "weight_00500"),
        ("v", "weight_00500"),
        ("w", "day_2026-05-01"),
    }


def test_a_unit_in_both_arms_counts_for_its_first_and_is_reported():
    turns = chat("c", "05-01 10:00")
    found, _ = users(
        turns,
        [
            assigned("conversation", "c", "treatment", "05-01 10:05"),
            assigned("conversation", "c", "control", "05-01 10:00"),
        ],
    )
    assert of(found, "conversation", "exposure", arm="control") == (1, 1.0, 1)
    assert {key[2] for key in found} == {"control"}


def test_a_user_is_counted_once_from_the_first_exposure_on():
    turns = chat("c", "05-01 10:00") + chat("d", "05-02 10:00")
    found, _ = users(
        turns,
        [assigned("user", "u", "treatment", "05-01 10:00"), assigned("user", "u", "treatment", "05-02 10:00")],
        "05-01",
        "05-02",
    )
    assert of(found, "user", "exposure", "05-01") == (1, 0.0, 1)
    assert of(found, "user", "exposure", "05-02") is None
    assert of(found, "user", "daily_return", "05-02") == (1, 1.0, 1)


def test_exposures_of_other_arms_or_older_than_the_window_do_not_count():
    turns = chat("c", "05-01 10:00") + chat("d", "05-01 12:00", user_id="v")
    found, _ = users(
        turns,
        [assigned("user", "u", "shadow", "05-01 10:00"), assigned("user", "v", "control", "04-17 12:00", "v")],
    )
    assert found == {}


def random_world(seed):
    rng = np.random.default_rng(seed)
    turns, exposures = [], []
    for user in range(12):
        unit = "user" if user % 2 else "conversation"
        for one in range(8):
            moment = f"05-{rng.integers(1, 9):02} {rng.integers(0, 24):02}:{rng.integers(0, 60):02}"
            name = f"c{user}-{one}"
            turns += chat(name, moment, int(rng.integers(1, 4)), user_id=f"u{user}")
            arm = ("control", "treatment")[int(rng.integers(0, 2) if unit == "conversation" else user // 2 % 2)]
            unit_id = name if unit == "conversation" else f"u{user}"
            exposures.append(assigned(unit, unit_id, arm, moment, f"u{user}"))
    return turns, exposures


@pytest.mark.parametrize("seed", [1, 2])
def test_a_range_gives_the_rows_that_its_days_give_one_by_one(seed):
    turns, exposures = random_world(seed)
    together = users(turns, exposures, "05-01", "05-10")[0]
    alone = {}
    for k in range(1, 11):
        alone |= users(turns, exposures, f"05-{k:02}")[0]
    assert together == alone


def test_shorter_chats_of_users_who_come_more_often_are_more_time_per_user_and_less_per_conversation():
    """The sign trap: 2 users a side; treated users chat twice a day and briefly, the others once and longer."""
    turns, exposures = [], []
    for user in "abcd":
        treated = user in "ab"
        for name, start in [("1", "10:00"), ("2", "18:00")][: 2 if treated else 1]:
            turns += chat(user + name, f"05-01 {start}", 3 if treated else 4, user_id=user)
            exposures.append(
                assigned("conversation", user + name, "treatment" if treated else "control", f"05-01 {start}", user)
            )
        exposures.append(assigned("user", user, "treatment" if treated else "control", "05-01 10:00", user))
    _, rows = users(turns, exposures)
    effect = {}
    for unit in ("user", "conversation"):
        mine = pa.Table.from_pylist([row for row in rows if row["unit"] == unit])
        results = compare("x", unit, units_of(mine), {}, 100, 0.05)
        effect[unit] = next(one.effect for one in results if one.metric == "chat_duration")
    assert effect == {"user": 20.0, "conversation": -10.0}
