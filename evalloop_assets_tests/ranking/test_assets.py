"""Ratings and eliminations from a real lake."""

import json
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pytest
from dagster import materialize

from evalloop_assets.days import Days
from evalloop_assets.denoise.assets import ASSETS as DENOISE
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.logs.assets import ASSETS as LOGS
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.ranking.assets import ASSETS
from evalloop_assets.ranking.checks import CHECKS
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.serving.transitions import roll_back, start_experiment
from evalloop_assets.settings import Settings

from .worlds import simulated

assert LOGS
assert DENOISE
DAY = date(2026, 5, 3)
NOON = time(12)
OUTCOMES = ["a", "b", "tie"]


class World:
    def __init__(self, folder, **ranking):
        self.settings = Settings(home=folder, ranking=ranking)
        self.resource = lake_resource(self.settings)

    def write(self, table, rows, day=DAY):
        schema = LOG_TABLES[table]
        full = [{"day": day} | {name: row.get(name) for name in schema.column_names} for row in rows]
        data = pa.Table.from_pylist(full, arrow_schema(schema))
        self.resource.open().replace(schema, Days.one(day), {}, lambda inputs: data)

    def fight(self, skills, count=1_500, day=DAY, seed=1):
        """Every battle is another user's."""
        fought = simulated(np.random.default_rng(seed), skills, count, 200)
        noon = datetime.combine(day, NOON)
        rows = [
            {
                "battle_id": f"{day}-{k}",
                "user_id": f"{day}-u{k}",
                "model_a": fought.models[fought.a[k]],
                "model_b": fought.models[fought.b[k]],
                "outcome": OUTCOMES[fought.outcome[k]],
                "decided_at": noon + timedelta(seconds=k),
            }
            for k in range(count)
        ]
        self.write("battles", rows, day)

    def open_day(self, skills, hours, an_hour=120):
        """Battles of the first hours of the day, each another user's."""
        fought = simulated(np.random.default_rng(1), skills, 24 * an_hour, 24 * an_hour)
        rows = [
            {
                "battle_id": f"{k}",
                "user_id": f"u{k}",
                "model_a": fought.models[fought.a[k]],
                "model_b": fought.models[fought.b[k]],
                "outcome": OUTCOMES[fought.outcome[k]],
                "decided_at": datetime.combine(DAY, datetime.min.time()) + timedelta(hours=k / an_hour),
            }
            for k in range(hours * an_hour)
        ]
        self.write("battles", rows)

    def references(self, *names, day=DAY):
        self.write("models", [{"model_id": name, "kind": "reference"} for name in names], day)

    def rate(self, first=DAY - timedelta(days=13), last=DAY):
        tags = {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": last.isoformat(),
        }
        resources = {"lake": self.resource, "settings": self.settings}
        done = materialize([*ASSETS, *CHECKS], tags=tags, resources=resources)
        lake = self.resource.open()
        rows = {name: lake.read(name, Days.one(last)).to_pylist() for name in ("ratings", "eliminations")}
        return done, rows["ratings"], rows["eliminations"]

    def drawn(self):
        """Models that the published file draws for battles."""
        flag = json.loads(self.settings.matchups.read_text())["flags"]["matchups"]
        return {value[side] for value in flag["variants"].values() for side in ("model_a", "model_b")} - {None}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_the_better_model_ranks_first_and_the_worst_leaves(world):
    world.references("m00", "m01", "m02")
    world.fight([24, 25, 26, 30, 16])
    done, ratings, eliminations = world.rate()
    by_rank = {row["rank"]: row for row in ratings}
    assert (by_rank[1]["model_id"], by_rank[5]["model_id"]) == ("m03", "m04")
    assert [row["model_id"] for row in ratings if row["anchor"]] == ["m00", "m01", "m02"]
    assert all(row["low"] < row["contrast"] < row["high"] for row in ratings)
    assert sum(row["battles"] for row in ratings) == 3_000
    assert {row["model_id"] for row in eliminations if row["eliminated"]} == {"m04"}
    assert all(one.passed for one in done.get_asset_check_evaluations())


def test_the_served_champion_is_spared_whatever_its_rating(world):
    world.fight([24, 25, 26, 30, 16])
    ledger = Ledger(world.settings.ledger_url)
    ledger.begin("m04", Change("start", "test", "first", datetime(2026, 5, 1), "first"))
    ledger.close()
    _, _, eliminations = world.rate()
    assert not any(row["eliminated"] for row in eliminations if row["model_id"] == "m04")
    assert {row["against"] for row in eliminations} == {"m03", "m04"}


