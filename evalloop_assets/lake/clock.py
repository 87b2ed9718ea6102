"""What time it is in the logs: nothing in the loop asks a wall clock what has matured."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple


class Clock(NamedTuple):
    """Both None where no log has come yet."""

    watermark: date | None
    """Last day whose logs are complete (UTC)."""
    log_end: datetime | None
    """Time up to which turns are known (UTC, without zone): the last seen, or the end of the last complete day."""
