"""Processor and wall seconds of a call: on a busy machine only the former can be trusted."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """What a call took, all threads of the process together, and the processes that it began and waited for."""

    cpu: float
    """Seconds of processor time, user and system."""
    wall: float
    """Seconds on the clock."""

    def __add__(self, other: object) -> Cost:
        assert isinstance(other, Cost)
        return Cost(self.cpu + other.cpu, self.wall + other.wall)

    def over(self, base: Cost) -> str:
        """Ratio to another cost, processor first."""
        return f"{self.cpu / base.cpu:.1f}x CPU, {self.wall / base.wall:.1f}x wall"


def cost(call: Callable[[], object]) -> Cost:
    before, begun = _processor(), time.perf_counter()
    call()
    return Cost(_processor() - before, time.perf_counter() - begun)


def middle(costs: Sequence[Cost]) -> Cost:
    """Median of each measure."""
    return Cost(median(one.cpu for one in costs), median(one.wall for one in costs))


def reset_peak() -> None:
    """Begin `peak_mib` anew, from what the process holds now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib() -> float:
    """Most memory that the process has held since the last reset, MiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
