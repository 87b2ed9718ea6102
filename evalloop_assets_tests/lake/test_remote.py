"""The same lake on an S3-compatible server on loopback."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import boto3
import pytest
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from evalloop_assets.days import Days
from evalloop_assets.lake.assets import TRANSFORMS, run_transform
from evalloop_assets.lake.report import coverage
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.logs.landing import deliver_landing
from evalloop_assets.settings import Settings
from evalloop_assets_tests.lake.awkward import NOON
from evalloop_assets_tests.lake.engines import DAYS, assert_same_rows, deliver_log
from evalloop_assets_tests.lake.test_faults import assert_all_get_through

pytestmark = pytest.mark.long

FRUIT = TableSchema("fruit", "one fruit", (Column("name", "VARCHAR", "its name"),), ("name",))
DAY = Days.one(date(2026, 1, 1))
FEW = Days(DAYS.first, DAYS.first + timedelta(days=1))
CHAIN = ("sessions", "user_days")
SERVER = """
import sys
from threading import Lock, Thread
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

moto, alone = DomainDispatcherApplication(create_backend_app), Lock()

def one_at_a_time(environ, start_response):
    with alone:
        return list(moto(environ, start_response))

server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
"""
"""Moto looks whether an object is there and then writes it; two of its threads may both find that it is not."""


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", SERVER], text=True, **pipes) as server:
        endpoint = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="lake")
        yield lake_resource(Settings(lake="s3://lake/root")).open()
        server.kill()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("log") / "landing"
    deliver_log(landing, tmp_path_factory.mktemp("product"))
    return landing


def named(name: str) -> str:
    return f"SELECT DATE '2026-01-01' AS day, '{name}' AS name"


def test_writes_reads_and_refuses_a_stale_writer(remote: Lake):
    calls = []

    def compute(inputs: Inputs) -> str:
        calls.append(inputs)
        if len(calls) == 1:
            remote.replace(FRUIT, DAY, {}, lambda inputs: named("theirs"))
        return named(f"ours {len(calls)}")

    commit = remote.replace(FRUIT, DAY, {}, compute)
    assert remote.read("fruit").to_pydict()["name"] == ["ours 2"]
    assert remote.tables() == ["fruit"]
    assert coverage(remote, FRUIT, DAY, commit.version) == {}


def test_of_many_that_write_one_version_one_wins(remote: Lake):
    """What the store must give: a put that fails where the object is there already (If-None-Match)."""
    remote.replace(FRUIT, DAY, {}, lambda inputs: named("first"))
    writers, rounds = 6, 5
    start_together = threading.Barrier(writers)

    def commit(number: int) -> bool:
        table = DeltaTable(f"{remote.root}/fruit")
        start_together.wait()
        try:
            table.create_write_transaction(
                [],
                "append",
                table.schema(),
                partition_by=["day"],
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError:
            return False
        return True

    for number in range(rounds):
        with ThreadPoolExecutor(writers) as threads:
            assert sum(threads.map(commit, range(writers))) == 1
        assert remote.version("fruit") == 2 + number


def test_processes_on_partitions_of_their_own_and_on_common_ones_all_get_through(remote: Lake):
    assert_all_get_through(remote, rounds=2)


def test_a_log_and_what_is_computed_from_it_are_those_of_a_folder(remote: Lake, lake: Lake, log: Path, tmp_path: Path):
    shutil.copytree(log / "turns", tmp_path / "landing" / "turns")
    for one in (lake, remote):
        deliver_landing(one, tmp_path / "landing", now=NOON, tolerance=timedelta(minutes=10), batch_rows=50_000)
        for name in CHAIN:
            run_transform(one, TRANSFORMS[name], FEW, Settings(home=tmp_path))
    for name in ("turns", *CHAIN):
        expected, found = (one.read(name, FEW) for one in (lake, remote))
        assert found.num_rows
        key = TRANSFORMS[name].schema.key if name in TRANSFORMS else TURNS.key
        assert_same_rows(found, expected, key)
