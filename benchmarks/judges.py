"""The audit of judges: how often each probe fires on its own fault, and on verdicts without one.

600 items judged in both orders, early and late, under two prompts; a fault decides three verdicts of ten.
`python -m benchmarks.judges 100` takes so many simulated judges a line (default 400: about half an hour of one core).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np

from evalloop_assets.evaluation.judges import audit
from evalloop_assets.evaluation.judges.estimate import wilson
from evalloop_assets.simulator.verdicts import Panel, answers

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
STRENGTH, JUDGES, SEED = 0.3, 400, 1
PANELS = (Panel(annotators=1), Panel(annotators=3))


def fired(panel: Panel, fault: str, judges: int, seed: int = SEED, strength: float = STRENGTH) -> Counter[str]:
    """How many of so many simulated judges each probe fires on."""
    rng, counts = np.random.default_rng(seed), Counter[str]()
    for _ in range(judges):
        counts.update({*audit(*answers(rng, panel, fault, strength))["gpt-judge"].fired})
    return counts


def lines(judges: int = JUDGES) -> Iterator[str]:
    yield f"{judges:,} judges a line; {STRENGTH:.0%} of verdicts follow the fault"
    yield f"{'probe':<20}{'people an item':>15}   {'fires on its fault':<28}fires on clean verdicts"
    for panel in PANELS:
        clean = fired(panel, "", judges)
        for fault, probe in PROBE.items():
            power = _shown(fired(panel, fault, judges)[probe], judges)
            yield f"{probe:<20}{panel.annotators:>15}   {power:<28}{_shown(clean[probe], judges)}"


def _shown(count: int, of: int) -> str:
    low, high = wilson(count / of, of)
    return f"{count / of:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else JUDGES):
        print(line, flush=True)
