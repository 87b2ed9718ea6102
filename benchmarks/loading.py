"""How long the code location takes to import, against `import dagster` (promise: at most 1.5 times)."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 7


def cpu_seconds(code: str) -> float:
    """CPU seconds of a fresh interpreter that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lines() -> list[str]:
    pairs = [(cpu_seconds("import dagster"), cpu_seconds("import evalloop_assets.definitions")) for _ in range(ROUNDS)]
    base, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    return [f"loading: definitions {ours:.2f} CPU-s, dagster {base:.2f} CPU-s, ratio {ratio:.2f} (at most 1.5)"]
