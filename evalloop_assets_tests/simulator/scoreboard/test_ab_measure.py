"""A/B estimates against true effects: worlds of a few rows with known effects, and two small products."""

import math
from dataclasses import replace
from datetime import timedelta

import duckdb
import pyarrow as pa
import pytest

import evalloop_assets.online_ab.assets  # noqa: F401
from evalloop_assets.lake.engine import DuckDBEngine, View
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.online_ab.influence import Effect
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.conditions import Scale
from evalloop_assets.simulator.returning import ReturnHabits
from evalloop_assets.simulator.scenarios import Scenario, find_scenario
from evalloop_assets.simulator.scoreboard import ab
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets_tests.simulator.scoreboard.tiny import DAY, TinyRun, values

HABITS = ReturnHabits()
RETURN_ERROR = "error of the effect on return, points"
RETURN_COVERED = "95% interval of the effect on return, points holds the truth, share"
READ_ERROR = "error of the effect on seconds per conversation, % of the champion's"
READ_COVERED = "95% interval of the effect on seconds per conversation, % of the champion's holds the truth, share"


def users(*rows):
    names = ("day", "user_id", "experiment_id", "return_probability")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    columns["day"] = pa.array([DAY + timedelta(days=number) for number in columns["day"]], pa.date32())
    return View({}, rows=pa.table({**columns, "experiment_id": pa.array(columns["experiment_id"], pa.string())}))


def fetched(sql, **views):
    return DuckDBEngine(duckdb.connect).fetch(sql, views, {})


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def effect(value, se=0.0, relative=None, relative_se=None):
    return Effect(1.0, 1.0 + value, value, se, relative, relative_se, 10, 10)


def truth(returning=0.0, duration=0.0, se=0.0):
    return ab.Truth(effect(returning, se), effect(returning, se), effect(0, 0, duration, se), effect(0.0))


class Told(TinyRun):
    """A run of one trial, or more, whose truth is given."""

    scenario = find_scenario("padding")


@pytest.fixture
def given(monkeypatch):
    def give(truths):
        monkeypatch.setattr(ab, "true_effects", lambda run: truths)

    return give


def row(metric, effect, half, relative=0.2, unit=None, experiment_id="try-padding", days=0):
    return {
        "day": DAY + timedelta(days=days),
        "experiment_id": experiment_id,
        "unit": unit or ("user" if metric == "daily_return" else "conversation"),
        "metric": metric,
        "effect": effect,
        "low": effect - half,
        "high": effect + half,
        "relative": relative,
        "relative_low": relative - half,
    }


# --- the truth of coming ----------------------------------------------------------------------------------------------


def test_absence_takes_what_the_product_takes_and_earlier_days_do_not_count():
    champion = users((0, "ann", None, 0.9), (1, "ann", None, 0.5), (2, "bob", None, 0.6), (4, "bob", None, 0.6))
    treated = users((0, "ann", None, 0.9), (1, "ann", "x", 0.8), (2, "bob", None, 0.6), (4, "bob", None, 0.6))
    rows = ab.coming(fetched(ab.CAME_BEFORE, champion_users=champion, treated_users=treated), HABITS)
    found = {(one["user_id"], (one["day"] - DAY).days, one["treated"]): one["total"] for one in rows.to_pylist()}
    gone = HABITS.absence + 2 * HABITS.fading
    assert found == {
        ("ann", 2, False): pytest.approx(0.5),
        ("ann", 2, True): pytest.approx(0.8),
        ("ann", 4, False): pytest.approx(sigmoid(-gone)),
        ("ann", 4, True): pytest.approx(sigmoid(math.log(4) - gone)),
    }
    mean = (0.3 + sigmoid(math.log(4) - gone) - sigmoid(-gone)) / 2
    assert ab.effect_of(rows, "x").effect == pytest.approx(mean)
    assert ab.effect_of(rows, "x", DAY + timedelta(days=2)).effect == pytest.approx(mean)
    assert ab.effect_of(rows, "x", DAY + timedelta(days=3)).effect == pytest.approx(2 * mean - 0.3)
    assert ab.effect_of(rows, "another") is None


def test_only_what_follows_the_enrolment_counts_as_read_and_as_regenerated():
    enrolled = users((0, "ann", None, 0.5), (1, "ann", "x", 0.5), (1, "bob", None, 0.5))
    names = ("user_id", "day", "read_s")

    def read(*rows):
        days = [DAY + timedelta(days=number) for _, number, _ in rows]
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        return View({}, rows=pa.table(columns | {"day": pa.array(days, pa.date32())}))

    champion = read(("ann", 0, 999.0), ("ann", 1, 10.0), ("ann", 2, 30.0), ("bob", 1, 999.0))
    treated = read(("ann", 0, 999.0), ("ann", 1, 50.0), ("bob", 1, 999.0))
    rows = fetched(ab.READ, treated_users=enrolled, champion_conversations=champion, treated_conversations=treated)
    assert ab.effect_of(rows, "x").effect == pytest.approx(50 - 20)
    assert ab.effect_of(rows, "x").relative == pytest.approx(1.5)


# --- estimates against it ---------------------------------------------------------------------------------------------


def test_estimates_that_are_right_have_no_error_and_cover(given):
    given({"try-padding": truth(-0.09, 0.3)})
    run = Told(experiment_results=[row("daily_return", -0.09, 0.02), row("chat_duration", 60.0, 0.05, 0.3)])
    found = values(ab.measured_ab(run))
    assert found[RETURN_ERROR] == pytest.approx(0)
    assert found[READ_ERROR] == pytest.approx(0)
    assert found[RETURN_COVERED] == found[READ_COVERED] == 1


