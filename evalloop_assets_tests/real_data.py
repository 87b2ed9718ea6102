"""Where real data lies that is not part of the project: `EVALLOOP_SHARED_DATA`, else ../shared/data."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("EVALLOOP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def require(path: Path) -> Path:
    """The same path; the test is skipped where nothing is there."""
    if not path.exists():
        pytest.skip(f"real data is not on this machine: no {path} (set EVALLOOP_SHARED_DATA)")
    return path
