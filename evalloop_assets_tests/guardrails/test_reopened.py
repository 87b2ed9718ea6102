"""A change of serving that its day no longer bears out is one incident until it does not stand any more."""

import json
from datetime import datetime, timedelta

import pytest
from dagster import DagsterInstance, materialize
from pydantic import SecretStr

from evalloop_assets.guardrails.assets import guardrail_readings
from evalloop_assets.guardrails.records import JUDGED_ANEW
from evalloop_assets.guardrails.reopened import REOPENED, close_settled
from evalloop_assets.guardrails.sensors import alert_sensor
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.online_ab.assets import decisions, experiment_results
from evalloop_assets.serving.ledger import Change
from evalloop_assets.settings import AlertSettings
from evalloop_assets_tests.receiver import receiving

from .runs import carry_out, judge
from .runs import tick as guardrail_tick
from .test_carried_out import flat_and_busier
from .test_sensors import open_ones, tick, titles
from .world import DAY, a_world, experiment_rows, fill

T = datetime(2026, 5, 4, 1)
NEXT = DAY + timedelta(days=1)
WON, LOST, EVEN = ({"retention_effect": effect} for effect in (0.3, -0.3, 0.0))


class OnCall:
    """A home that judges, and whoever is told."""

    def __init__(self, folder, receiver, instance, **settings):
        self.world = a_world(folder, **settings)
        alerts = AlertSettings(urls=SecretStr(receiver.apprise))
        self.world.settings = self.world.settings.model_copy(update={"alerts": alerts})
        self.receiver, self.instance = receiver, instance
        self.cursors = {"alerts": None, "guardrail": None}

    def done(self, **figures):
        """What the day says is carried out, and told."""
        fill(self.world, experiment_rows("x", **figures))
        judge(self.world, self.instance)
        self.tick()
        self.receiver.got.clear()
        return self.world.ledger.head()

    def judged_anew(self, day=DAY, tags=JUDGED_ANEW, rows=None, **figures):
        fill(self.world, experiment_rows("x", **figures) if rows is None else rows)
        assert materialize(
            [experiment_results, guardrail_readings, decisions], partition_key=day.isoformat(), instance=self.instance,
            resources=self.world.resources, tags=tags,
        ).success  # fmt: skip
        return self.tick()

    def tick(self):
        """Both sensors, the rollbacks that they ask for, and once more; gives the number of those."""
        found = guardrail_tick(self.instance, self.cursors["guardrail"])
        self.cursors["guardrail"] = found.cursor
        self.alert()
        carry_out(self.world, self.instance, found.run_requests or [])
        self.alert()
        return len(found.run_requests or [])

    def alert(self):
        _, self.cursors["alerts"] = tick(alert_sensor, self.world, self.instance, self.cursors["alerts"])

    def a_day_later(self):
        self.world.complete_through(NEXT, datetime(2026, 5, 5, 0, 30))

    @property
    def titles(self):
        return titles(self.receiver)

    @property
    def open(self):
        return open_ones(self.world)

    def undo(self, sequence):
        self.world.ledger.undo(sequence - 1, Change("undo", "ada", "late rows", T, f"undo-{sequence}"))


@pytest.fixture
def on_call(tmp_path):
    with receiving() as receiver, DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster")) as instance:
        yield OnCall(tmp_path / "home", receiver, instance)


@pytest.fixture
def ramping(tmp_path):
    """On call where the day has widened a ramp."""
    with receiving() as receiver, DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster")) as instance:
        ramp = {"weight_percent": 5, "retention_margin": 0.04, "planned_users": 40_000}
        one = OnCall(tmp_path / "home", receiver, instance, **ramp)
        fill(one.world, flat_and_busier())
        judge(one.world, one.instance)
        one.tick()
        assert one.world.ledger.head().action == "ramp"
        yield one


