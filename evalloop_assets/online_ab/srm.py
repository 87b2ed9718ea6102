"""Sample ratio mismatch: are the arms as large as their propensities promise? If not, nothing else can be read.

`sample_ratio_p` is the chi-square test for one look. `always_valid_ratio_p` may be looked at after every unit: within
an epoch of share w the treatment's units are held against a share drawn from Beta(kw, k(1 − w)). With n units, t of
them treated, the ratio of both likelihoods is

    B(kw + t, k(1 − w) + n − t) / (B(kw, k(1 − w)) · w^t · (1 − w)^(n − t))

which is a martingale with mean 1 where the promise holds, and so is its product over epochs: by Ville's inequality it
ever exceeds 1/α with a chance of at most α (Lindon and Malek, "Anytime-valid inference for multinomial count data",
2022).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import exp, log
from typing import NamedTuple

PRIOR_UNITS = 100
"""k: units that the alternative is worth. More finds smaller mismatches, later."""


class EpochCount(NamedTuple):
    """Units first exposed in one epoch."""

    epoch: str
    control: int
    treatment: int


def treatment_weight(epoch: str) -> float | None:
    """Share of treatment that an epoch's name promises; None where no propensity was logged."""
    found = re.fullmatch(r"weight_(\d{5})", epoch)
    return int(found[1]) / 10_000 if found else None


def epoch_name(weight: float) -> str:
    """The name of an epoch with this share of treatment."""
    return f"weight_{round(1e4 * weight):05}"


def sample_ratio_p(counts: Iterable[EpochCount]) -> float | None:
    """p-value of the chi-square test of the units against their propensities, within epochs; None without any.

    An epoch of weight 0 or 1 has no ratio; a unit in the arm that it excludes contradicts it altogether (p = 0).
    """
    from scipy.special import chdtrc

    found = _promised(counts)
    if any(_is_impossible(*one) for one in found):
        return 0.0
    shared = [one for one in found if 0 < one[0] < 1]
    if not shared:
        return None
    statistic = sum((t - (c + t) * w) ** 2 / ((c + t) * w * (1 - w)) for w, c, t in shared)
    return float(chdtrc(len(shared), statistic))


def always_valid_ratio_p(counts: Iterable[EpochCount]) -> float | None:
    """p-value of the same units that holds at every look; None where no ratio is promised."""
    from scipy.special import betaln

    found = _promised(counts)
    if any(_is_impossible(*one) for one in found):
        return 0.0
    shared = [one for one in found if 0 < one[0] < 1]
    if not shared:
        return None
    evidence = 0.0
    for weight, control, treatment in shared:
        a, b = PRIOR_UNITS * weight, PRIOR_UNITS * (1 - weight)
        evidence += float(betaln(a + treatment, b + control) - betaln(a, b))
        evidence -= treatment * log(weight) + control * log(1 - weight)
    return exp(min(0.0, -evidence))


def _promised(counts: Iterable[EpochCount]) -> list[tuple[float, int, int]]:
    """Share of treatment, control's and treatment's units of the epochs that have units and a promise."""
    told = [(treatment_weight(epoch), control, treatment) for epoch, control, treatment in counts]
    return [(weight, c, t) for weight, c, t in told if weight is not None and c + t > 0]


def _is_impossible(weight: float, control: int, treatment: int) -> bool:
    return (weight == 0 and treatment > 0) or (weight == 1 and control > 0)
