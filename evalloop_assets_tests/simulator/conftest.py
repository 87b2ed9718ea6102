"""One folder for the scenarios that the tests of the simulator read."""

import os

import pytest

from evalloop_assets_tests.simulator import served


@pytest.fixture(scope="session", autouse=True)
def _served_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    served.kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "served"
    served.kept.mkdir(exist_ok=True)
