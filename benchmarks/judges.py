"""Judges and people on published sets; how often each probe fires on its own fault, and on verdicts without one.

The sets are not part of the project (evalloop_assets_tests/real_data.py). Simulated are 600 items judged in both
orders, early and late, under two prompts; a fault decides three verdicts of ten. `python -m benchmarks.judges 100`
takes so many simulated judges a line (default 200: a quarter of an hour of one core), 0 none.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd

from evalloop_assets.evaluation.judges import audit
from evalloop_assets.evaluation.judges.estimate import wilson
from evalloop_assets.evaluation.judges.leaderboard import out_of_line
from evalloop_assets.evaluation.judges.opinions import people
from evalloop_assets.evaluation.judges.results import WHOLE
from evalloop_assets.evaluation.people.annotators import quality
from evalloop_assets.evaluation.people.ceiling import consensus_accuracy, label_ceiling
from evalloop_assets.simulator.verdicts import Panel, answers, crowd
from evalloop_assets_tests import real_data
from evalloop_assets_tests.evaluation.real_judges import alpaca_eval, autoj, pandalm

PROBE = {
    "position": "position_bias",
    "length": "length_preference",
    "family": "family_preference",
    "format": "format_preference",
    "side": "side_preference",
    "drift": "drift",
    "prompt": "prompt_change",
}
"""Each fault that can be planted, and the probe that is to fire."""
STRENGTH, JUDGES, SEED = 0.3, 200, 1
PANELS = (Panel(annotators=1), Panel(annotators=3))


def fired(panel: Panel, fault: str, judges: int, seed: int = SEED, strength: float = STRENGTH) -> Counter[str]:
    """How many of so many simulated judges each probe fires on."""
    rng, counts = np.random.default_rng(seed), Counter[str]()
    for _ in range(judges):
        counts.update({*audit(*answers(rng, panel, fault, strength))["gpt-judge"].fired})
    return counts


def published() -> Iterator[str]:
    """What the audit finds on the sets that are there."""
    for name, load in (("autoj", autoj), ("pandalm", pandalm)):
        if not (real_data.FOLDER / name).is_dir():
            yield f"judges: no folder {real_data.FOLDER / name}, so nothing is told of it (set EVALLOOP_SHARED_DATA)"
            continue
        verdicts, gold = load()
        for judge, report in audit(verdicts, gold).items():
            yield f"{judge} on {name}: grade {report.grade}, fired: {', '.join(report.fired) or 'nothing'}"
            for probe in report.all_probes:
                if probe.slice == WHOLE and probe.found.known:
                    value, low, high, n, _ = probe.found
                    yield f"  {probe.probe:<24}{value:>7.3f} [{low:.3f}, {high:.3f}]  {n:,} items"
            if report.ceiling.known:
                value, low, high, n, _ = report.ceiling
                yield f"  {'ceiling':<24}{value:>7.3f} [{low:.3f}, {high:.3f}]  {n:,} items"
    if (real_data.FOLDER / "alpaca_eval").is_dir():
        for rate in ("length_controlled_winrate", "win_rate"):
            board = alpaca_eval(rate)
            named = ", ".join(f"{model} ({z:.1f})" for model, z in out_of_line(board)["z"].items())
            yield f"alpaca_eval, {rate}, {len(board)} models: out of line with their length (robust SD): {named}"


def simulated(judges: int) -> Iterator[str]:
    """Power of each probe, and how often it fires on nothing."""
    yield f"{judges:,} judges a line; {STRENGTH:.0%} of verdicts follow the fault"
    yield f"{'probe':<20}{'people an item':>15}   {'fires on its fault':<28}fires on clean verdicts"
    for panel in PANELS:
        clean = fired(panel, "", judges)
        for fault, probe in PROBE.items():
            power = _shown(fired(panel, fault, judges)[probe], judges)
            yield f"{probe:<20}{panel.annotators:>15}   {power:<28}{_shown(clean[probe], judges)}"


def of_people(crowds: int, seed: int = SEED) -> Iterator[str]:
    """Annotators named worse than the others, the interval of the ceiling, and the calibration of the jury."""
    rng = np.random.default_rng(seed)
    alarms = found = held = 0
    for _ in range(crowds):
        alarms += any(_worse(crowd(rng, (0.85,) * 6, 300, 2)).values())
        found += bool(_worse(crowd(rng, (0.85,) * 5 + (0.65,), 300, 2))["p5"])
        ceiling = label_ceiling(people(crowd(rng, (0.85,) * 6, 300, 2)).votes)
        held += ceiling.low <= consensus_accuracy(0.85, 2) <= ceiling.high
    yield f"{crowds:,} crowds of six, each right on 85% of three classes, two on each of 300 items"
    yield f"  somebody is named worse than the others               {_shown(alarms, crowds)}"
    yield f"  one who is right on 65% is                            {_shown(found, crowds)}"
    yield f"  the ceiling's interval holds the truth                {_shown(held, crowds)}"


def _worse(marks: pd.DataFrame) -> dict[str, bool]:
    return {name: one["lead"].high < 0 for name, one in quality(marks).items()}


def _shown(count: int, of: int) -> str:
    low, high = wilson(count / of, of)
    return f"{count / of:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else JUDGES
    for line in chain(published(), *((simulated(asked), of_people(5 * asked)) if asked else ())):
        print(line, flush=True)
