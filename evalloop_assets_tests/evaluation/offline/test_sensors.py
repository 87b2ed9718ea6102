"""What becomes due starts the configured program, each once, with the product's own runs and a real program."""

import sys
from datetime import date
from pathlib import Path
from time import monotonic

import pyarrow.parquet as pq
import pytest
from dagster import DagsterInstance, build_sensor_context, materialize

from evalloop_assets.definitions import ASSETS as ALL
from evalloop_assets.definitions import build_definitions
from evalloop_assets.evaluation.offline.assets import evaluations_due
from evalloop_assets.evaluation.offline.command import run_command
from evalloop_assets.lake.errors import UserError
from evalloop_assets_tests.evaluation.offline.test_assets import FIRST, World, model, score

assert ALL
PROGRAM = """
import datetime, pathlib, sys
import pyarrow as pa, pyarrow.parquet as pq
model, benchmark, landing = sys.argv[1:]
folder = pathlib.Path(landing) / "benchmark_scores"
folder.mkdir(parents=True, exist_ok=True)
row = {"model_id": model, "benchmark": benchmark, "item_id": "1", "score": 0.5}
row["scored_at"] = datetime.datetime(2026, 3, 2, 12)
pq.write_table(pa.Table.from_pylist([row]), folder / f"{model}.parquet")
print("evaluated", model)
"""
COMMAND = (sys.executable, "-c", PROGRAM, "{model_id}", "{benchmark}", "{landing}")


class Loop(World):
    """A home, an instance, and the sensor."""

    def __init__(self, folder, instance, **offline):
        super().__init__(folder, **offline)
        self.instance, self.cursor = instance, None
        self.repository = build_definitions(self.settings).get_repository_def()

    def look(self, day=FIRST):
        resources = {"lake": self.resource, "settings": self.settings}
        assert materialize(
            [evaluations_due], partition_key=str(day), resources=resources, instance=self.instance
        ).success

    def tick(self):
        sensor = self.repository.get_sensor_def("evaluation_sensor")
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"settings": self.settings},
            repository_def=self.repository,
        ) as context:
            found = sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return found

    def execute(self, request):
        job = build_definitions(self.settings).resolve_job_def("evaluate")
        return job.execute_in_process(instance=self.instance, run_config=request.run_config, raise_on_error=False)


@pytest.fixture
def loop(tmp_path):
    with DagsterInstance.ephemeral() as instance:

        def make(**offline):
            made = Loop(tmp_path, instance, **offline)
            made.write("models", [model("new", FIRST), model("old", FIRST)], FIRST)
            made.write("benchmark_scores", [score("old", FIRST)], FIRST)
            return made

        yield make


def test_a_new_model_is_evaluated_by_itself_and_once(loop):
    made = loop(command=COMMAND)
    assert made.tick().run_requests == []
    made.look()
    (asked,) = made.tick().run_requests
    assert asked.run_config["ops"]["evaluate_model"]["config"] == {"model_id": "new", "benchmark": "b"}
    assert made.execute(asked).success
    (written,) = (made.settings.landing / "benchmark_scores").iterdir()
    assert pq.read_table(written).column("model_id").to_pylist() == ["new"]
    assert made.tick().run_requests == [], "nothing was looked at since"
    made.look()
    assert [again.run_key for again in made.tick().run_requests] == [asked.run_key], "Dagster runs a key once"


def test_what_is_delivered_is_taken_in_and_no_longer_due(loop):
    made = loop(command=COMMAND)
    made.look()
    (asked,) = made.tick().run_requests
    assert made.execute(asked).success
    ingest = build_definitions(made.settings).resolve_job_def("ingest")
    assert ingest.execute_in_process(instance=made.instance, partition_key=str(FIRST)).success
    made.look()
    assert made.read("evaluations_due") == []
    assert made.tick().run_requests == []


def test_a_model_released_anew_is_another_evaluation(loop):
    made = loop(command=COMMAND)
    made.look()
    (before,) = made.tick().run_requests
    made.write("models", [model("new", date(2026, 3, 4)), model("old", FIRST)], FIRST)
    made.look(date(2026, 3, 4))
    (after,) = made.tick().run_requests
    assert before.run_key != after.run_key


def test_without_a_command_what_is_due_is_only_shown(loop):
    made = loop()
    made.look()
    found = made.tick()
    assert found.run_requests == []
    assert "command is not set" in found.skip_message
    assert len(made.read("evaluations_due")) == 1


def test_what_was_due_on_an_earlier_day_and_is_no_longer_is_not_evaluated(loop):
    """As where the command is set after weeks of looks, or an earlier day is computed anew."""
    made = loop(command=COMMAND)
    made.look()
    scored = [score("old", FIRST), score("new", date(2026, 3, 5))]
    made.write("benchmark_scores", scored, FIRST)
    made.look(date(2026, 3, 6))
    assert made.tick().run_requests == []
    made.look()
    found = made.tick()
    assert found.run_requests == []
    assert "2026-03-06 was looked at before" in found.skip_message
    made.write("models", [model("new", date(2026, 3, 7)), model("old", FIRST)], FIRST)
    made.look(date(2026, 3, 7))
    assert len(made.tick().run_requests) == 1


def test_a_program_that_fails_fails_the_run_with_its_last_words(loop):
    made = loop(command=(sys.executable, "-c", "print('no such model'); raise SystemExit(3)"))
    made.look()
    (asked,) = made.tick().run_requests
    done = made.execute(asked)
    assert not done.success
    (failed,) = [event for event in done.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "ended with 3: no such model" in str(failed.event_specific_data)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "is empty"),
        (("no-such-program-anywhere",), "cannot be started: No such file"),
        ((sys.executable, "-c", "import time; time.sleep(9)"), "took longer than 0.005 minutes"),
    ],
)
def test_a_command_that_cannot_do_it_is_told(tmp_path, command, reason):
    with pytest.raises(UserError, match=reason):
        run_command(command, "m", "b", tmp_path, 0.005)


def lives(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_what_the_program_started_ends_with_it(tmp_path):
    """A shell that waits for its child: the child alone would hold the output open for half a minute."""
    begun = monotonic()
    with pytest.raises(UserError, match="took longer"):
        run_command(("sh", "-c", "sleep 30 & echo $! > $0; wait", str(tmp_path / "child")), "m", "b", tmp_path, 0.01)
    assert monotonic() - begun < 20
    child = (tmp_path / "child").read_text().strip()
    while lives(child):
        assert monotonic() - begun < 20


def test_the_last_words_of_many_are_shown(tmp_path):
    said = run_command((sys.executable, "-c", "print('é' * 99_999); print('done')"), "m", "b", tmp_path, 1)
    assert said.endswith("éé\ndone")
    assert len(said) <= 2_000


def test_a_name_within_an_id_is_no_name(tmp_path):
    said = run_command(
        (sys.executable, "-c", "import sys; print(sys.argv[1])", "{model_id}"), "{benchmark}", "b", tmp_path, 1
    )
    assert said == "{benchmark}"


def test_ids_are_arguments_and_no_shell_reads_them(tmp_path):
    said = run_command(
        (sys.executable, "-c", "import sys; print(sys.argv[1:])", "--model={model_id}"), "$(id); x", "b", tmp_path, 1
    )
    assert said == "['--model=$(id); x']"
