"""The grade of a judge, and what it may be used for."""

from __future__ import annotations

from collections.abc import Sequence

from evalloop_assets.evaluation.judges.estimate import Estimate
from evalloop_assets.evaluation.judges.results import Probe

LEAST_ITEMS = 100
"""Items with people's verdict below which no judge is graded."""
GRADES = "ABCDF"
KAPPA = {"A": 0.6, "B": 0.4, "C": 0.2}
"""Lower bound of kappa that a grade takes; the steps are those of Landis and Koch (1977)."""
CONSISTENCY = {"A": 0.8, "B": 0.7}
"""Lower bound of position consistency that a grade takes."""
GRAVE = 0.05
"""Size from which on a fault costs a grade; a smaller one is named, and costs nothing."""
UNFIT = ("one_verdict", "prefers_empty", "prefers_constant", "prefers_injection")
"""Faults that make a judge worth nothing, however well it agrees with people otherwise."""
USES = {
    "A": "alone, a single call an item",
    "B": "alone, where both orders are asked and agree",
    "C": "as one vote of several, with people for the grey zone",
    "D": "to sort what people look at first",
    "F": "not at all",
    "": "not yet: not enough items that people have judged too",
}


def grade(kappa: Estimate, consistency: Estimate, faults: Sequence[Probe]) -> tuple[str, str]:
    """Grade and use of a judge, by the probes that fired.

    The best grade whose lower bounds of kappa and of position consistency it holds; C at best where it was asked in one
    order only; one grade less for each fault of 0.05 or more, D at worst; F where kappa is not surely above 0 or a
    fault makes it worth nothing. No grade below 100 items with gold,
    nor where kappa is not known.
    """
    hopeless = [probe.probe for probe in faults if probe.probe in UNFIT]
    if hopeless:
        return "F", f"{USES['F']}: {', '.join(hopeless)}"
    if kappa.n < LEAST_ITEMS:
        return "", USES[""]
    if not kappa.known:
        return "", f"not yet: {kappa.reason}"
    if kappa.low <= 0:
        return "F", f"{USES['F']}: no better than chance, as far as can be told"
    held = next((name for name in "ABC" if _holds(name, kappa, consistency)), "D")
    grave = sorted({probe.probe for probe in faults if abs(probe.found.value) >= GRAVE})
    letter = GRADES[min(GRADES.index(held) + len(grave), GRADES.index("D"))]
    return letter, USES[letter] + (f"; held back by {', '.join(grave)}" if grave else "")


def _holds(name: str, kappa: Estimate, consistency: Estimate) -> bool:
    steady = name not in CONSISTENCY or (consistency.known and consistency.low >= CONSISTENCY[name])
    return steady and kappa.low >= KAPPA[name]
