"""Verdicts day by day: a trial of known figures, and alarms of known worth."""

import math
from datetime import timedelta

import duckdb
import pyarrow as pa
import pytest

from evalloop_assets.guardrails.limits import limits_of
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.engine import DuckDBEngine, View
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.assets import TABLES as TABLES
from evalloop_assets.online_ab.influence import Effect
from evalloop_assets.settings import ABSettings, Settings
from evalloop_assets.simulator.scenarios import find_scenario
from evalloop_assets.simulator.scoreboard import verdicts
from evalloop_assets.simulator.scoreboard.ab import Truth
from evalloop_assets.simulator.scoreboard.decisions import PEEKING
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.scoreboard.verdicts import Alarm
from evalloop_assets.simulator.serve import FIRST_DAY
from evalloop_assets_tests.simulator.scoreboard.tiny import values

PADDING = find_scenario("padding")
TRIAL = PADDING.trials[0]
SETTINGS = Settings(ab=ABSettings(planned_users=400))
LIMITS = limits_of(SETTINGS.ab, SETTINGS.guardrails)
PER_ARM = 200
MISSED, FALSE_ALARMS = "harmful trials not rolled back, share", "harmless trials rolled back, share"
DAYS, CAUSE = "days to the rollback of a harmful trial", "rollbacks of harmful trials that name a right cause, share"


def sums(number, metric, control, treatment, unit="user"):
    """What every user adds on one day of the trial: so many in a hundred users of each arm a 1, the others a 0."""
    return [
        {
            "day": FIRST_DAY + timedelta(days=TRIAL.on_day + number), "experiment_id": TRIAL.experiment_id,
            "unit": unit, "epoch": "weight_05000", "user_id": f"{arm}{user}", "arm": arm, "metric": metric,
            "units": 1, "total": float((37 * user + number) % 100 < percent), "eligible": 1,
        }
        for arm, percent in (("control", control), ("treatment", treatment))
        for user in range(PER_ARM)
    ]  # fmt: skip


class OneTable:
    """A lake that holds rows of `experiment_users` alone."""

    def __init__(self, rows):
        self._rows = pa.Table.from_pylist(rows)
        self._engine = DuckDBEngine(duckdb.connect)

    def inputs(self, reads, days):
        first, last = days.window(reads["experiment_users"])
        view = "SELECT * FROM rows WHERE day BETWEEN $first AND $last"
        rows = self._engine.fetch(view, {"rows": View({}, rows=self._rows)}, {"first": first, "last": last})
        models = [
            {"experiment_id": TRIAL.experiment_id, "arm": arm, "model_id": arm} for arm in ("control", "treatment")
        ]
        views = {"experiment_users": View({}, rows=rows), "assignments": View({}, rows=pa.Table.from_pylist(models))}
        for table in ("experiment_returns", "experiment_people"):
            views[table] = View({}, rows=pa.Table.from_pylist([], arrow_schema(declared(table))))
        return Inputs(views, {}, Clock(None, None), days, self._engine)


def run_of(rows):
    return Run(PADDING, 1, SETTINGS, OneTable(rows))


def days_of(metric, control, treatment, first=0):
    last = PADDING.days - TRIAL.on_day
    return [row for number in range(first, last) for row in sums(number, metric, control, treatment)]


def lived(number_of_days=PADDING.days - TRIAL.on_day):
    """Sessions on every day, so that the experiment is seen."""
    return [row for number in range(number_of_days) for row in sums(number, "drop_off", 50, 50)]


def truth(late=0.0, regeneration=0.0):
    def effect(value):
        return Effect(0.4, 0.4 + value, value, 0.0, None, None, 9, 9)

    return Truth(effect(0.0), effect(late), None, effect(regeneration))


# --- day by day -------------------------------------------------------------------------------------------------------


def test_confirmed_harm_is_rolled_back_on_the_day_that_confirms_it():
    found = verdicts.alarms(run_of([*lived(), *days_of("daily_return", 60, 20, first=3)]), LIMITS)
    assert found[LOOP] == {TRIAL.experiment_id: Alarm(4, "harm")}


