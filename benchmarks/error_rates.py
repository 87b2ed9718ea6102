"""Error rates of A/B tests, ratings, eliminations, rollbacks and promotions, each beside the limit it is held to.

2,000 experiments a line and more, 3,000 pools: about 25 minutes of one core. `python -m benchmarks.error_rates 200`
takes a tenth of them.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rich.console import Console
from rich.table import Table

from evalloop_assets.cli.tables import print_table
from evalloop_assets.simulator.scoreboard.error_rates import Outcome, Rate, blocks, rates, records
from evalloop_assets.simulator.scoreboard.page import shown

EXPERIMENTS, SEED = 2_000, 1


def measured(experiments: int = EXPERIMENTS, seed: int = SEED) -> list[Rate]:
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the processes that are started here: each has one core
    found: list[tuple[str, Outcome]] = []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        todo = blocks(experiments)
        for done in pool.map(records, todo, [seed] * len(todo)):
            found += done
    return rates(found)


def table(found: list[Rate]) -> Table:
    shape = Table("what", "limit", "measured, 95% interval", "", "rests on")
    for rate in found:
        line = rate.line
        shape.add_row(line.words, line.limit, shown(rate.found, line.of), rate.holds, f"{rate.found.n:,} {line.of}")
    return shape


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS
    print_table(Console(), table(measured(asked)))
