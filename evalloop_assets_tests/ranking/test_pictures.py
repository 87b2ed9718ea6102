"""What the pictures show, from planted rows, and that each draws."""

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.picture import drawn
from evalloop_assets.lake.registry import declare
from evalloop_assets.ranking.pictures import PICTURES
from evalloop_assets.ranking.tables import RATING_STATES, RATINGS
from evalloop_assets_tests.pictures import LONG_NAME, assert_everything_fits

DAY = date(2026, 5, 2)
PNG = b"\x89PNG"


@pytest.fixture
def fill(lake):
    def filled(schema, rows):
        data = pa.Table.from_pylist([{"day": DAY, **row} for row in rows], arrow_schema(schema))
        lake.replace(declare(schema), Days(DAY - timedelta(days=7), DAY), {}, lambda inputs: data)
        return PICTURES[schema.name].rows(lake, schema.name, Days.one(DAY))

    return filled


def test_the_forest_has_the_best_on_top_and_models_without_bounds(fill):
    rated = {"contrast": 1.0, "low": 0.5, "high": 1.5, "tier": 1, "anchor": False, "battles": 9}
    rows = [rated | {"model_id": f"m{k}", "rank": k} for k in range(3, 60)]
    rows += [rated | {"model_id": "apart", "rank": 2, "low": None, "high": None, "tier": 2}]
    rows += [rated | {"model_id": "best", "rank": 1, "anchor": True}]
    found = fill(RATINGS, rows)
    assert [row["model_id"] for row in found[:3]] == ["best", "apart", "m3"]
    assert len(found) == 40
    assert drawn(PICTURES["ratings"], found).startswith(PNG)


def test_the_convergence_is_against_the_mean_of_each_hour_and_leaves_out_hours_before_the_first_battle(fill):
    rows = [
        {"model_id": name, "hour": hour, "mu": mu * hour, "sigma": 1.0, "battles": hour}
        for hour in range(3)
        for name, mu in [("x", 20.0), ("y", 30.0)] + [(f"m{k}", 25.0) for k in range(9)]
    ]
    found = fill(RATING_STATES, rows)
    leads = {(row["model_id"], row["until"]): row["lead"] for row in found}
    first, second = (datetime(2026, 5, 2, hour) for hour in (2, 3))
    assert {until for _, until in leads} == {first, second}
    assert (leads["x", first], leads["y", second], leads["m3", second]) == (-5.0, 10.0, 0.0)
    assert drawn(PICTURES["rating_states"], found).startswith(PNG)


@pytest.mark.parametrize("models", [1, 6, 40])
def test_long_names_leave_room_for_the_picture(models):
    rated = {"contrast": 1.0, "low": 0.5, "high": 1.5, "tier": 1, "anchor": False, "battles": 123_456}
    forest = [rated | {"model_id": f"{k}-{LONG_NAME}-{k}"} for k in range(models)]
    assert_everything_fits(lambda figure: PICTURES["ratings"].draw(figure, forest))
    lines = [
        {"day": DAY, "until": datetime(2026, 5, 2, hour), "sigma": 1.0, "battles": 9, "lead": 1.0 - k}
        | {"model_id": f"{k}-{LONG_NAME}-{k}"}
        for hour in (1, 2)
        for k in range(models)
    ]
    assert_everything_fits(lambda figure: PICTURES["rating_states"].draw(figure, lines))
