"""The relabel sensor evaluated for real, on a real instance, and the runs that it asks for carried out."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunRequest, build_sensor_context

from evalloop_assets.backfill.sensors import FIRST, LAST, days_of_run
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.assets import TRANSFORMS
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.settings import Settings
from evalloop_assets_tests.backfill.histories import Arrived, History


def reply(day: int, user: str = "u", minute: int = 600) -> Arrived:
    shown = datetime(2026, 5, day) + timedelta(minutes=minute)
    ids = {"event_id": f"{user}{day}-{minute}", "user_id": user, "conversation_id": f"c-{user}", "model_id": "m"}
    return Arrived("turns", {**ids, "shown_at": shown, "reply_text": "text", "user_text": "and"})


class Loop:
    """A home, an instance, and the sensor."""

    def __init__(self, folder: Path, instance: DagsterInstance) -> None:
        self.history = History(folder)
        self.history.files = 100
        self.settings = self.history.settings
        self.instance = instance
        self.definitions = build_definitions(self.settings)
        self.sensor = self.definitions.get_repository_def().get_sensor_def("relabel_sensor")
        self.cursor: str | None = None

    def tick(self, settings: Settings | None = None) -> Any:
        used = settings or self.settings
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"lake": lake_resource(used), "settings": used},
            repository_def=self.definitions.get_repository_def(),
        ) as context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return found

    def execute(self, request: RunRequest, settings: Settings | None = None) -> Any:
        """What the daemon does with a request."""
        job = build_definitions(settings or self.settings).resolve_job_def("relabel")
        done = job.execute_in_process(
            instance=self.instance, tags=request.tags, asset_selection=request.asset_selection
        )
        assert done.success
        return done

    def until_quiet(self, settings: Settings | None = None) -> list[RunRequest]:
        """Ticks and runs in turn until a tick asks for nothing; gives all requests."""
        asked: list[RunRequest] = []
        for _ in range(6):
            found = self.tick(settings).run_requests
            if not found:
                return asked
            for request in found:
                self.execute(request, settings)
            asked += found
        raise AssertionError("the sensor never fell silent")

    def recomputed(self, do: Callable[[], Any]) -> dict[str, list[int]]:
        """For each table, the days of May that it computed anew meanwhile."""
        before = {table: self.history.lake.computed(table) for table in TRANSFORMS}
        do()
        found = {}
        for table in TRANSFORMS:
            now = self.history.lake.computed(table)
            days = [day.day for day, how in now.items() if day not in before[table] or how != before[table][day]]
            if days:
                found[table] = sorted(days)
        return found


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose log of ten days is complete and computed."""
    home = tmp_path_factory.mktemp("computed") / "home"
    home.mkdir()
    told = History(home)
    told.take_in([reply(number) for number in range(1, 11)], date(2026, 5, 10))
    told.run()
    with DagsterInstance.ephemeral() as instance:
        asked = Loop(home, instance).until_quiet()
    learned = {"personas", "breaks", "reply_quality", "rewards", "pair_scores", "credit"}
    learned |= {"trajectory_returns", "reward_retention"}
    scored = learned | {"slice_units", "bad_signals", "model_days"}
    assert [tables_of(request) for request in asked] == [scored]
    return home


@pytest.fixture
def loop(computed: Path, tmp_path: Path) -> Iterator[Loop]:
    shutil.copytree(computed, tmp_path / "home")
    with DagsterInstance.ephemeral() as instance:
        yield Loop(tmp_path / "home", instance)


def range_of(request: RunRequest) -> tuple[str, str]:
    return request.tags[FIRST], request.tags[LAST]


def tables_of(request: RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_an_up_to_date_lake_is_left_alone_and_a_second_look_costs_nothing(loop: Loop):
    assert "no day is stale" in loop.tick().skip_message
    assert "nothing was committed" in loop.tick().skip_message


def test_days_never_computed_are_left_to_the_daily_run(loop: Loop):
    loop.history.take_in([reply(12)])
    asked = loop.tick().run_requests
    assert all(range_of(request)[1] < "2026-05-11" for request in asked)


def test_late_rows_reopen_their_day_in_one_run_over_the_tables_that_read_it(loop: Loop):
    loop.history.take_in([reply(5, minute=605)])
    (request,) = loop.tick().run_requests
    assert request.tags["evalloop/reasons"] == "late rows"
    assert {"sessions", "horizon_labels", "user_days", "returns"} <= tables_of(request)
    assert "reward_model_report" not in tables_of(request)
    found = loop.recomputed(lambda: loop.execute(request))
    # Windows of sessions look a day around theirs; the session changed on the fifth alone, and so did all behind it.
    assert found["sessions"] == [4, 5, 6]
    assert found["reading"] == found["exits"] == [4, 5]
    # Absence before a day looks back four weeks, returns look ahead nine days.
    assert set(found["returns"]) <= set(range(1, 11))
    assert not loop.until_quiet()


def test_matured_labels_are_computed_anew_on_their_day_and_only_there(loop: Loop):
    loop.history.take_in([], date(2026, 5, 11))
    requests = loop.tick().run_requests
    assert {reason for request in requests for reason in request.tags["evalloop/reasons"].split(", ")} <= {
        "matured",
        "log went on",
    }
    found = loop.recomputed(lambda: [loop.execute(request) for request in requests])
    assert found["next_day_returns"] == [9, 10]
    assert found["returns"] == [2, 3, 4, 6, 7, 8, 9, 10]
    assert "sessions" not in found
    assert not loop.until_quiet()


def test_another_definition_recomputes_its_table_and_what_reads_it_everywhere(loop: Loop):
    labels = loop.settings.labels.model_copy(update={"feedback_weight": 0.5})
    other = loop.settings.model_copy(update={"labels": labels})
    found = loop.recomputed(lambda: loop.until_quiet(other))
    assert found["horizon_labels"] == list(range(1, 11))
    assert not {"sessions", "reading", "returns"} & found.keys()
    assert loop.tick(other).skip_message


def test_a_range_in_flight_is_waited_for_and_one_state_asks_once(loop: Loop):
    loop.history.take_in([reply(5, minute=605)])
    (request,) = loop.tick().run_requests
    loop.cursor = None
    (again,) = loop.tick().run_requests
    assert again.run_key == request.run_key
    loop.cursor = None
    run = loop.instance.create_run_for_job(
        loop.definitions.resolve_job_def("relabel"), tags=dict(request.tags), status=DagsterRunStatus.STARTED
    )
    assert days_of_run(run) is not None
    waiting = loop.tick()
    assert not waiting.run_requests
    assert "in flight" in waiting.skip_message
    loop.instance.delete_run(run.run_id)
    assert [one.run_key for one in loop.tick().run_requests] == [request.run_key]


def test_what_a_run_changed_is_told_on_its_materialisations(loop: Loop):
    loop.history.take_in([reply(5, minute=605), reply(5, user="new", minute=700)])
    (request,) = loop.tick().run_requests
    done = loop.execute(request)
    events = {event.partition: event for event in done.asset_materializations_for_node("sessions")}
    fifth = events["2026-05-05"].metadata
    assert [fifth[f"rows_{what}"].value for what in ("added", "removed", "changed")] == [1, 0, 1]
    assert "rows_added" not in events["2026-05-04"].metadata
    told = events[max(events)].metadata["difference"].value
    assert "| 2026-05-05 | 1 | 0 | 1 |" in told
    assert "turns: 1 other" in told
    assert "ended_at: 1 other" in told
