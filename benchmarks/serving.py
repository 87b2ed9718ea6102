"""How many conversations a second the simulated product serves, text, flags, truth and Parquet included."""

from __future__ import annotations

import tempfile
import time
from datetime import date
from pathlib import Path

from evalloop_assets.simulator.demo_cast import demo_policies, demo_product
from evalloop_assets.simulator.traffic import OneModel


def lines() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        product = demo_product(home, 1, date(2026, 3, 2))
        begun = time.process_time()
        served = product.serve_day(date(2026, 3, 2), OneModel("incumbent"), demo_policies(), home / "landing")
        seconds = time.process_time() - begun
    return [
        f"simulated product: {served.turns:,} replies in {seconds:.2f} CPU-s, {served.turns / seconds:,.0f} a second"
    ]
