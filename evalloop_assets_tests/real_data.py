"""Where real data lies that is not part of the project: `EVALLOOP_SHARED_DATA`, else ../shared/data."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("EVALLOOP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
