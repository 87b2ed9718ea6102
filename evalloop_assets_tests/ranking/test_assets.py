"""Ratings and eliminations from a real lake."""

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from dagster import materialize

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.logs.assets import ASSETS as LOGS
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.ranking.assets import ASSETS
from evalloop_assets.ranking.checks import CHECKS
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.settings import Settings

from .worlds import simulated

assert LOGS
DAY = date(2026, 5, 3)
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
        fought = simulated(np.random.default_rng(seed), skills, count, 200)
        noon = datetime.combine(day, datetime.min.time()) + timedelta(hours=12)
        rows = [
            {
                "battle_id": f"{day}-{k}",
                "user_id": f"u{fought.user[k]}",
                "model_a": fought.models[fought.a[k]],
                "model_b": fought.models[fought.b[k]],
                "outcome": OUTCOMES[fought.outcome[k]],
                "decided_at": noon + timedelta(seconds=k),
            }
            for k in range(count)
        ]
        self.write("battles", rows, day)

    def references(self, *names, day=DAY):
        self.write("models", [{"model_id": name, "kind": "reference"} for name in names], day)

    def rate(self, first=DAY):
        tags = {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": DAY.isoformat(),
        }
        resources = {"lake": self.resource, "settings": self.settings}
        done = materialize([*ASSETS, *CHECKS], tags=tags, resources=resources)
        lake = self.resource.open()
        rows = {name: lake.read(name, Days.one(DAY)).to_pylist() for name in ("ratings", "eliminations")}
        return done, rows["ratings"], rows["eliminations"]


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
    (event,) = done.asset_materializations_for_node("ratings")
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


def test_of_a_range_only_the_last_day_is_rated(world):
    world.fight([20, 30], day=DAY - timedelta(days=3))
    assert len(world.rate(first=DAY - timedelta(days=2))[1]) == 2
    lake = world.resource.open()
    for table in ("ratings", "eliminations"):
        assert {row["day"] for row in lake.read(table, Days(DAY - timedelta(days=2), DAY)).to_pylist()} == {DAY}