def test_without_anchors_the_check_warns_and_the_run_stays_green(world):
    world.fight([24, 26])
    done, ratings, _ = world.rate()
    assert done.success
    assert not any(row["anchor"] for row in ratings)
    assert [one.passed for one in done.get_asset_check_evaluations()] == [False]
    *_, event = done.asset_materializations_for_node("ratings")
    assert "relative only" in event.metadata["level"].value


def test_given_anchors_are_constants(tmp_path):
    world = World(tmp_path, anchors={"m00": 20.0, "m01": 25.0, "m02": 30.0})
    world.fight([20, 25, 30, 28])
    _, ratings, _ = world.rate()
    assert [row["mu"] for row in ratings[:3]] == [20.0, 25.0, 30.0]
    assert [row["sigma"] for row in ratings[:3]] == [0.0, 0.0, 0.0]


def test_the_window_is_14_days(world):
    world.fight([20, 30], day=DAY - timedelta(days=14))
    _, ratings, eliminations = world.rate()
    assert (ratings, eliminations) == ([], [])
    world.fight([20, 30], day=DAY - timedelta(days=13))
    assert len(world.rate()[1]) == 2


def test_of_a_users_votes_on_a_pairing_the_first_in_the_window_counts(world):
    """A user votes on one pairing on days 0, 1 and 13: on day 14 the vote of day 1 is the first of the window."""
    days = [DAY - timedelta(days=age) for age in (14, 13, 1, 0)]
    for day, (a, b, outcome) in zip(
        days, [("x", "y", "a"), ("y", "x", "a"), ("x", "y", "a"), ("x", "z", "a")], strict=True
    ):
        vote = {"user_id": "u", "model_a": a, "model_b": b, "outcome": outcome}
        world.write("battles", [vote | {"battle_id": f"{day}", "decided_at": datetime.combine(day, NOON)}], day)
    _, ratings, _ = world.rate(first=days[0])
    assert {row["model_id"]: row["battles"] for row in ratings} == {"x": 2, "y": 1, "z": 1}
    mu = {row["model_id"]: row["mu"] for row in ratings}
    assert mu["y"] > mu["x"]


def test_of_a_range_only_the_last_day_is_rated(world):
    world.fight([20, 30], day=DAY - timedelta(days=3))
    assert len(world.rate()[1]) == 2
    lake = world.resource.open()
    for table in ("ratings", "eliminations"):
        assert {row["day"] for row in lake.read(table, Days(DAY - timedelta(days=13), DAY)).to_pylist()} == {DAY}


def test_votes_that_do_not_count_are_left_out_and_the_position_effect_is_told(world):
    world.fight([24, 26], count=400)
    done, ratings, _ = world.rate()
    assert sum(row["battles"] for row in ratings) == 800
    *_, event = done.asset_materializations_for_node("ratings")
    assert not [name for name in event.metadata if name.startswith("effect of")], "the log does not tell"
    rows = world.resource.open().read("battles").to_pylist()
    told = [row | {"shown_first": "ab"[k % 2], "turns_a": k % 4, "turns_b": 3} for k, row in enumerate(rows)]
    world.write("battles", told)
    done, ratings, _ = world.rate()
    assert sum(row["battles"] for row in ratings) == 600
    *_, event = done.asset_materializations_for_node("ratings")
    assert event.metadata["effect of position"].value.count("[") == 1


def test_stability_and_hourly_states_of_the_same_battles(world):
    world.fight([22, 25, 30], count=900)
    _, ratings, _ = world.rate()
    lake = world.resource.open()
    stable = {row["model_id"]: row for row in lake.read("rating_stability", Days.one(DAY)).to_pylist()}
    assert {row["model_id"]: row["rank"] for row in ratings} == {name: row["rank"] for name, row in stable.items()}
    assert all(row["rank_low"] <= row["rank"] <= row["rank_high"] for row in stable.values())
    assert (stable["m02"]["best"], stable["m02"]["bradley_terry_rank"]) == (1.0, 1)
    states = lake.read("rating_states", Days.one(DAY)).to_pylist()
    assert len(states) == 3 * 24
    by_hour = {(row["model_id"], row["hour"]): row for row in states}
    assert by_hour["m02", 11]["battles"] == 0
    assert (by_hour["m02", 11]["mu"], by_hour["m02", 12]["battles"]) == (25.0, 900)
    assert by_hour["m02", 12]["mu"] > by_hour["m01", 12]["mu"] > by_hour["m00", 12]["mu"]
    assert by_hour["m02", 12]["sigma"] < 1 < by_hour["m02", 11]["sigma"]


