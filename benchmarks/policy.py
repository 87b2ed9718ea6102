"""One policy generation, from the logs of a day to gated and measured candidates: `python -m benchmarks.policy`.

It is `evalloop demo --generations 1` in a folder of its own, once with the best of n alone and once with trained
weights beside it, which need the extra `policy`. The time of the stage itself, without the product that serves each
candidate to measure its true value, stands beside the whole. `python -m benchmarks.policy best_of_n` runs the first.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROMISE_S = 300
KINDS = (("best_of_n",), ("best_of_n", "lora"))
STAGE = ("policy_pairs", "policy_candidates", "policy_screen")


def lines(kinds: tuple[tuple[str, ...], ...] = KINDS) -> Iterator[str]:
    """What each generation took and printed."""
    for asked in kinds:
        with tempfile.TemporaryDirectory() as home:
            begun, used = time.monotonic(), cpu_seconds()
            ran = subprocess.run(
                [sys.executable, "-m", "evalloop_assets", "demo", "--generations", "1"],
                env={**os.environ, "EVALLOOP_HOME": home, "EVALLOOP_POLICY__KINDS": json.dumps(asked)},
                capture_output=True,
                text=True,
                check=True,
            )
            wall = time.monotonic() - begun
            stage = stage_seconds(Path(home))
        yield (
            f"policy generation ({', '.join(asked)}): {cpu_seconds() - used:.0f} CPU-s, {wall:.0f} s on the clock with "
            f"a served day, all stages and a small product a candidate; policy iteration alone {stage:.0f} s "
            f"(promise: {PROMISE_S} s on 2 cores)"
        )
        yield from (line for line in ran.stdout.splitlines() if line.startswith(("generation", "    ")))


def cpu_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stage_seconds(home: Path) -> float:
    """Seconds that the steps of the stage took, by Dagster's own record."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        steps = [step for run in instance.get_runs() for step in instance.get_run_step_stats(run.run_id)]
    return sum(
        step.end_time - step.start_time
        for step in steps
        if step.step_key in STAGE and step.end_time and step.start_time
    )


if __name__ == "__main__":
    for line in lines((tuple(sys.argv[1:]),) if sys.argv[1:] else KINDS):
        print(line, flush=True)
