"""One user on one local day with one model: a table worked out by hand."""

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import evalloop_assets.evaluation.offline
from evalloop_assets.days import Days
from evalloop_assets.denoise import assets as denoise
from evalloop_assets.evaluation.offline.metrics import METRICS, sums
from evalloop_assets.horizon_labels import assets as labels
from evalloop_assets.lake import frames
from evalloop_assets.lake.assets import TRANSFORMS
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.sql import load
from evalloop_assets.reward_model.tables import REWARDS
from evalloop_assets.settings import Settings

assert denoise
assert labels
DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12)
TRANSFORM = load(Path(evalloop_assets.evaluation.offline.__file__).with_name("model_days.sql"))


def session(name, user, model, minutes, kind="natural", day=DAY, local_day=DAY):
    began = NOON + (day - DAY)
    shared = {"day": day, "session_id": name, "user_id": user, "model_id": model}
    ended = began + timedelta(minutes=minutes)
    return (
        shared | {"local_day": local_day, "started_at": began, "ended_at": ended},
        shared | {"ended_at": ended, "kind": kind},
    )


def returned(user, came, day=DAY, local_day=DAY, **more):
    matures = local_day + timedelta(days=2)
    return {
        "day": day,
        "user_id": user,
        "local_day": local_day,
        "returned_next_day": came,
        "next_day_matures_on": matures,
    } | more


def reward(session_id, model, value, number, day=DAY):
    return {
        "day": day,
        "event_id": f"{session_id}-{number}",
        "session_id": session_id,
        "model_id": model,
        "reward": value,
    }


def tables(sessions, returns, rewards=()):
    schemas = {name: TRANSFORMS[name].schema for name in ("sessions", "exits", "returns")} | {"rewards": REWARDS}
    rows = {
        "sessions": [one for one, _ in sessions],
        "exits": [one for _, one in sessions],
        "returns": list(returns),
        "rewards": list(rewards),
    }
    return {name: pa.Table.from_pylist(found, arrow_schema(schemas[name])) for name, found in rows.items()}


def computed(sessions, returns, rewards=()):
    with duckdb.connect(config={"threads": 1}) as connection:
        given = tables(sessions, returns, rewards)
        found = frames.compute(connection, TRANSFORM, given, Days.one(DAY), Settings(), Clock(None, None))
    return {(row["user_id"], row["model_id"], row["local_day"]): row for row in found.to_pylist()}


def test_a_day_with_two_models_is_shared_by_sessions():
    found = computed(
        [
            session("s1", "u", "m", 10),
            session("s2", "u", "m", 20, "abrupt"),
            session("s3", "u", "m", 99, "open"),
            session("s4", "u", "n", 5),
        ],
        [returned("u", True)],
        [
            reward("s1", "m", 0.5, 1),
            reward("s1", "m", None, 2),
            reward("s2", "m", -1.0, 1),
            reward("s2", "other", 9.0, 2),
        ],
    )
    one, other = found["u", "m", DAY], found["u", "n", DAY]
    assert one["share"] == 0.75
    assert other["share"] == 0.25
    assert (one["ended_sessions"], one["minutes"], one["abrupt_exits"]) == (2, 30, 1)
    assert (one["rewarded_replies"], one["reward"]) == (2, -0.5)
    assert (other["rewarded_replies"], other["reward"]) == (0, None)
    assert one["returned_next_day"] is True


def test_sessions_of_the_local_day_count_whatever_utc_day_they_began_on():
    tomorrow = DAY + timedelta(days=1)
    found = computed(
        [
            session("s1", "u", "m", 10),
            session("s2", "u", "m", 2, day=tomorrow),
            session("s3", "u", "m", 7, day=tomorrow, local_day=tomorrow),
        ],
        [returned("u", False)],
        [reward("s2", "m", 1.0, 1, day=tomorrow + timedelta(days=1))],
    )
    assert list(found) == [("u", "m", DAY)]
    assert found["u", "m", DAY]["minutes"] == 12
    assert found["u", "m", DAY]["reward"] == 1.0


def test_who_only_opened_the_app_was_with_no_model():
    assert computed([session("s1", "u", "m", 1)], [returned("v", True)]) == {}


def observed(metric, rows, day):
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("model_days", pa.Table.from_pylist(rows, arrow_schema(TRANSFORM.schema)))
        query = sums(METRICS[metric])
        return connection.sql(query, params={"day": day} if "$day" in query else {}).to_arrow_table().to_pylist()


@pytest.mark.parametrize(("day", "users"), [(DAY + timedelta(days=1), 0), (DAY + timedelta(days=2), 2)])
def test_a_return_counts_from_the_day_on_which_it_matured(day, users):
    rows = [
        {"day": DAY, "user_id": f"u{k}", "model_id": "m", "local_day": DAY, "share": 0.5}
        | {"returned_next_day": came, "next_day_matures_on": DAY + timedelta(days=2)}
        for k, came in enumerate([True, False, None])
    ]
    found = observed("returned_next_day", rows, day)
    assert len(found) == users
    assert sum(row["units"] for row in found) == users / 2
    assert sum(row["total"] for row in found) == (0.5 if users else 0)


def test_sessions_that_are_not_over_are_no_units():
    rows = [
        {"day": DAY, "user_id": "u", "model_id": m, "local_day": DAY, "ended_sessions": n}
        | {"minutes": 6.0, "abrupt_exits": 1}
        for m, n in (("m", 3), ("n", 0))
    ]
    (minutes,) = observed("session_minutes", rows, DAY)
    assert (minutes["model_id"], minutes["units"], minutes["total"]) == ("m", 3, 6)
    (exits,) = observed("abrupt_exits", rows, DAY)
    assert exits["total"] == 1
