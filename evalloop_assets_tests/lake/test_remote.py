"""The same lake on an S3-compatible server on loopback."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import boto3
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.report import coverage
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets.settings import Settings

FRUIT = TableSchema("fruit", "one fruit", (Column("name", "VARCHAR", "its name"),), ("name",))
DAY = Days.one(date(2026, 1, 1))


SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


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