def test_states_of_a_day_are_those_of_the_window_up_to_it(world):
    world.fight([22, 30], count=300, day=DAY - timedelta(days=13))
    world.fight([22, 30], count=300, seed=2)
    world.rate()
    states = world.resource.open().read("rating_states", Days.one(DAY)).to_pylist()
    assert {row["hour"]: row["battles"] for row in states} == {hour: 300 if hour < 12 else 600 for hour in range(24)}


def test_a_clearly_worse_model_is_out_within_hours_of_the_open_day(world):
    skills, out = [25, 25.5, 26, 25, 15], {}
    for hour in (3, 6):
        world.open_day(skills, hour)
        _, _, eliminations = world.rate(first=DAY)
        out[hour] = {row["model_id"] for row in eliminations if row["eliminated"]}, world.drawn()
    models = {f"m{k:02}" for k in range(5)}
    assert out[3] == (set(), models), "144 battles of a model are too few"
    assert out[6] == ({"m04"}, models - {"m04"})


def test_matchups_are_of_the_pool_and_say_why(world):
    world.references("m00", "m01", "m02")
    world.write("models", [{"model_id": "next", "kind": "candidate", "released_at": datetime(2026, 5, 3, 20)},
                           {"model_id": "later", "kind": "candidate", "released_at": datetime(2026, 5, 4)}],
                DAY - timedelta(days=1))  # fmt: skip
    world.fight([24, 25, 26, 30, 16, 29])
    world.rate()
    lake = world.resource.open()
    rows = lake.read("matchups", Days.one(DAY)).to_pylist()
    found = {(row["model_a"], row["model_b"]): row for row in rows}
    assert sum(row["propensity"] for row in rows) == pytest.approx(1, abs=1e-12)
    assert {name for pair in found for name in pair} == {"m00", "m01", "m02", "m03", "m05", "next"}
    assert max(rows, key=lambda row: row["propensity"])["why"].startswith("survivors 0.5500, uniform")
    assert found["m03", "next"]["why"].startswith("newcomers 0.0400")
    assert world.drawn() == {"m00", "m01", "m02", "m03", "m05", "next"}
    assert lake.read("published_matchups", Days.one(DAY)).to_pylist() == [{"day": DAY, "of_day": DAY, "pairs": 15}]


def test_a_model_that_was_rolled_back_battles_no_more_until_it_is_tried_again(world):
    ledger = Ledger(world.settings.ledger_url)

    def change(action, hour, transition, *arguments, **more):
        at = datetime.combine(DAY, time(hour))
        done = Change(action, "test", action, at, f"{hour}")
        return ledger.apply(done, lambda now: transition(now, *arguments, at=at, **more))

    ledger.begin("m00", Change("start", "test", "first", datetime(2026, 5, 1), "first"))
    for hour, (experiment, treatment) in enumerate([("e", "m02"), ("f", "m03")]):
        change("ramp", 2 * hour, start_experiment, experiment, treatment, weight_percent=5)
        change("rollback", 2 * hour + 1, roll_back, experiment)
    change("ramp", 20, start_experiment, "g", "m03", weight_percent=5)
    ledger.close()
    world.fight([24, 25, 26, 25], count=400)
    world.rate()
    assert world.drawn() == {"m00", "m01", "m03"}


def test_a_model_once_eliminated_stays_out_of_later_days_and_a_former_day_publishes_nothing(world):
    before = DAY - timedelta(days=20)
    world.fight([25, 26, 16], day=before)
    world.rate(before, before)
    assert world.drawn() == {"m00", "m01"}
    world.fight([25, 26, 25, 27], count=400)
    world.rate()
    assert world.drawn() == {"m00", "m01", "m03"}
    world.rate(before, before)
    assert world.drawn() == {"m00", "m01", "m03"}
    assert world.resource.open().read("published_matchups", Days.one(before)).to_pylist()[0]["of_day"] == DAY


def test_states_are_on_the_level_of_the_anchors_that_hold(tmp_path):
    world = World(tmp_path, anchors={"m00": 20.0, "m01": 25.0, "m02": 30.0, "m03": 34.0})
    world.fight([20, 25, 30, 22], count=4_000)
    _, ratings, _ = world.rate()
    assert [row["model_id"] for row in ratings if not row["anchor"]] == ["m03"]
    states = world.resource.open().read("rating_states", Days.one(DAY)).to_pylist()
    last = {row["model_id"]: row for row in states if row["hour"] == 23}
    assert [last[f"m0{k}"]["mu"] for k in range(3)] == [20.0, 25.0, 30.0]
    assert last["m03"]["mu"] == pytest.approx(22, abs=1)