def test_a_rollback_that_its_day_no_longer_bears_out_is_told_once_and_stays_until_it_is_undone(on_call):
    assert on_call.done(**LOST).action == "rollback"
    on_call.a_day_later()
    for _ in range(2):
        assert on_call.judged_anew(**EVEN) == 0
    assert on_call.titles == ["REOPENED x"]
    [alert] = [got.json for got in on_call.receiver.got]
    lines = alert["message"].splitlines()
    assert (
        lines[0] == "Ledger entry 3 (rollback) rests on 2026-05-03, which no longer bears it out. Nothing was changed."
    )
    assert lines[2].startswith("it was done because: Fewer people came back: daily_return by user moved by -")
    assert lines[3].startswith("2026-05-03 says now: PASS: No confirmed harm: ")
    assert 'undo: evalloop serving undo 3 --reason "…"' in lines
    assert "runbook: docs/runbooks/reopened.md" in lines
    assert on_call.world.ledger.head().sequence == 3
    judge(on_call.world, on_call.instance, NEXT)
    on_call.tick()
    assert on_call.open == [("x", "reopened")], "a verdict of a newer day says nothing of what was done on this one"
    on_call.undo(3)
    on_call.alert()
    assert on_call.open == []
    assert on_call.titles == ["REOPENED x", "RESOLVED x (reopened)"]
    on_call.judged_anew(**EVEN)
    assert on_call.titles[2:] == [], "what was undone stands no more"


def test_an_incident_of_an_entry_that_a_restored_ledger_lacks_is_resolved(on_call):
    on_call.done(**LOST)
    on_call.a_day_later()
    on_call.judged_anew(**EVEN)
    with open_stores(on_call.world.settings) as stores:
        close_settled(stores.incidents, stores.ledger.history()[:-1], T)
        assert [one.resolution for one in stores.incidents.since(datetime.min) if one.kind == REOPENED] == [
            "the ledger has no entry 3"
        ]


def test_a_rollback_that_is_borne_out_again_is_silent(on_call):
    on_call.done(**LOST)
    on_call.a_day_later()
    on_call.judged_anew(seed=2, **LOST)
    assert (on_call.titles, on_call.open) == ([], [])


def test_a_promotion_whose_day_now_says_rollback_is_told_and_the_past_rolls_nothing_back(on_call):
    assert on_call.done(**WON).action == "promote"
    on_call.a_day_later()
    assert on_call.judged_anew(**LOST) == 0
    assert on_call.titles == ["REOPENED x"], "one incident, none of the harm besides"
    message = on_call.receiver.got[0].json["message"]
    assert "2026-05-03 says now: ROLLBACK: Fewer people came back" in message
    assert 'or take it out: evalloop serving rollback x --reason "…"' in message
    assert on_call.world.ledger.head().action == "promote"
    assert json.loads(on_call.world.settings.flags.read_text())["metadata"]["sequence"] == 3


def test_a_promotion_that_the_decision_alone_no_longer_bears_out_is_told(on_call):
    on_call.done(**WON)
    on_call.a_day_later()
    on_call.judged_anew(**EVEN)
    assert on_call.titles == ["REOPENED x"]
    assert "2026-05-03 says now: continue: retention " in on_call.receiver.got[0].json["message"]


def test_the_newest_day_judged_anew_rolls_back_like_any_other_verdict_of_it(on_call):
    on_call.done(**WON)
    assert on_call.judged_anew(**LOST) == 1
    assert on_call.world.ledger.head().action == "rollback"
    assert on_call.titles[0] == "ROLLBACK x (harm)"
    assert ("x", "harm") not in on_call.open


def test_a_past_day_on_which_nothing_was_done_changes_nothing_either(on_call):
    assert on_call.done(**EVEN).sequence == 2
    on_call.a_day_later()
    on_call.judged_anew(**WON)
    assert (on_call.titles, on_call.open) == ([], [])
    assert on_call.judged_anew(**LOST) == 0
    assert on_call.open == [("x", "harm")], "that harm is sure is told to people, with what runs as it is"
    assert on_call.world.ledger.head().sequence == 2
    assert on_call.judged_anew(tags={}, **LOST) == 1, "a past day that a person computes keeps the guardrail armed"
    assert on_call.world.ledger.head().action == "rollback"


def test_what_a_person_resolved_is_not_told_again(on_call):
    on_call.done(**LOST)
    on_call.a_day_later()
    on_call.judged_anew(**EVEN)
    with open_stores(on_call.world.settings) as stores:
        [one] = stores.incidents.open_ones()
        stores.incidents.resolve(one.number, "the rollback is right all the same", T)
    on_call.judged_anew(seed=2, **EVEN)
    assert on_call.open == []
    assert [title for title in on_call.titles if title.startswith("REOPENED")] == ["REOPENED x"]


