"""What time it is in the logs: nothing in the loop asks a wall clock what has matured."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from evalloop_assets.lake.engine import DuckDBEngine, View

_CLOCK = """
WITH telling AS (  -- chats tell the time where there are any, else openings of the app
    SELECT CASE WHEN bool_or(table_name = 'turns' AND last_day IS NOT NULL) THEN 'turns' ELSE 'visits' END AS table_name
    FROM log_deliveries
)
SELECT
    coalesce(
        max(complete_through),
        max(last_day) FILTER (WHERE table_name = (SELECT table_name FROM telling)) - 1
    ) AS watermark,
    max(last_time) FILTER (WHERE table_name = 'turns') AS log_end
FROM log_deliveries"""


class Clock(NamedTuple):
    """Both None where no log has come yet."""

    watermark: date | None
    """Last day whose logs are complete (UTC)."""
    log_end: datetime | None
    """Time up to which turns are known (UTC, without zone): the last seen, or the end of the last complete day."""


def read_clock(reader: DuckDBEngine, deliveries: View) -> Clock:
    """What the deliveries so far tell."""
    [row] = reader.fetch(_CLOCK, {"log_deliveries": deliveries}, {}).to_pylist()
    watermark, log_end = row["watermark"], row["log_end"]
    watermark = watermark.date() if isinstance(watermark, datetime) else watermark
    if watermark is not None and log_end is not None:
        log_end = max(log_end, datetime.combine(watermark + timedelta(days=1), datetime.min.time()))
    return Clock(watermark, log_end)
