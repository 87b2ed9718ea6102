"""What the pictures of the asset pages show: planted rows, and that each draws."""

import pyarrow as pa
import pytest

import evalloop_assets.reward_model.assets  # noqa: F401 - declares the tables of queries
from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.picture import drawn
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake
from evalloop_assets.reward_model.pictures import PICTURES
from evalloop_assets.reward_model.tables import CREDIT, REWARDS
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY

ROWS = {
    REWARDS: [
        {"model_id": "a", "q": 1.0, "gate": 0.95},
        {"model_id": "a", "q": 0.55, "gate": 0.2},
        {"model_id": "b", "q": 0.55, "gate": 0.0},
        {"model_id": "b", "q": None, "gate": None},
    ],
    CREDIT: [
        {"replies_after": 0, "weight": 0.0, "blame": 0.0},
        {"replies_after": 1, "weight": 0.9, "blame": 0.5},
        {"replies_after": 1, "weight": 0.25, "blame": 0.25},
        {"replies_after": 9, "weight": 0.0, "blame": 0.0},
    ],
    declared("reward_retention"): [
        {"model_id": "a", "users": 40, "correlation": 0.25, "low": -0.125, "high": 0.5},
        {"model_id": "all", "users": 90, "correlation": 0.5, "low": 0.25, "high": 0.75},
        {"model_id": "b", "users": 3},
    ],
}
SHOWN = {
    "rewards": {
        ("a", "q", 9, 1), ("a", "q", 5, 1), ("b", "q", 5, 1), ("a", "gate", 9, 1), ("a", "gate", 2, 1),
        ("b", "gate", 0, 1),
    },
    "credit": {(0, 0.0, 0), (1, 0.75, 2)},
    "reward_retention": {(DAY, "a", 0.25, -0.125, 0.5), (DAY, "all", 0.5, 0.25, 0.75)},
}  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    found = Stage.at(tmp_path_factory.mktemp("pictures")).lake
    for schema, rows in ROWS.items():
        full = [{name: row.get(name) for name in schema.column_names} | {"day": DAY} for row in rows]
        table = pa.Table.from_pylist(full, schema=arrow_schema(schema))
        found.replace(schema, Days.one(DAY), {}, lambda inputs, table=table: table)
    return found


@pytest.mark.parametrize("table", sorted(PICTURES))
def test_a_picture_shows_what_is_there_and_draws(lake: Lake, table: str):
    rows = PICTURES[table].rows(lake, table, Days.one(DAY))
    assert {tuple(row.values()) for row in rows} == SHOWN[table]
    picture = drawn(PICTURES[table], rows)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 40_000
