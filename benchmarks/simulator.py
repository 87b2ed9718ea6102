"""How fast the simulated product writes a log, and in how much memory: `python -m benchmarks.simulator [TURNS]`."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from evalloop_assets.simulator.conditions import Conditions, Scale
from evalloop_assets.simulator.demo_cast import demo_policies
from evalloop_assets.simulator.product import Product
from evalloop_assets.simulator.serve import FIRST_DAY
from evalloop_assets.simulator.traffic import OneModel

USERS = 190_000
"""About a million turns a day."""


def lines(turns: int = 1_000_000) -> list[str]:
    """Serves days of about a million turns with templated text until there are `turns`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        conditions = Conditions(Scale(base_users=USERS, new_users=USERS // 26, battles=0))
        product = Product(root / "product", root / "truth", 1, FIRST_DAY, conditions)
        served, day, begun = 0, FIRST_DAY, time.process_time()
        while served < turns:
            summary = product.serve_day(day, OneModel("incumbent"), demo_policies(), root / "out")
            served += summary.turns
            day += timedelta(days=1)
        seconds = time.process_time() - begun
        written = sum(path.stat().st_size for path in root.rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        f"simulator: {served:,} turns in {seconds:.0f} CPU-s, {served / seconds:,.0f} turns/s and core "
        f"(promise: 50,000), peak memory {peak:,.0f} MiB, {written / 2**20:,.0f} MiB of Parquet"
    ]


if __name__ == "__main__":
    print(*lines(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000), sep="\n")
