"""What a judge prefers beyond what people prefer: the longer reply, the formatted one, the one of its own family.

People prefer the longer reply too, so a share above one half is no bias. A judge that errs at random prefers it less
often than people do, and so does a label that errs at random beside the truth. With s the share of people's decided
votes for the side with the feature, a the agreement of the judge with single people and c that of people with each
other, a judge without preference of its own has the share

    1/2 + (s - 1/2) (2a - 1) / (2c - 1)

when the errors of both are independent of the feature (1/2 where a is below 1/2).

c is estimated where items have several annotators. Where they have one, c lies between 1 (people never err) and a
(people err as the judge does): the interval then spans both ends, and the value is the plain difference of the two
shares, the end at which people err as the judge does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Z_95, Estimate, Floats, difference, linearised, unknown

PAIRED_ITEMS = 30
"""Items with several annotators from which on the agreement of people with each other is estimated."""
LEAST_AGREEMENT = 0.6
"""Below this agreement of people with each other their votes say too little to correct anything by."""


class Picked(NamedTuple):
    """Items that have the feature on one side only, and decided verdicts of both; arrays of one value an item."""

    judge: Floats
    """Share of the judge's decided verdicts for the side with the feature."""
    people: Floats
    """Share of people's decided votes for it."""
    among_people: Floats
    """Agreement between two people who decided; NaN with one."""


def beyond_people(picked: Picked, z: float = Z_95) -> Estimate:
    """By how much the judge's share for the side with the feature exceeds that of a judge without preference."""
    judge, people, among = picked
    if len(judge) == 0:
        return unknown("no item with that on one side was decided by judge and people")
    several = ~np.isnan(among)
    if several.sum() >= PAIRED_ITEMS and float(among[several].mean()) >= LEAST_AGREEMENT:
        return _against(judge, people, among, z)
    plain = difference(judge - people, z)
    perfect = _against(judge, people, np.ones(len(judge)), z)
    return plain._replace(low=min(plain.low, perfect.low), high=max(plain.high, perfect.high))


def _against(judge: Floats, people: Floats, among: Floats, z: float) -> Estimate:
    agreeing = judge * people + (1 - judge) * (1 - people)
    several = ~np.isnan(among)
    lead = float(people.mean()) - 0.5
    signal, among_people = max(2 * float(agreeing.mean()) - 1, 0.0), 2 * float(among[several].mean()) - 1
    of_signal = 2 * agreeing - 1 - signal if signal > 0 else np.zeros(len(judge))
    value = float(judge.mean()) - 0.5 - lead * signal / among_people
    of_among = np.where(several, 2 * np.nan_to_num(among) - 1 - among_people, 0.0) / several.mean()
    influence = (
        judge
        - judge.mean()
        - (people - people.mean()) * signal / among_people
        - lead * of_signal / among_people
        + lead * signal * of_among / among_people**2
    )
    found = linearised(value, influence, z)
    floor = z / (2 * math.sqrt(len(judge) * (len(judge) + 2)))
    return found._replace(low=min(found.low, value - floor), high=max(found.high, value + floor))
