"""Event logs that a run keeps open: other threads and processes read and write them meanwhile."""

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import sqlalchemy as sa

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
