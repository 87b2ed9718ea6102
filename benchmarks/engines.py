"""The chain from turns to pairs on DuckDB and on Spark in this process, one log, one lake each.

    python -m benchmarks.engines [TURNS]

Needs pyspark and Java. Spark's processor time is that of its JVM, start and compilation of queries included.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chain import MILLION, run_chain
from benchmarks.measure import Cost, cost
from benchmarks.synthetic_log import write_log
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.spark_session import require_spark, stop_spark
from evalloop_assets.settings import Settings


def lines(turns: int = MILLION) -> Iterator[str]:
    try:
        require_spark()
    except UserError as error:
        yield f"engines: not measured: {error}"
        return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        lake = lake_resource(Settings(home=log)).open()
        write_log(lake, turns)
        written = lake.row_count("turns")
        duckdb, pairs = run_chain(log)
        base = sum(duckdb.values(), Cost(0, 0))
        yield f"engines: {written:,} turns, {len(duckdb)} tables: DuckDB {base.cpu:.1f} CPU-s, {base.wall:.1f} s"
        spark, on_spark = _on_spark(log)
        assert on_spark == pairs, f"{on_spark} pairs on Spark, {pairs} on DuckDB"
        yield (
            f"engines: Spark {os.environ.get('EVALLOOP_SPARK__MASTER', 'local[2]')} {spark.cpu:.1f} CPU-s, "
            f"{spark.wall:.1f} s: {spark.over(base)} of DuckDB; {pairs:,} pairs on both"
        )


def _on_spark(log: Path) -> tuple[Cost, int]:
    os.environ["EVALLOOP_ENGINE"] = "spark"
    pairs = 0

    def chain() -> None:
        nonlocal pairs
        _, pairs = run_chain(log)

    try:
        here = cost(chain)
        return Cost(here.cpu + _jvm_seconds(), here.wall), pairs
    finally:
        stop_spark()
        del os.environ["EVALLOOP_ENGINE"]


def _jvm_seconds() -> float:
    """Processor seconds of Spark's JVM since it started."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    assert gateway is not None
    fields = Path(f"/proc/{gateway.proc.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else MILLION):
        print(line, flush=True)
