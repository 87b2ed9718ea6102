"""The sensors of on call on a real Dagster instance, with a real receiver."""

import json
from datetime import datetime, timedelta

import pytest
from dagster import (
    DagsterInstance,
    Definitions,
    build_run_status_sensor_context,
    build_sensor_context,
    job,
    materialize,
    op,
)
from pydantic import SecretStr

from evalloop_assets.guardrails import sensors
from evalloop_assets.guardrails.assets import guardrail_readings
from evalloop_assets.guardrails.sensors import SENSORS, alert_sensor, dead_man_sensor, failed_run_sensor
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.guardrails.watch import advanced, unwatched
from evalloop_assets.online_ab.assets import experiment_results
from evalloop_assets.serving.ledger import Change, Ledger, utc_now
from evalloop_assets.settings import AlertSettings, WebhookSettings
from evalloop_assets_tests.receiver import SECRET, receiving

from .runs import carry_out
from .runs import tick as guardrail_tick
from .world import DAY, a_world, experiment_rows, fill

JUDGED = [experiment_results, guardrail_readings]


@pytest.fixture
def instance(tmp_path):
    with DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster")) as one:
        yield one


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@pytest.fixture
def world(tmp_path, receiver):
    """One experiment in flight since now, by the clock on the wall, and somebody who is told."""
    made = a_world(tmp_path / "home")
    made.settings = made.settings.model_copy(
        update={
            "alerts": AlertSettings(urls=SecretStr(receiver.apprise)),
            "webhooks": WebhookSettings(routers=SecretStr(receiver.url), secret=SecretStr("a shared secret")),
        }
    )
    return made


def judge(world, instance):
    assert materialize(JUDGED, partition_key=DAY.isoformat(), instance=instance, resources=world.resources).success


def tick(one, world, instance, cursor=None):
    """One evaluation as the daemon does it; gives what it said and its cursor."""
    with build_sensor_context(instance=instance, cursor=cursor, resources={"settings": world.settings}) as context:
        said = one(context)
        return said.skip_message, context.cursor


def open_ones(world):
    with open_stores(world.settings) as stores:
        return [(one.topic, one.kind) for one in stores.incidents.open_ones()]


def titles(receiver):
    return [got.json["title"] for got in receiver.got if "title" in got.json]


def at(monkeypatch, moment):
    monkeypatch.setattr(sensors, "utc_now", lambda: moment)


def test_all_sensors_of_on_call_run_by_default():
    names = {one.name: one.default_status.value for one in Definitions(sensors=SENSORS).sensors}
    assert names == dict.fromkeys(
        ["guardrail_sensor", "alert_sensor", "dead_man_sensor", "run_failure_sensor"], "RUNNING"
    )


def test_a_rollback_reaches_whoever_is_on_call_and_other_routers(world, instance, receiver, tmp_path):
    fill(world, experiment_rows("x", retention_effect=-0.3, seconds_effect=30))
    world.write(
        "sessions",
        [
            {
                "session_id": f"s{k}", "user_id": f"user-{k}", "conversation_id": f"secret-conversation-{k}",
                "experiment_id": "x", "arm": "treatment" if k % 2 else "control",
                "kept_turns": k, "regenerations": 0, "complaints": int(k == 5),
            }
            for k in range(40)
        ],
    )  # fmt: skip
    judge(world, instance)
    said, cursor = tick(alert_sensor, world, instance)
    assert said.startswith("1 incidents open, x (gaming)")
    assert titles(receiver) == []
    carry_out(world, instance, guardrail_tick(instance).run_requests)
    allocations = [got.json["sequence"] for got in receiver.got if got.json.get("event") == "allocation"]
    assert allocations == [2, 3], "the first tick told what was served, the rollback run told at once"
    said, cursor = tick(alert_sensor, world, instance, cursor)
    assert "incident-1-opened to json-" in said
    (alert,) = [got.json for got in receiver.got if "title" in got.json]
    assert alert["title"] == "ROLLBACK x (gaming)"
    assert "Time spent rose while fewer people came back" in alert["message"]
    assert "weights: 50% of new conversations before, 0% since ledger entry 3" in alert["message"]
    examples = [text for text in alert["message"].splitlines() if text.startswith("example: ")]
    assert [text.split(", ", 1)[1] for text in examples] == [
        "5 replies, 0 regenerated, 1 complained about",
        "39 replies, 0 regenerated, 0 complained about",
        "37 replies, 0 regenerated, 0 complained about",
    ]
    assert "secret-conversation" not in alert["message"]
    assert [one["mimetype"] for one in alert["attachments"]] == ["image/png"]
    said, _ = tick(alert_sensor, world, instance, cursor)
    assert said == "0 incidents open."
    assert len(titles(receiver)) == 1
    assert_untold(instance, tmp_path)


