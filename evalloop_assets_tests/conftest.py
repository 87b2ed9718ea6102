"""What every test may ask for: a lake of its own, and the shared real data where it is present."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from evalloop_assets.garbage import collect_seldom
from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake
from evalloop_assets_tests import postgresql, real_data

MEMORY = Path("/dev/shm")
ROOM = 6 << 30


def roomy(folder: Path) -> bool:
    """Whether it has room for what the tests write, and lets programs be loaded from it."""
    usable = folder.is_dir() and os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return usable and shutil.disk_usage(folder).free > ROOM


if "TMPDIR" not in os.environ and roomy(MEMORY):
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)  # one run of the loop waits for the disk 4,000 times
if "PYTEST_XDIST_WORKER" in os.environ:  # each core has a worker: more threads wait for one another and spin
    for threads in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"):
        os.environ.setdefault(threads, "1")
collect_seldom()
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: a worker that gets one of them last leaves the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@contextmanager
def connect() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={"threads": 2})
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), DuckDBEngine(connect))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser."""
    found = shutil.which("chromium", path=f"{os.environ.get('PATH', '')}:/usr/bin")
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a running PostgreSQL server's own database."""
    reason = postgresql.missing()
    if reason:
        pytest.skip(reason)
    with postgresql.server() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(sa.make_url(postgresql_server).set(drivername="postgresql+psycopg"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return postgresql_server.removesuffix("postgres") + name


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be: a file, or a shared server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.sqlite"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that nobody here made; it is not part of the project."""
    return real_data.require(real_data.FOLDER)
