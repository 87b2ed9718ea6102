"""From rows that came late to a verdict that no longer bears out what was done, and to whoever is told; all is real.

A log of four days in which most replies of the treatment's users on two days are missing, as if their shipper had been
down: return is down, and the candidate is rolled back. Then the replies come.
"""

import shutil
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context, materialize
from pydantic import SecretStr

from evalloop_assets.backfill.rejudging import feeding
from evalloop_assets.backfill.staleness import work
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.guardrails.sensors import alert_sensor
from evalloop_assets.lake.assets import TRANSFORMS, definition_of, stale_now
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.online_ab.assets import experiment_results
from evalloop_assets.settings import AlertSettings
from evalloop_assets_tests.backfill.histories import Arrived, History
from evalloop_assets_tests.guardrails.runs import carry_out, judge, rows
from evalloop_assets_tests.guardrails.runs import tick as guardrail_tick
from evalloop_assets_tests.guardrails.test_sensors import open_ones, titles
from evalloop_assets_tests.guardrails.test_sensors import tick as tick_of
from evalloop_assets_tests.guardrails.world import World, a_world
from evalloop_assets_tests.receiver import receiving

USERS = 400
JUDGED = date(2026, 5, 4)


def reply(user, day):
    shown = datetime(2026, 5, day, 10) + timedelta(seconds=user)
    ids = {"event_id": f"{user}-{day}", "user_id": f"u{user}", "conversation_id": f"c{user}", "model_id": "m"}
    return Arrived("turns", {**ids, "shown_at": shown, "reply_text": "A reply.", "user_text": "and"})


def assigned(user):
    arm, model = ("treatment", "new-x") if user % 2 else ("control", "old")
    ids = {"experiment_id": "x", "unit": "user", "unit_id": f"u{user}", "user_id": f"u{user}"}
    at = datetime(2026, 5, 1, 9) + timedelta(seconds=user)
    return Arrived("assignments", {**ids, "arm": arm, "model_id": model, "assigned_at": at, "propensity": 0.5})


def the_log():
    """Everybody chats on the first and the fourth, half of all on each day between; and what of it comes late."""
    draw = np.random.default_rng(1)
    came = [(user, day) for user in range(USERS) for day in (1, 2, 3, 4) if day in (1, 4) or draw.random() < 0.5]
    late = [(user, day) for user, day in came if day in (2, 3) and user % 2 and draw.random() < 0.8]
    in_time = [one for one in came if one not in set(late)]
    return [*map(assigned, range(USERS)), *(reply(*one) for one in in_time)], [reply(*one) for one in late]


IN_TIME, LATE = the_log()