def test_a_red_flag_on_the_open_day_rolls_back_within_the_hour_and_its_final_verdict_tells_nothing_new(
    world, instance, receiver
):
    def seen_by(hour, users, complaints):
        world.complete_through(DAY - timedelta(days=1), datetime(2026, 5, 3, hour))
        fewer = experiment_rows("x", users=users, retention_effect=-0.3, seconds_effect=30)
        flags = [
            row
            | {"metric": "complaint", "units": 10, "eligible": 10, "total": complaints * (row["arm"] == "treatment")}
            for row in fewer
            if row["metric"] == "chat_send"
        ]
        fill(world, fewer, flags)
        judge(world, instance)
        found = guardrail_tick(instance, cursors.get("guardrail"))
        cursors["guardrail"], requests = found.cursor, found.run_requests or []
        carry_out(world, instance, requests)
        _, cursors["alerts"] = tick(alert_sensor, world, instance, cursors.get("alerts"))
        return [one.tags["evalloop/reading"] for one in requests]

    cursors = {}
    assert seen_by(9, 800, 0.0) == [], "what has not matured for sure waits for the end of the day"
    assert seen_by(10, 900, 5.0) == [f"x@{DAY}"]
    head = world.ledger.head()
    assert (head.action, head.at) == ("rollback", datetime(2026, 5, 3, 10))
    assert (head.evidence["decided"]["metric"], head.evidence["cause"]) == ("complaint", "red_flag")
    seen_by(11, 1_000, 5.0)
    world.complete_through(DAY, datetime(2026, 5, 4, 0, 30))
    judge(world, instance)
    tick(alert_sensor, world, instance, cursors["alerts"])
    assert titles(receiver) == ["ROLLBACK x (red_flag)"]
    assert open_ones(world) == []
    assert world.ledger.head() == head


