"""`make bench`: every benchmark, one line each, with the promise that it is held against."""

from __future__ import annotations

from benchmarks import chain, commits, loading, simulator

if __name__ == "__main__":
    for benchmark in (loading, commits, chain, simulator):
        for line in benchmark.lines():
            print(line, flush=True)
