"""What `evalloop status` says of Dagster's daemon and of the sensors that nobody else watches."""

import time
import uuid

import pytest
from dagster import DagsterInstance
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from evalloop_assets.cli.instance import open_instance
from evalloop_assets.settings import Settings


@pytest.fixture
def instance(home):
    with open_instance(Settings()) as opened:
        yield opened


def beat(instance, kind, age, error=None):
    errors = [SerializableErrorInfo(error, [], "OSError")] if error else []
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, kind, str(uuid.uuid4()), errors))


def watched(instance: DagsterInstance, name, status, tick=None):
    """A sensor's state as the daemon or the UI leaves it."""
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="evalloop_assets.definitions"), "evalloop")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    state = InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData(min_interval=15))
    instance.add_instigator_state(state)
    if tick is not None:
        error = SerializableErrorInfo("broken", [], "OSError") if tick == TickStatus.FAILURE else None
        instance.create_tick(
            TickData(
                state.instigator_origin_id, name, InstigatorType.SENSOR, tick, time.time(),
                selector_id=state.selector_id, error=error,
            )
        )  # fmt: skip


def health(evalloop):
    printed = evalloop("status").printed
    return [text for text in printed.splitlines() if text.startswith(("daemon", "sensor"))]


def test_a_daemon_that_was_never_there_one_that_lives_and_one_whose_sensors_are_silent(evalloop, instance):
    assert health(evalloop) == ["daemon never seen: sensors and schedules do not run (make ui starts it)"]
    for kind in ("SENSOR", "SCHEDULER"):
        beat(instance, kind, age=1)
    assert health(evalloop)[0].startswith("daemon alive, every part heard of in the last ")
    beat(instance, "SENSOR", age=500, error="a secret")
    silent, error = health(evalloop)
    assert silent.startswith("daemon silent: sensor for 50")
    assert error == "daemon SENSOR: OSError (its log tells more)"


def test_a_sensor_that_was_stopped_and_one_whose_last_tick_failed_are_named(evalloop, instance):
    watched(instance, "guardrail_sensor", InstigatorStatus.STOPPED)
    watched(instance, "dead_man_sensor", InstigatorStatus.RUNNING, TickStatus.SKIPPED)
    watched(instance, "alert_sensor", InstigatorStatus.RUNNING, TickStatus.FAILURE)
    watched(instance, "relabel_sensor", InstigatorStatus.STOPPED)
    assert sorted(health(evalloop)[1:]) == [
        "sensor alert_sensor: its last tick failed (the UI tells why, under Automation)",
        "sensor guardrail_sensor is stopped: start it in the UI under Automation",
    ]