def test_wrong_estimates_have_their_error_in_points_and_do_not_cover(given):
    given({"try-padding": truth(-0.09, 0.3)})
    run = Told(experiment_results=[row("daily_return", -0.04, 0.02), row("chat_duration", 60.0, 0.05, 0.1)])
    found = values(ab.measured_ab(run))
    assert found[RETURN_ERROR] == pytest.approx(5)
    assert found[READ_ERROR] == pytest.approx(-20)
    assert found[RETURN_COVERED] == found[READ_COVERED] == 0


def test_trials_are_averaged_with_their_signs_and_without(given):
    given({"one": truth(0.0), "two": truth(0.0), "unseen": truth(0.0)})
    run = Told(
        experiment_results=[
            row("daily_return", 0.03, 0.04, experiment_id="one"),
            row("daily_return", -0.05, 0.04, experiment_id="two"),
            row("daily_return", 0.5, 0.04, experiment_id="two", unit="conversation"),
            row("daily_return", 0.5, 0.04, experiment_id="two", days=-1),
        ]
    )
    found = values(ab.measured_ab(run))
    assert found[RETURN_ERROR] == pytest.approx(-1)
    assert found[f"size of the {RETURN_ERROR}"] == pytest.approx(4)
    assert found[RETURN_COVERED] == 0.5
    assert math.isnan(found[READ_ERROR])
    assert math.isnan(found[READ_COVERED])


def test_the_luck_of_the_two_products_widens_what_counts_as_covered(given):
    run = Told(experiment_results=[row("daily_return", 0.03, 0.02)])
    given({"try-padding": truth(0.0, se=0.005)})
    assert values(ab.measured_ab(run))[RETURN_COVERED] == 0
    given({"try-padding": truth(0.0, se=0.02)})
    assert values(ab.measured_ab(run))[RETURN_COVERED] == 1


def test_the_naive_method_pools_conversations_whatever_the_day(given):
    given({"try-padding": truth(0.0, 0.0)})
    turns, reading, returns = [], [], []
    for number, (arm, seconds, came) in enumerate(
        [("control", 10, True), ("control", 30, False), ("treatment", 30, True), ("treatment", 50, True)]
    ):
        name = f"e{number}"
        turns.append(
            {
                "event_id": name,
                "user_id": f"u{number}",
                "conversation_id": f"c{number}",
                "experiment_id": "try-padding",
                "arm": arm,
            }
        )
        reading.append({"event_id": name, "effective_read_s": seconds})
        returns.append({"user_id": f"u{number}", "local_day": DAY, "returned_next_day": came})
    found = values(ab.measured_ab(Told(turns=turns, reading=reading, returns=returns)), ab.NAIVE)
    assert found[RETURN_ERROR] == pytest.approx(50)
    assert found[READ_ERROR] == pytest.approx(100)


# --- two small products -----------------------------------------------------------------------------------------------


def small(name: str, folder) -> Run:
    whole = find_scenario(name)
    conditions = replace(whole.conditions, scale=Scale(base_users=200, new_users=10, battles=0))
    scenario: Scenario = replace(whole, days=5, conditions=conditions)
    settings = Settings(home=folder)
    return Run(scenario, 3, settings, open_lake(settings))


@pytest.fixture(scope="module")
def padding(tmp_path_factory):
    return small("padding", tmp_path_factory.mktemp("padding"))


def test_padding_truly_takes_time_and_drives_people_away(padding):
    found = ab.true_effects(padding)["try-padding"]
    assert found.duration.relative > 2 * found.duration.relative_se
    assert found.returning.effect < -2 * found.returning.se
    assert abs(found.late_regeneration.effect) < 0.02


def test_a_trial_of_the_champion_against_itself_has_no_effect_at_all(tmp_path):
    found = ab.true_effects(small("a_a", tmp_path))["try-same"]
    assert [one.effect for one in found] == pytest.approx([0, 0, 0, 0], abs=1e-9)


def test_as_many_people_come_as_the_truth_says(padding):
    worlds = ab.worlds(padding)
    rows = ab.coming(padding.lake.reader.fetch(ab.CAME_BEFORE, worlds, {}), padding.scenario.conditions.returning)
    came = padding.lake.reader.fetch("SELECT DISTINCT user_id, day FROM champion_users", worlds, {}).to_pylist()
    seen = {(one["user_id"], one["day"]) for one in came}
    asked = [one for one in rows.to_pylist() if not one["treated"]]
    expected = sum(one["total"] for one in asked)
    spread = sum(one["total"] * (1 - one["total"]) for one in asked) ** 0.5
    assert abs(sum((one["user_id"], one["day"]) in seen for one in asked) - expected) < 3 * spread
    assert len(asked) > 200


def test_worlds_are_served_once(padding):
    home = padding.settings.home / "scoreboard"
    ab.worlds(padding)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*.parquet")}
    ab.worlds(padding)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*.parquet")} == before


def test_a_log_without_results_measures_nothing(given):
    given({"try-padding": truth(-0.1, 0.3)})
    found = ab.measured_ab(Told())
    assert {one.method for one in found} == {LOOP, ab.NAIVE}
    assert all(math.isnan(one.value) for one in found)
