"""One demo for the whole folder: it is run once, whatever number of workers the tests are spread over."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterInstance
from filelock import FileLock

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.serving.ledger import Entry, Ledger
from evalloop_assets.settings import Settings
from evalloop_assets_tests.homes import command

LONGEST_S = 1500


@dataclass(frozen=True)
class Demo:
    """A demo that ended well."""

    home: Path
    printed: str

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    @property
    def lake(self) -> Lake:
        return open_lake(self.settings)

    def rows(self, query: str, *tables: str) -> list[dict]:
        """Rows of one SELECT over tables of the lake."""
        lake = self.lake
        return lake.reader.fetch(query, {name: lake.view(name) for name in tables}, {}).to_pylist()

    def ledger(self) -> list[Entry]:
        ledger = Ledger(self.settings.ledger_url)
        try:
            return ledger.history()
        finally:
            ledger.close()

    @contextmanager
    def instance(self) -> Iterator[DagsterInstance]:
        with DagsterInstance.from_config(str(self.home / "dagster")) as instance:
            yield instance


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home, told = shared / "demo", shared / "demo.json"
    with FileLock(shared / "demo.lock"):
        if not told.is_file():
            process = command(home, "demo")
            printed, _ = process.communicate(timeout=LONGEST_S)
            told.write_text(json.dumps({"status": process.returncode, "printed": printed}), encoding="utf-8")
    ended = json.loads(told.read_text(encoding="utf-8"))
    assert ended["status"] == 0, ended["printed"]
    return Demo(home, ended["printed"])