class Home:
    """A home, its Dagster instance, and somebody who is told."""

    def __init__(self, folder, settings, instance, receiver=None):
        settings = settings.model_copy(update={"home": folder})
        if receiver is not None:
            settings = settings.model_copy(update={"alerts": AlertSettings(urls=SecretStr(receiver.apprise))})
        self.world = World(settings, lake_resource(settings))
        self.history, self.instance, self.receiver = History(folder), instance, receiver
        self.history.settings, self.history.files = settings, 100
        self.definitions = build_definitions(settings)
        self.sensor = self.definitions.get_repository_def().get_sensor_def("rejudge_sensor")
        self.cursor, self.told = None, None

    def compute(self):
        """What the relabel sensor has recomputed, of the tables that matter here."""
        lake, settings = self.world.lake, self.world.settings
        while due := work(lake, settings, tables=sorted(feeding())).spans:
            for span in due:
                for table in span.tables:
                    definition = definition_of(table, settings, lake.clock())
                    self.history.compute(table, stale_now(lake, definition, Days(span.first, span.last)))

    def tick(self):
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources=self.world.resources,
            repository_def=self.definitions.get_repository_def(),
        ) as context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return found

    def judged_anew(self):
        """Ticks and the runs that they ask for until nothing is asked; then everybody else's ticks. Gives the days."""
        days = []
        while requests := self.tick().run_requests:
            for one in requests:
                days.append(one.partition_key)
                job = self.definitions.resolve_job_def("rejudge")
                done = job.execute_in_process(instance=self.instance, partition_key=days[-1], tags=one.tags)
                assert done.success
        done_before = self.world.ledger.history()
        carry_out(self.world, self.instance, guardrail_tick(self.instance).run_requests or [])
        assert self.world.ledger.history() == done_before, "a reading that was carried out is not carried out again"
        self.alert()
        return days

    def alert(self):
        _, self.told = tick_of(alert_sensor, self.world, self.instance, self.told)


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Two homes that were judged: before the rollback, and after it."""
    folder = tmp_path_factory.mktemp("homes")
    settings = a_world(folder / "judged").settings
    with receiving() as receiver, DagsterInstance.ephemeral() as instance:
        home = Home(folder / "judged", settings, instance)
        home.history.take_in(IN_TIME, JUDGED)
        home.compute()
        judge(home.world, instance, JUDGED)
        [reading] = rows(home.world, "guardrail_readings", JUDGED)
        assert (reading["verdict"], reading["cause"]) == ("ROLLBACK", "harm")
        shutil.copytree(folder / "judged", folder / "rolled_back")
        rolled_back = Home(folder / "rolled_back", settings, instance, receiver)
        carry_out(rolled_back.world, instance, guardrail_tick(instance).run_requests)
        rolled_back.alert()
        assert titles(receiver) == ["ROLLBACK x (harm)"]
    assert rolled_back.world.ledger.head().action == "rollback"
    return SimpleNamespace(judged=folder / "judged", rolled_back=folder / "rolled_back", settings=settings)


@pytest.fixture
def at(homes, tmp_path):
    """Opens a copy of one of the homes."""
    with receiving() as receiver, DagsterInstance.ephemeral() as instance:

        def opened(which):
            shutil.copytree(which, tmp_path / "home")
            return Home(tmp_path / "home", homes.settings, instance, receiver)

        yield opened


def test_late_rows_that_turn_a_verdict_open_one_incident_and_tell_it_once(at, homes):
    home = at(homes.rolled_back)
    assert "no rows came late" in home.tick().skip_message
    home.history.take_in(LATE)
    before = home.tick()
    assert not before.run_requests, "nothing has taken the rows in yet"
    home.compute()
    [request] = home.tick().run_requests
    assert request.partition_key == "2026-05-04"
    assert request.tags["evalloop/reasons"] == "late rows: turns of 2026-05-02 to 2026-05-03"
    home.cursor = None
    assert home.tick().run_requests[0].run_key == request.run_key, "one state of the lake asks once"
    assert not home.tick().run_requests
    home.cursor = None
    assert home.judged_anew() == ["2026-05-04"]
    assert open_ones(home.world) == [("x", "reopened")]
    assert titles(home.receiver) == ["REOPENED x"]
    message = next(got.json["message"] for got in home.receiver.got if "title" in got.json)
    assert "2026-05-04 says now: PASS: No confirmed harm: daily_return by user moved by " in message
    assert 'undo: evalloop serving undo 3 --reason "…"' in message
    [reading] = rows(home.world, "guardrail_readings", JUDGED)
    assert (reading["verdict"], reading["reopened"][:18]) == ("PASS", "entry 3 (rollback)")
    assert home.world.ledger.head().sequence == 3, "nothing is reversed without a person"
    home.cursor = None
    assert home.judged_anew() == [], "the same lateness is judged once"
    home.history.take_in(LATE[:1])
    home.compute()
    assert home.judged_anew() == [], "what came twice is not late"
    assert titles(home.receiver) == ["REOPENED x"]


def test_late_rows_that_change_no_verdict_are_judged_and_told_to_nobody(at, homes):
    home = at(homes.rolled_back)
    home.history.take_in(LATE[:3])
    home.compute()
    assert home.judged_anew() == ["2026-05-04"]
    assert rows(home.world, "guardrail_readings", JUDGED)[0]["verdict"] == "ROLLBACK"
    assert (open_ones(home.world), titles(home.receiver)) == ([], [])


def test_what_matures_judges_no_day_anew(at, homes):
    home = at(homes.rolled_back)
    before = home.world.lake.version("experiment_users")
    home.history.take_in([reply(user, 5) for user in range(USERS)], date(2026, 5, 5))
    home.compute()
    assert home.world.lake.version("experiment_users") > before
    assert home.judged_anew() == []
    assert (open_ones(home.world), titles(home.receiver)) == ([], [])


def test_a_day_on_which_nothing_was_done_is_not_judged_anew(at, homes):
    home = at(homes.judged)
    home.history.take_in(LATE)
    home.compute()
    assert home.judged_anew() == []
    assert rows(home.world, "guardrail_readings", JUDGED)[0]["verdict"] == "ROLLBACK"


def test_it_waits_for_the_tables_and_for_runs_over_the_day(at, homes):
    home = at(homes.rolled_back)
    home.history.take_in(LATE)
    lake, settings = home.world.lake, home.world.settings
    for table in ("sessions", "user_days", "experiment_units", "experiment_sessions", "experiment_people"):
        definition = definition_of(table, settings, lake.clock())
        home.history.compute(table, stale_now(lake, definition, Days(date(2026, 5, 1), JUDGED)))
    found = home.tick()
    assert not found.run_requests
    home.compute()
    run = home.instance.create_run_for_job(
        home.definitions.resolve_job_def("daily"),
        tags={"dagster/partition": "2026-05-04"},
        status=DagsterRunStatus.STARTED,
    )
    assert "in flight" in home.tick().skip_message
    home.instance.delete_run(run.run_id)
    assert len(home.tick().run_requests) == 1


def exposed_on_the_third(user):
    one = assigned(user)
    return Arrived(one.table, one.row | {"assigned_at": one.row["assigned_at"] + timedelta(days=2)})


def test_a_run_that_was_killed_between_its_steps_is_asked_for_again(tmp_path):
    """Of rows of before the experiment only the results know, by the covariates; the verdict reads the results."""
    draw = np.random.default_rng(1)
    stays = {0: 0.85, 1: 0.15}
    came = [(user, day) for user in range(USERS) for day in (2, 3, 4) if day < 4 or draw.random() < stays[user % 2]]
    with DagsterInstance.ephemeral() as instance:
        home = Home(tmp_path / "home", a_world(tmp_path / "home").settings, instance)
        home.history.take_in([*map(exposed_on_the_third, range(USERS)), *(reply(*one) for one in came)], JUDGED)
        home.compute()
        judge(home.world, instance, JUDGED)
        carry_out(home.world, instance, guardrail_tick(instance).run_requests)
        home.history.take_in([reply(user, 1) for user in range(0, USERS, 3)])
        home.compute()
        [asked] = home.tick().run_requests
        done = materialize([experiment_results], partition_key=asked.partition_key, instance=instance,
            resources=home.world.resources, tags=asked.tags)  # fmt: skip
        assert done.success
        assert home.judged_anew() == ["2026-05-04"]
        assert home.judged_anew() == []


def test_only_queries_feed_a_verdict():
    assert feeding() <= set(TRANSFORMS)
    assert {"experiment_users", "sessions", "returns"} <= feeding()
