"""What is measured of a model on its users, as columns of `slice_units`."""

from __future__ import annotations

from typing import NamedTuple


class OnlineMetric(NamedTuple):
    """A mean: sum of `total` over sum of `units`, users as clusters."""

    name: str
    units: str
    """Column of its denominator."""
    total: str
    higher_is_better: bool
    is_share: bool
    decides: bool
    """Models are compared by it, slice by slice; the others are only shown and gated."""
    about: str
    dimension: str | None = None
    """Of the six that the reports have a column for; None for what users do."""


METRICS = {
    one.name: one
    for one in (
        OnlineMetric(
            "return_next_day", "return_known", "returned", True, True, True,
            "share of users and days with a return on the next local day",
        ),
        OnlineMetric("abrupt_end", "ended", "abrupt", False, True, True, "share of sessions that were left abruptly"),
        OnlineMetric("reward", "rewarded", "reward", True, False, True, "mean reward of a reply, anchor SDs"),
        OnlineMetric("complaint", "replies", "complaints", False, True, False, "share of replies complained about"),
        OnlineMetric(
            "contradiction", "judged", "contradictions", False, True, False,
            "share of replies that contradict persona or story", "hallucination",
        ),
        OnlineMetric("error", "replies", "errors", False, True, False, "share of replies that failed", "robustness"),
        OnlineMetric("latency_ms", "timed", "latency_ms", False, False, False, "mean latency of a reply, milliseconds"),
        OnlineMetric("cost_usd", "costed", "cost_usd", False, False, False, "mean cost of a reply, US dollars"),
    )
}  # fmt: skip