def test_a_rise_of_time_spent_beside_it_makes_it_gaming():
    rows = [*lived(), *days_of("daily_return", 60, 20, first=1), *days_of("chat_duration", 20, 60)]
    assert verdicts.alarms(run_of(rows), LIMITS)[LOOP] == {TRIAL.experiment_id: Alarm(2, "gaming")}


def test_a_red_flag_needs_no_return():
    rows = [*lived(), *days_of("regeneration", 2, 40)]
    assert verdicts.alarms(run_of(rows), LIMITS)[LOOP] == {TRIAL.experiment_id: Alarm(1, "red_flag")}


def test_arms_alike_are_left_alone():
    rows = [*lived(), *days_of("daily_return", 40, 40), *days_of("regeneration", 2, 2)]
    assert verdicts.alarms(run_of(rows), LIMITS) == {LOOP: {}, PEEKING: {}}


def test_fixed_bounds_fire_earlier():
    found = verdicts.alarms(run_of([*lived(), *days_of("daily_return", 48, 36, first=1)]), LIMITS)
    assert found[PEEKING][TRIAL.experiment_id].day == 2
    assert TRIAL.experiment_id not in found[LOOP] or found[LOOP][TRIAL.experiment_id].day > 2


def test_a_day_without_sessions_is_blind_and_rolls_nothing_back():
    rows = [*lived(2), *days_of("daily_return", 60, 20, first=2)]
    assert verdicts.alarms(run_of(rows), LIMITS)[LOOP] == {}


def test_the_return_of_the_next_day_was_not_known_at_the_end_of_the_day():
    rows = [*lived(), *sums(0, "next_day_return", 80, 20)]
    assert verdicts.alarms(run_of(rows), LIMITS)[LOOP] == {TRIAL.experiment_id: Alarm(2, "harm")}


# --- what alarms are worth --------------------------------------------------------------------------------------------


def figures(found, harmful, scenario="padding", trials=("x", "y", "z")):
    return values(verdicts.figures(find_scenario(scenario), LOOP, set(trials), set(harmful), found))


def test_all_harm_found_and_nothing_else():
    found = figures({"x": Alarm(3, "gaming"), "y": Alarm(5, "harm")}, {"x", "y"})
    assert found == {MISSED: 0, FALSE_ALARMS: 0, DAYS: 4, CAUSE: 1}


def test_harm_missed_and_a_false_alarm_of_three():
    found = figures({"z": Alarm(1, "harm")}, {"x"})
    assert found[MISSED] == 1
    assert found[FALSE_ALARMS] == 0.5
    assert math.isnan(found[DAYS])
    assert math.isnan(found[CAUSE])


@pytest.mark.parametrize(
    ("scenario", "cause", "right"),
    [
        ("padding", "gaming", 1),
        ("padding", "red_flag", 1),
        ("slow_harm", "harm", 1),
        ("slow_harm", "red_flag", 1),
        ("slow_harm", "gaming", 0),
        ("regen_spike", "red_flag", 1),
        ("regen_spike", "harm", 0),
        ("novelty", "harm", 1),
    ],
)
def test_the_cause_must_say_what_is_wrong(scenario, cause, right):
    assert figures({"x": Alarm(1, cause)}, {"x"}, scenario)[CAUSE] == right


def test_harm_is_a_loss_beyond_the_margin_or_regenerations_beyond_the_limit():
    assert not verdicts.is_harmful(truth(-0.009, 0.019), LIMITS)
    assert verdicts.is_harmful(truth(-0.011), LIMITS)
    assert verdicts.is_harmful(truth(0.05, 0.021), LIMITS)


def test_a_run_is_judged_by_its_truth(monkeypatch):
    run = run_of([*lived(), *days_of("daily_return", 60, 20, first=3)])
    monkeypatch.setattr(verdicts, "true_effects", lambda run: {TRIAL.experiment_id: truth(-0.1)})
    assert values(verdicts.measured_verdicts(run)) == pytest.approx(
        {MISSED: 0, FALSE_ALARMS: math.nan, DAYS: 4, CAUSE: 1}, nan_ok=True
    )
    monkeypatch.setattr(verdicts, "true_effects", lambda run: {TRIAL.experiment_id: truth(0.1)})
    assert values(verdicts.measured_verdicts(run))[FALSE_ALARMS] == 1
