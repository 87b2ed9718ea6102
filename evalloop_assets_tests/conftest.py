"""What every test may ask for: a lake of its own, and the shared real data where it is present."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake


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
def shared_data() -> Path:
    """Folder of real data that nobody here made; it is not part of the project."""
    root = Path(__file__).parent.parent
    folder = Path(os.environ.get("EVALLOOP_SHARED_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data is not on this machine: no folder {folder} (set EVALLOOP_SHARED_DATA)")
    return folder