def test_late_rows_that_make_the_ratio_of_the_arms_impossible_are_told_and_what_was_done_on_them_too(ramping):
    lost = [row for row in flat_and_busier() if row["arm"] == "control" or int(row["user_id"][3:]) % 5]
    assert ramping.judged_anew(rows=lost) == 0
    assert sorted(ramping.titles) == ["HOLD x (srm)", "REOPENED x"]
    assert sorted(ramping.open) == [("x", "reopened"), ("x", "srm")]


def test_an_incident_ends_when_the_day_bears_it_out_again_and_comes_back_when_it_does_not(on_call):
    on_call.done(**LOST)
    on_call.a_day_later()
    for seed in (1, 2):
        on_call.judged_anew(seed=seed, **EVEN)
        assert on_call.open == [("x", "reopened")]
        on_call.judged_anew(seed=seed, **LOST)
        assert on_call.open == []
    assert on_call.titles == ["REOPENED x", "RESOLVED x (reopened)"] * 2
    ended = [got.json["message"] for got in on_call.receiver.got if got.json.get("title") == "RESOLVED x (reopened)"]
    assert [text.startswith("the day bears it out again (opened ") for text in ended] == [True, True]


def test_a_promotion_is_borne_out_again_by_the_source_that_no_longer_did(on_call):
    on_call.done(**WON)
    on_call.a_day_later()
    on_call.judged_anew(**EVEN)
    assert on_call.open == [("x", "reopened")], "the guardrail passes it, the decision does not promote it"
    on_call.judged_anew(**WON)
    assert on_call.open == []


@pytest.mark.parametrize("resolved", [False, True])
def test_sure_harm_is_told_also_where_less_was_told_or_resolved_before(on_call, resolved):
    on_call.done(**WON)
    on_call.a_day_later()
    on_call.judged_anew(**EVEN)
    if resolved:
        with open_stores(on_call.world.settings) as stores:
            [one] = stores.incidents.open_ones()
            stores.incidents.resolve(one.number, "it was early, later days pass", T)
    on_call.judged_anew(**LOST)
    assert on_call.open == [("x", "reopened")]
    told = [got.json["message"] for got in on_call.receiver.got if got.json.get("title") == "REOPENED x"]
    assert ["says now: ROLLBACK" in text for text in told] == [False, True]
    on_call.judged_anew(seed=2, **LOST)
    assert on_call.titles.count("REOPENED x") == 2, "it is told once"
    on_call.judged_anew(**WON)
    assert on_call.open == []


def test_verdicts_of_before_what_was_done_do_not_speak_against_it(on_call):
    """The alert sensor was off while the day passed, was judged again with a rollback, and was rolled back."""
    fill(on_call.world, experiment_rows("x", **EVEN))
    judge(on_call.world, on_call.instance)
    fill(on_call.world, experiment_rows("x", **LOST))
    judge(on_call.world, on_call.instance)
    carry_out(on_call.world, on_call.instance, guardrail_tick(on_call.instance).run_requests)
    on_call.alert()
    assert on_call.titles == ["ROLLBACK x (harm)"]
    assert on_call.open == []


def test_a_rollback_on_a_day_that_was_open_after_midnight_rests_on_it_as_it_was_then(on_call):
    on_call.world.complete_through(DAY - timedelta(days=1), T - timedelta(minutes=45))
    angry = [
        row | {"metric": "complaint", "total": 0.5 * (row["arm"] == "treatment")}
        for row in experiment_rows("x", metrics={"chat_send"})
    ]
    fill(on_call.world, experiment_rows("x"), angry)
    judge(on_call.world, on_call.instance)
    on_call.tick()
    assert (on_call.titles, on_call.world.ledger.head().at) == (["ROLLBACK x (red_flag)"], T - timedelta(minutes=45))
    on_call.world.complete_through(DAY, T)
    on_call.judged_anew(tags={}, **EVEN)
    assert on_call.titles == ["ROLLBACK x (red_flag)"]


def test_a_promotion_that_came_a_day_late_is_rolled_back_by_its_own_day(on_call):
    """The logs of the day were complete only when the next one was over."""
    on_call.world.complete_through(DAY, datetime(2026, 5, 5, 3))
    assert on_call.done(**WON).at == datetime(2026, 5, 5, 3)
    assert on_call.judged_anew(**LOST) == 1
    assert on_call.world.ledger.head().action == "rollback"