def assert_untold(instance, folder):
    """No secret is in Dagster's record, nor in any file."""
    record = [str(entry) for run in instance.get_runs() for entry in [run, *instance.all_logs(run.run_id)]]
    assert any("rolled back" in text for text in record)
    assert not [text for text in record if SECRET in text]
    assert not [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_verdict_that_is_read_twice_after_a_crash_is_told_once(world, instance, receiver):
    judge(world, instance)
    for _ in range(2):
        tick(alert_sensor, world, instance, None)
    assert titles(receiver) == ["BLIND x (no_data)"]


def test_a_tick_publishes_what_a_process_that_died_left_unpublished(world, instance):
    assert not world.settings.flags.exists()
    tick(alert_sensor, world, instance)
    assert json.loads(world.settings.flags.read_text())["metadata"]["sequence"] == world.ledger.head().sequence


def test_a_first_tick_does_not_tell_old_verdicts(world, instance, receiver, monkeypatch):
    judge(world, instance)
    at(monkeypatch, utc_now() + timedelta(days=2))
    tick(alert_sensor, world, instance, None)
    assert titles(receiver) == []


def test_the_dead_man_tells_once_of_an_experiment_that_nobody_judges_and_ends_with_a_verdict(
    world, instance, receiver, monkeypatch
):
    started = utc_now()
    for hours, expected in ((1, []), (35.9, []), (36.1, [("x", "dead_man")]), (48, [("x", "dead_man")])):
        at(monkeypatch, started + timedelta(hours=hours))
        tick(dead_man_sensor, world, instance)
        tick(alert_sensor, world, instance)
        assert open_ones(world) == expected
    assert titles(receiver) == ["NO VERDICT x"]
    judge(world, instance)
    at(monkeypatch, utc_now())
    said, _ = tick(dead_man_sensor, world, instance)
    assert said == "Unwatched: no experiment (limit 36 h)."
    assert ("x", "dead_man") not in open_ones(world)


def test_judging_the_same_day_again_and_again_is_no_watch(world):
    started, limit = utc_now(), timedelta(hours=36)

    def day(number):
        return [{"experiment_id": "x", "day": f"2026-05-0{number}"}]

    def unwatched_after(progress, hours):
        return unwatched(world.ledger, progress, started + timedelta(hours=hours), limit)

    progress = advanced({}, day(3), started + timedelta(hours=2))
    again = advanced(advanced(progress, day(3), started + timedelta(hours=30)), day(2), started + timedelta(hours=31))
    assert again == progress
    assert unwatched_after(again, 37) == {}
    assert unwatched_after(again, 39) == {"x": started + timedelta(hours=2)}
    hourly = advanced(again, [{**one, "is_open": True} for one in day(4)], started + timedelta(hours=37))
    assert unwatched_after(hourly, 39) == {"x": started + timedelta(hours=2)}
    assert unwatched_after(advanced(again, day(4), started + timedelta(hours=37)), 70) == {}


def test_an_experiment_that_an_undo_put_back_is_given_its_time(world, instance):
    request = {"experiment_id": "x", "reading_id": "x@1", "reason": "padding"}
    roll = sensors.rollback.execute_in_process(
        instance=instance, resources=world.resources, run_config=sensors.rollback_config(**request)
    )
    assert roll.success
    put_back_at = utc_now() + timedelta(days=9)
    ledger = Ledger(world.settings.ledger_url, now=lambda: put_back_at)
    ledger.undo(2, Change("undo", "ada", "false alarm", put_back_at, "undo"))
    long_ago = {"x": ("2026-05-03", utc_now())}
    assert unwatched(ledger, long_ago, put_back_at + timedelta(hours=35), timedelta(hours=36)) == {}
    assert unwatched(ledger, long_ago, put_back_at + timedelta(hours=37), timedelta(hours=36)) == {"x": put_back_at}


@pytest.mark.parametrize("served", ["nothing", "a champion", "a rollback"])
def test_the_dead_man_is_silent_where_nothing_is_in_flight(tmp_path, instance, monkeypatch, world, served):
    if served != "a rollback":
        world = a_world(tmp_path / "idle", experiments=())
    if served == "nothing":
        world.settings = world.settings.model_copy(update={"home": tmp_path / "empty"})
    if served == "a rollback":
        request = {"experiment_id": "x", "reading_id": "x@1", "reason": "padding"}
        assert sensors.rollback.execute_in_process(
            instance=instance, resources=world.resources, run_config=sensors.rollback_config(**request)
        ).success
    at(monkeypatch, utc_now() + timedelta(days=30))
    said, _ = tick(dead_man_sensor, world, instance)
    assert said.startswith("Unwatched: no experiment")
    assert open_ones(world) == []


@job
def fragile():
    @op
    def step():
        if Fragile.broken:
            raise ValueError("row 7 of user-1x is broken")

    step()


class Fragile:
    broken = True


def run_fragile(world, instance, broken):
    Fragile.broken = broken
    done = fragile.execute_in_process(instance=instance, raise_on_error=False)
    assert done.success is not broken
    if broken:
        context = build_run_status_sensor_context(
            sensor_name="run_failure_sensor", dagster_instance=instance, dagster_run=done.dagster_run,
            dagster_event=done.get_run_failure_event(), resources={"settings": world.settings},
        ).for_run_failure()  # fmt: skip
        failed_run_sensor(context)


def test_a_job_that_fails_is_one_incident_until_it_succeeds_and_quotes_no_row(world, instance, receiver):
    run_fragile(world, instance, broken=True)
    _, cursor = tick(alert_sensor, world, instance)
    run_fragile(world, instance, broken=True)
    _, cursor = tick(alert_sensor, world, instance, cursor)
    assert open_ones(world) == [("fragile", "run_failure")]
    assert titles(receiver) == ["RUN FAILED fragile"]
    (alert,) = [got.json["message"] for got in receiver.got if "title" in got.json]
    assert "failed in step: ValueError." in alert
    assert "user-1x" not in alert
    run_fragile(world, instance, broken=False)
    tick(alert_sensor, world, instance, cursor)
    assert open_ones(world) == []
    assert titles(receiver) == ["RUN FAILED fragile", "RESOLVED fragile (run_failure)"]


def test_a_success_before_the_failure_mends_nothing(world, instance):
    run_fragile(world, instance, broken=False)
    run_fragile(world, instance, broken=True)
    tick(alert_sensor, world, instance)
    assert open_ones(world) == [("fragile", "run_failure")]


def test_a_tick_without_channels_says_so_and_works_on_an_empty_home(tmp_path, instance):
    empty = a_world(tmp_path / "idle", experiments=())
    said, _ = tick(alert_sensor, empty, instance)
    assert said == "0 incidents open; no alert can be sent: EVALLOOP_ALERTS__URLS is not set."
