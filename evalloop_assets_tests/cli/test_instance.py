"""Event logs that a run keeps open: other runs, threads and processes read and write them meanwhile."""

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
import sqlalchemy as sa
from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._core.events import EngineEventData
from dagster._core.events.log import EventLogEntry

from evalloop_assets.cli.instance import _kept_open, open_instance
from evalloop_assets.settings import Settings


def test_other_threads_and_connections_read_and_write_the_logs_of_a_run(tmp_path):
    run_id = str(uuid.uuid4())

    def write(storage, key):
        with storage.index_connection() as connection:
            connection.execute(sa.text("INSERT INTO asset_keys (asset_key) VALUES (:key)"), {"key": key})

    with open_instance(Settings(home=tmp_path)) as instance:
        storage = instance.event_log_storage
        with _kept_open(instance, run_id):
            with ThreadPoolExecutor(1) as pool:
                for number in range(3):
                    write(storage, f"here-{number}")
                    pool.submit(write, storage, f"there-{number}").result(timeout=30)
            with closing(sqlite3.connect(storage.path_for_shard("index"))) as other:
                known = {key for (key,) in other.execute("SELECT asset_key FROM asset_keys")}
                other.execute("INSERT INTO asset_keys (asset_key) VALUES ('elsewhere')")
                other.commit()
            assert storage.has_table("asset_keys")
        assert "_connect" not in vars(storage)
        with storage.index_connection() as connection:
            found = set(connection.execute(sa.text("SELECT asset_key FROM asset_keys")).scalars())
    assert known == {f"{where}-{number}" for where in ("here", "there") for number in range(3)}
    assert found == known | {"elsewhere"}


@pytest.fixture
def instance(home):
    with open_instance(Settings()) as found:
        yield found


def told(instance: DagsterInstance, run: str) -> int:
    """Events of the run after one more is stored."""
    event = DagsterEvent(DagsterEventType.ENGINE_EVENT.value, "job", event_specific_data=EngineEventData())
    instance.event_log_storage.store_event(EventLogEntry(None, 20, "", run, 0.0, dagster_event=event))
    return len(instance.all_logs(run))


@pytest.mark.parametrize("first_ended", [0, 1])
def test_of_two_runs_at_once_either_may_end_first(instance, first_ended):
    runs = ["first", "second"]
    stacks = {run: ExitStack() for run in runs}
    for run in runs:
        stacks[run].enter_context(_kept_open(instance, run))
    assert [told(instance, run) for run in runs] == [1, 1]
    stacks.pop(runs[first_ended]).close()
    assert [told(instance, run) for run in runs] == [2, 2]
    (last,) = stacks.values()
    last.close()
    assert [told(instance, run) for run in runs] == [3, 3]
    assert "_connect" not in vars(instance.event_log_storage)
