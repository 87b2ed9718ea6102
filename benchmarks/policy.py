"""One policy generation, from the logs of a day to gated and measured candidates: `python -m benchmarks.policy`.

It is `evalloop demo --generations 1` in a folder of its own, and so needs the extra `policy` for the trained weights.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time

PROMISE_S = 300


def lines() -> list[str]:
    """What the generation printed, and what it took."""
    with tempfile.TemporaryDirectory() as home:
        begun = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-m", "evalloop_assets", "demo", "--generations", "1"],
            env={**os.environ, "EVALLOOP_HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
        wall = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = [line for line in ran.stdout.splitlines() if line.startswith(("generation", "    "))]
    return [
        f"policy generation: {used.ru_utime + used.ru_stime:.0f} CPU-s, {wall:.0f} s on the clock, "
        f"with a served day and all stages (promise: {PROMISE_S} s on 2 cores)",
        *told,
    ]


if __name__ == "__main__":
    print(*lines(), sep="\n")
