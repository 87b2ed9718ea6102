"""`make bench`: every benchmark that needs nothing but the repository, with the promises that they are held against.

About an hour on 2 cores. `breaks`, `closure`, `encoders`, `football`, `judges` and `leaderboard` need data of others
beside it.
"""

from __future__ import annotations

from benchmarks import (
    ab,
    chain,
    commits,
    engines,
    loading,
    matchups,
    policy,
    ranking,
    reading,
    reward_model,
    simulator,
    tick,
)

if __name__ == "__main__":
    for lines in (
        loading.lines(),
        commits.lines(),
        tick.lines(),
        chain.lines(10 * chain.MILLION),
        engines.lines(),
        reading.lines(),
        ranking.lines(),
        matchups.lines(),
        ab.lines(),
        reward_model.lines(),
        simulator.lines(),
        policy.lines(),
    ):
        for line in lines:
            print(line, flush=True)
