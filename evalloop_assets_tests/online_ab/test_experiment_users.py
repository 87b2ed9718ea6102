"""What each user adds to each metric, from turns and assignments through the stages before."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.lake.dialect import broken_rules
from evalloop_assets.online_ab.daily import units_of
from evalloop_assets.online_ab.figures import multiple_exposure
from evalloop_assets.online_ab.results import compare
from evalloop_assets_tests.denoise.world import FILES, World, at, day, load, needed, turn

TABLES = ("experiment_units", "experiment_days", "experiment_users")


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


def logged(turns, assignments, watermark="12-31", first="04-15", last="05-31"):
    """All that the tables read, over these days."""
    world = World(watermark=watermark, turns=turns, assignments=assignments)
    for table in needed("experiment_users"):
        if table not in TABLES:
            world.run(table, first, last)
    return world


def added(world, first, last):
    for table in TABLES:
        rows = world.run(table, first, last)
    key = ("unit", "user_id", "arm", "metric", "day")
    found = {tuple(row[name] for name in key): (row["units"], row["total"], row["eligible"]) for row in rows}
    assert len(found) == len(rows)
    return found, rows


def users(turns, assignments, first="05-01", last=None, watermark="12-31"):
    """Rows of experiment_users over the range by (unit, user, arm, metric, day), as (units, total, eligible)."""
    return added(logged(turns, assignments, watermark), first, last)


def of(found, unit, metric, on="05-01", user_id="u", arm="treatment"):
    return found.get((unit, user_id, arm, metric, day(on)))


def dated(rows):
    """As if each row were all that is known of its user."""
    days = [{"first_day": row["day"].toordinal(), "last_day": row["day"].toordinal()} for row in rows]
    return pa.Table.from_pylist([row | one for row, one in zip(rows, days, strict=True)])


@pytest.mark.parametrize("table", sorted(name for name in FILES if name.startswith("experiment_")))
def test_the_queries_are_portable(table):
    assert broken_rules(load(FILES[table]).query) == []


def test_one_conversation_adds_itself_to_every_metric():
    turns = chat("c", "05-01 10:00", 3)
    turns[1]["feedback"] = "complaint"
    turns[2] |= {"replaces_event_id": turns[1]["event_id"], "dwell_ms": 5_000}
    for one in turns:
        one |= {"latency_ms": 1_500, "cost_usd": 0.002, "error": False, "user_chars": 12, "user_text": "and then what"}
        one |= {"reply_text": "The door opens slowly. Behind it is a garden."}
    found, rows = users(
        [*turns, *chat("d", "05-02 10:00")], [assigned("conversation", "c", "treatment", "05-01 10:00")]
    )
    assert {key[3]: value for key, value in found.items()} == {
        "exposure": (1, 0.0, 1),
        "depth": (1, 3.0, 1),
        "like": (3, 0.0, 3),
        "error": (3, 0.0, 3),
        "latency": (3, 4.5, 3),
        "cost": (1, 0.006, 1),
        "next_message": (2, 24.0, 2),
        "padding": (2, 1.0, 3),
        "repetition": (4, 2.0, 4),
        "chat_send": (1, 3.0, 1),
        "chat_duration": (1, 23.0, 1),
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


def test_a_day_without_any_feedback_or_regeneration_tells_nothing_about_either():
    """On the second day a stranger likes one reply and asks for another again, so that silence becomes a zero."""
    turns = chat("c", "05-01 10:00", 3) + chat("d", "05-03 10:00", 3)
    stranger = chat("e", "05-03 12:00", 3, user_id="v")
    stranger[0]["feedback"] = "like"
    stranger[2]["replaces_event_id"] = stranger[1]["event_id"]
    exposures = [assigned("conversation", name, "treatment", f"05-0{k} 10:00") for name, k in (("c", 1), ("d", 3))]
    found, _ = users([*turns, *stranger], exposures, "05-01", "05-03")
    for metric in ("complaint", "regeneration"):
        assert of(found, "conversation", metric, "05-01") == (0, 0.0, 3)
        assert of(found, "conversation", metric, "05-03") == (3, 0.0, 3)


def test_replies_of_a_silent_next_day_are_missing_from_the_units_of_a_conversation():
    turns = chat("c", "05-01 23:00", 2) + chat("c", "05-02 09:00", 3)
    turns[0]["feedback"] = "complaint"
    found, _ = users(turns, [assigned("conversation", "c", "treatment", "05-01 23:00")])
    assert of(found, "conversation", "complaint") == (2, 1.0, 5)


def test_a_metric_that_is_not_logged_has_no_result_rather_than_an_effect_of_zero():
    turns, exposures = [], []
    for k in range(4):
        turns += chat(f"c{k}", "05-01 10:00", user_id=f"u{k}")
        exposures.append(assigned("conversation", f"c{k}", ("control", "treatment")[k % 2], "05-01 10:00", f"u{k}"))
    _, rows = users(turns, exposures)
    metrics = {one.metric for one in compare("x", "conversation", units_of(dated(rows)), {}, 9, 0.05)}
    assert "chat_send" in metrics
    assert not metrics & {"complaint", "regeneration"}


def test_a_day_whose_log_holds_no_cost_latency_or_text_needs_no_row_for_them():
    turns = chat("c", "05-01 10:00") + chat("d", "05-02 10:00", latency_ms=900, cost_usd=0.01, error=True)
    exposures = [assigned("user", "u", "treatment", "05-01 10:00")]
    found, _ = users(turns, exposures, "05-01", "05-02")
    unlogged = {"cost", "latency", "error", "padding", "repetition", "next_message"}
    assert {key[3] for key in found if key[4] == day("05-01")} & unlogged == set()
    assert of(found, "user", "cost", "05-02") == (1, 0.02, 1)
    assert of(found, "user", "latency", "05-02") == (2, 1.8, 2)
    assert of(found, "user", "error", "05-02") == (2, 2.0, 2)


def test_where_costs_are_logged_a_user_who_stays_away_costs_nothing_and_one_without_a_cost_is_unknown():
    turns = chat("c", "05-01 10:00", cost_usd=0.01) + chat("d", "05-02 12:00", user_id="v", cost_usd=0.01)
    turns += chat("c", "05-01 11:00", user_id="v", cost_usd=0.01) + chat("e", "05-02 12:00", user_id="w")
    exposures = [assigned("user", name, "treatment", "05-01 10:00", name) for name in "uvw"]
    found, _ = users(turns, exposures, "05-02")
    cost = {name: of(found, "user", "cost", "05-02", name) for name in "uvw"}
    assert cost == {"u": (1, 0.0, 1), "v": (1, 0.02, 1), "w": (0, 0.0, 1)}


def test_an_open_session_is_no_exit_yet():
    world_end = chat("c", "12-31 23:50")
    exposures = [assigned("conversation", "c", "treatment", "12-31 23:50")]
    _, rows = added(logged(world_end, exposures, first="12-30", last="12-31"), "12-31", "12-31")
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


def test_on_a_day_that_is_not_complete_a_user_of_before_counts_neither_absent_nor_present():
    """Of two users assigned on the first day one has come so far; who is still to come is known to nobody."""
    turns = chat("c", "05-01 10:00") + chat("d", "05-01 11:00", user_id="v") + chat("d", "05-02 12:00", user_id="v")
    exposures = [
        assigned("user", "u", "treatment", "05-01 10:00"),
        assigned("user", "v", "control", "05-01 11:00", "v"),
    ]
    open_day, _ = users(turns, exposures, "05-02", watermark="05-01")
    complete, _ = users(turns, exposures, "05-02", watermark="05-02")
    for metric, seen in (("chat_send", 2.0), ("chat_duration", 20.0)):
        assert of(open_day, "user", metric, "05-02") == (0, 0.0, 1)
        assert of(open_day, "user", metric, "05-02", "v", "control") == (0, 0.0, 1)
        assert of(complete, "user", metric, "05-02") == (1, 0.0, 1)
        assert of(complete, "user", metric, "05-02", "v", "control") == (1, seen, 1)


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


def test_a_user_in_one_arm_today_and_in_the_other_tomorrow_is_reported_on_the_day_that_shows_it():
    turns = [one for k in (1, 2, 3) for one in chat("c", f"05-0{k} 10:00")]
    exposures = [
        assigned("user", "u", "treatment", "05-01 10:00"),
        assigned("user", "u", "control", "05-02 10:00"),
        assigned("user", "u", "treatment", "05-03 10:00"),
    ]
    found, _ = users(turns, exposures, "05-01", "05-03")
    assert {key[4].day: value for key, value in found.items() if key[3] == "exposure"} == {
        1: (1, 0.0, 1),
        2: (0, 1.0, 0),
    }
    assert {key[2] for key in found} == {"treatment"}


def test_a_conversation_that_changes_its_arm_over_midnight_is_reported_and_followed_in_its_first():
    turns = chat("c", "05-01 23:50") + chat("c", "05-02 08:00")
    exposures = [
        assigned("conversation", "c", "control", "05-01 23:50"),
        assigned("conversation", "c", "treatment", "05-02 08:00"),
    ]
    found, rows = users(turns, exposures, "05-01", "05-02")
    assert of(found, "conversation", "exposure", "05-01", arm="control") == (1, 0.0, 1)
    assert of(found, "conversation", "exposure", "05-02", arm="control") == (0, 1.0, 0)
    assert [key[3] for key in found if key[4] == day("05-02")] == ["exposure"]
    assert {row["epoch"] for row in rows} == {"weight_05000"}


@pytest.mark.parametrize("unit", ["conversation", "user"])
def test_units_seen_in_both_arms_a_day_apart_reach_the_share_that_invalidates_a_reading(unit):
    turns, exposures = [], []
    for k in range(10):
        name, unit_id = f"u{k}", f"c{k}" if unit == "conversation" else f"u{k}"
        arms = ("control", "treatment") if k % 2 else ("treatment", "control")
        turns += chat(f"c{k}", "05-01 10:00", user_id=name) + chat(f"c{k}", "05-02 10:00", user_id=name)
        exposures.append(assigned(unit, unit_id, arms[0], "05-01 10:00", name))
        exposures.append(assigned(unit, unit_id, arms[1 if k == 1 else 0], "05-02 10:00", name))
    _, rows = users(turns, exposures, "05-01", "05-02")
    assert multiple_exposure(compare("x", unit, units_of(dated(rows)), {}, 100, 0.05)) == 0.2


def test_units_that_keep_their_arm_are_reported_by_nobody():
    turns = [one for k in (1, 2, 3) for one in chat("c", f"05-0{k} 10:00")]
    exposures = [
        assigned(unit, unit_id, "control", f"05-0{k} 10:00")
        for k in (1, 2, 3)
        for unit, unit_id in (("user", "u"), ("conversation", "c"))
    ]
    found, _ = users(turns, exposures, "05-01", "05-03")
    assert [value for key, value in found.items() if key[3] == "exposure"] == [(1, 0.0, 1)] * 2


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
            if one == 0:
                other = "control" if arm == "treatment" else "treatment"
                exposures.append(assigned(unit, unit_id, other, "05-08 23:30", f"u{user}"))
    for one in turns[:: int(rng.integers(20, 40))]:
        one["feedback"] = "complaint"
    return turns, exposures


@pytest.mark.parametrize(("seed", "watermark"), [(1, "12-31"), (2, "05-07")])
def test_a_range_gives_the_rows_that_its_days_give_one_by_one(seed, watermark):
    turns, exposures = random_world(seed)
    world = logged(turns, exposures, watermark)
    together = added(world, "05-01", "05-10")[0]
    alone = {}
    for k in range(1, 11):
        alone |= added(world, f"05-{k:02}", f"05-{k:02}")[0]
    assert together == alone
    assert any(key[3] == "exposure" and value[1] for key, value in together.items())
    assert {value[0] > 0 for key, value in together.items() if key[3] == "complaint"} == {True, False}


def test_shorter_chats_of_users_who_come_more_often_are_more_time_per_user_and_less_per_conversation():
    """The sign trap: 2 users a side; treated users chat twice a day and briefly, the others once and longer."""
    turns, exposures = [], []
    for user in "abcd":
        treated = user in "ab"
        for name, start in [("1", "10:00"), ("2", "18:00")][: 2 if treated else 1]:
            turns += chat(user + name, f"05-01 {start}", 2 if treated else 3, user_id=user)
            exposures.append(
                assigned("conversation", user + name, "treatment" if treated else "control", f"05-01 {start}", user)
            )
        exposures.append(assigned("user", user, "treatment" if treated else "control", "05-01 10:00", user))
    _, rows = users(turns, exposures)
    effect = {}
    for unit in ("user", "conversation"):
        mine = dated([row for row in rows if row["unit"] == unit])
        results = compare("x", unit, units_of(mine), {}, 100, 0.05)
        effect[unit] = next(one.effect for one in results if one.metric == "chat_duration")
    assert effect == {"user": 10.0, "conversation": -10.0}


def test_week_return_counts_from_the_seventh_day_after_the_assignment():
    """Day 9 is not complete yet; a stranger is there every day."""
    turns = chat("c", "05-01 10:00") + chat("d", "05-04 10:00") + chat("e", "05-08 10:00")
    turns += [one for k in range(1, 10) for one in chat(f"s{k}", f"05-0{k} 12:00", user_id="v")]
    found, _ = users(turns, [assigned("user", "u", "treatment", "05-01 10:00")], "05-01", "05-09", watermark="05-08")
    days = {metric: {} for metric in ("daily_return", "week_return")}
    for (_, _, _, metric, on), figures in found.items():
        if metric in days:
            days[metric][on.day] = figures
    assert days["daily_return"] == {k: (int(k < 9), float(k in (4, 8)), 1) for k in range(2, 10)}
    assert days["week_return"] == {k: days["daily_return"][k] for k in range(8, 10)}


def test_a_conversation_has_no_return_after_a_week():
    found, _ = users(chat("c", "05-01 10:00"), [assigned("conversation", "c", "treatment", "05-01 10:00")])
    assert not [key for key in found if key[3] == "week_return"]
