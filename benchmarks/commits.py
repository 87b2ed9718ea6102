"""What the lake adds to a step: a replacement of one day, and one that changes nothing."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import date

from evalloop_assets.days import Days
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.settings import Settings

TABLE = TableSchema("numbers", "one number", (Column("n", "BIGINT", "a number"),), ("n",))
DAY = Days.one(date(2026, 1, 1))
ROUNDS = 20


def lines() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_resource(Settings(lake=folder)).open()

        def milliseconds(number: int) -> float:
            begun = time.perf_counter()
            query = f"SELECT DATE '2026-01-01' AS day, CAST(i + {number} AS BIGINT) AS n FROM range(1000) AS t(i)"
            lake.replace(TABLE, DAY, {}, lambda inputs: query)
            return (time.perf_counter() - begun) * 1000

        milliseconds(0)
        changed = statistics.median(milliseconds(number) for number in range(1, ROUNDS))
        same = statistics.median(milliseconds(ROUNDS) for _ in range(ROUNDS))
    return [f"commits: a day of 1,000 rows replaced in {changed:.0f} ms, found unchanged in {same:.0f} ms"]
