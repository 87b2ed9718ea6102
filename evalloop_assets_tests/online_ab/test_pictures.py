"""Uplift over time: the days before and the day itself, of what decides, and it draws."""

import io
from dataclasses import asdict
from datetime import date, timedelta

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.image import imread

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.picture import png
from evalloop_assets.online_ab.pictures import UPLIFT, draw_uplift
from evalloop_assets.online_ab.tables import EXPERIMENT_RESULTS
from evalloop_assets_tests.pictures import LONG_NAME, assert_everything_fits

from .results import duration, returns, sent

LAST = date(2026, 5, 20)


def committed(lake, *daily):
    """Commits one day after the other; each is what its results were."""
    for number, results in enumerate(daily):
        day = LAST - timedelta(days=len(daily) - 1 - number)
        rows = pa.Table.from_pylist(
            [{"day": day} | asdict(result) for result in results], arrow_schema(EXPERIMENT_RESULTS)
        )
        commit = lake.replace(EXPERIMENT_RESULTS, Days.one(day), {}, lambda inputs, rows=rows: rows)
    return commit


def test_each_days_results_are_drawn_up_to_the_day_of_the_run(lake):
    commit = committed(lake, [returns(0.02), sent(1.0)], [returns(0.01), duration(6.0)], [returns(0.0), duration(3.0)])
    rows = UPLIFT.rows(lake, "experiment_results", commit.days, commit.version)
    assert [(row["metric"], row["day"].day, row["effect"]) for row in rows] == [
        ("daily_return", 18, 0.02), ("daily_return", 19, 0.01), ("daily_return", 20, 0.0),
        ("chat_duration", 19, 6.0), ("chat_duration", 20, 3.0),
    ]  # fmt: skip
    assert imread(io.BytesIO(png(UPLIFT, lake, commit))).std() > 0.05


def test_points_of_retention_and_percent_of_time_stand_side_by_side_for_each_experiment(lake):
    commit = committed(
        lake, [returns(0.02), duration(6.0), duration(-6.0, unit="user"), returns(0.01, experiment_id="y")]
    )
    figure = Figure()
    draw_uplift(figure, UPLIFT.rows(lake, "experiment_results", commit.days))
    drawn = {
        axes.get_title(): {line.get_label(): line.get_ydata()[0] for line in axes.lines[:-1]} for axes in figure.axes
    }
    assert drawn["x: coming back, points"]["by user"] == 2.0
    assert drawn["x: time spent, % of control"] == {"by user": -5.0, "by conversation": 5.0}
    assert drawn["y: coming back, points"]["by user"] == 1.0
    assert {axes.get_xlim() for axes in figure.axes} == {figure.axes[0].get_xlim()}, "all boxes have the same days"


def test_without_results_there_is_no_picture(lake):
    assert png(UPLIFT, lake, committed(lake, [])) is None


def test_long_names_leave_room_for_the_picture(lake):
    named = [f"{k}-{LONG_NAME}-{k}" for k in range(3)]
    results = [(returns(0.02, experiment_id=name), duration(6.0, experiment_id=name)) for name in named]
    commit = committed(lake, *[[one for both in results for one in both]] * 3)
    rows = UPLIFT.rows(lake, "experiment_results", commit.days)
    assert_everything_fits(lambda figure: draw_uplift(figure, rows))
