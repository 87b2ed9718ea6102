"""Sample ratio mismatch: are the arms as large as their propensities promise? If not, nothing else can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


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
    from scipy.stats import chi2

    statistic, freedom = 0.0, 0
    for epoch, control, treatment in counts:
        weight = treatment_weight(epoch)
        if weight is None or control + treatment == 0:
            continue
        if weight in (0.0, 1.0):
            if (treatment if weight == 0 else control) > 0:
                return 0.0
            continue
        expected = (control + treatment) * weight
        statistic += (treatment - expected) ** 2 / (expected * (1 - weight))
        freedom += 1
    return float(chi2.sf(statistic, freedom)) if freedom else None
