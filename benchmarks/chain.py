"""Raw log to pairs through the real lake, held against DuckDB's own COPY of the same turns.

    python -m benchmarks.chain [TURNS]

Above a million turns, a million is measured first for the growth with the rows. All is one process with COPY in
between, except the run at 500 MB, which is a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import evalloop_assets.definitions  # noqa: F401 - declares every table
from benchmarks import same_work
from benchmarks.measure import Cost, cost, middle, peak_mib
from benchmarks.synthetic_log import DAYS, write_log
from evalloop_assets.lake.assets import STEPS, TRANSFORMS, run_transform
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

MILLION = 1_000_000
STAGES = ("denoise", "horizon_labels")
SMALL_LIMIT = "500MB"
PROMISE, PROMISE_SMALL, PROMISE_GROWTH = 8, 16, 11


class Measured(NamedTuple):
    """What the chain and COPY took on one log."""

    turns: int
    copy: Cost
    steps: dict[str, Cost]
    """By table, in the order they ran."""
    pairs: int
    peak: float
    """Most memory of the process until then, MiB."""

    @property
    def chain(self) -> Cost:
        return sum(self.steps.values(), Cost(0, 0))


def chain_order() -> list[str]:
    """Every query of the stages from turns to pairs, each after what it reads."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order or name not in TRANSFORMS or STEPS[name].group not in STAGES:
            return
        for read in TRANSFORMS[name].reads:
            if read != name:
                visit(read)
        order.append(name)

    for name in TRANSFORMS:
        visit(name)
    return order


def shortest_chain() -> set[str]:
    """The tables without which there would be no pairs."""
    found, left = set(), ["preference_pairs"]
    while left:
        name = left.pop()
        if name in TRANSFORMS and name not in found:
            found.add(name)
            left += TRANSFORMS[name].reads
    return found


def run_chain(log: Path) -> tuple[dict[str, Cost], int]:
    """Cost of each table of a lake of its own that shares the log, and the number of pairs."""
    with tempfile.TemporaryDirectory(dir=log.parent) as home:
        lake, settings = _lake(Path(home)), Settings(home=Path(home))
        os.mkdir(lake.root)
        for table in (log / "lake").iterdir():
            os.symlink(table, f"{lake.root}/{table.name}")
        costs = {
            name: cost(lambda name=name: run_transform(lake, TRANSFORMS[name], DAYS, settings))
            for name in chain_order()
        }
        return costs, lake.row_count("preference_pairs")


def copy(log: Path) -> None:
    """DuckDB's own copy of the turns, with the settings that the lake has."""
    files = _lake(log).view("turns").files
    with tempfile.TemporaryDirectory(dir=log.parent) as folder, _lake(log).reader._connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_parquet({list(files)})) TO '{folder}/turns.parquet' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )


def measure(log: Path, rounds: int) -> Measured:
    """Medians of `rounds`, COPY before each run of the chain."""
    copies, chains, pairs = [], [], 0
    for _ in range(rounds):
        copies.append(cost(lambda: copy(log)))
        costs, pairs = run_chain(log)
        chains.append(costs)
    steps = {name: middle([costs[name] for costs in chains]) for name in chain_order()}
    return Measured(_lake(log).row_count("turns"), middle(copies), steps, pairs, peak_mib())


def measure_small(log: Path) -> Measured:
    """One round in a process with a small memory limit."""
    environment = os.environ | {"EVALLOOP_ENGINE__MEMORY_LIMIT": SMALL_LIMIT}
    command = [sys.executable, "-m", "benchmarks.chain", "--only", str(log)]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    turns, copied, steps, pairs, peak = json.loads(printed.splitlines()[-1])
    return Measured(turns, Cost(*copied), {name: Cost(*one) for name, one in steps.items()}, pairs, peak)


def lines(turns: int = MILLION) -> Iterator[str]:
    previous: Measured | None = None
    for size in sorted({min(turns, MILLION), turns}):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            write_log(_lake(log), size)
            found = measure(log, rounds=3 if size <= MILLION else 1)
            yield from _told(found)
            if previous is not None:
                yield _growth(previous, found)
            yield _told_small(measure_small(log))
            yield from same_work.lines(_lake(log).view("turns").files, with_pandas=size <= MILLION)
            previous = found


def _told(found: Measured) -> Iterator[str]:
    chain, base = found.chain, found.copy
    short = sum((found.steps[name] for name in shortest_chain()), Cost(0, 0))
    yield (
        f"chain: {found.turns:,} turns to {found.pairs:,} pairs, {len(found.steps)} tables, {chain.cpu:.1f} CPU-s: "
        f"{chain.over(base)} of COPY ({base.cpu:.1f} CPU-s), peak {found.peak:,.0f} MiB "
        f"({_kept(chain.cpu / base.cpu, PROMISE)})"
    )
    yield f"chain: the {len(shortest_chain())} tables without which there are no pairs: {short.over(base)} of COPY"
    dear = sorted(found.steps.items(), key=lambda item: -item[1].cpu)
    yield "chain: COPY's CPU time by table: " + ", ".join(f"{name} {one.cpu / base.cpu:.2f}x" for name, one in dear)


def _told_small(found: Measured) -> str:
    chain, base = found.chain, found.copy
    return (
        f"chain at {SMALL_LIMIT}: {found.turns:,} turns to {found.pairs:,} pairs, {chain.cpu:.1f} CPU-s: "
        f"{chain.over(base)} of COPY at that limit, peak {found.peak:,.0f} MiB "
        f"({_kept(chain.cpu / base.cpu, PROMISE_SMALL)})"
    )


def _growth(small: Measured, large: Measured) -> str:
    rows, time = large.turns / small.turns, large.chain.cpu / small.chain.cpu
    return f"chain: {rows:.1f} times the rows cost {time:.1f} times the CPU time ({_kept(time, PROMISE_GROWTH)})"


def _kept(value: float, most: float) -> str:
    return f"promise: at most {most}x, {'kept' if value <= most else 'BROKEN'}"


def _lake(home: Path) -> Lake:
    return lake_resource(Settings(home=home)).open()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--only"]:
        print(json.dumps(measure(Path(sys.argv[2]), rounds=1)))
    else:
        for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else MILLION):
            print(line, flush=True)
