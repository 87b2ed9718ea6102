"""Which candidate a day brings: best-of-n of the incumbent's base model by the reward model promoted that day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

BEST_OF_N = "best_of_n"


class Served(NamedTuple):
    """The incumbent, and, if it is a candidate of an earlier day, where it came from."""

    model_id: str
    base_model_id: str | None
    """The model that its replies are drawn from; None where it is no candidate of ours."""
    generation: int
    """0 where it is none of ours."""


class Candidate(NamedTuple):
    """A policy that is to be tried, with its lineage."""

    model_id: str
    kind: str
    base_model_id: str
    """The model that its n replies are drawn from."""
    n: int
    reward_version: str
    generation: int
    """1 for a child of a model that is none of ours, one more for each candidate that came to serve."""
    parent: str
    """The model that it is to replace."""
    created_on: date


def best_of_n_candidate(incumbent: Served, n: int, reward_version: str, day: date) -> Candidate:
    """Best-of-n is drawn from the base model, never from another best-of-n: n replies are n replies, not n squared."""
    base = incumbent.base_model_id or incumbent.model_id
    return Candidate(
        model_id=f"{base}-best-of-{n}-{reward_version}",
        kind=BEST_OF_N,
        base_model_id=base,
        n=n,
        reward_version=reward_version,
        generation=incumbent.generation + 1,
        parent=incumbent.model_id,
        created_on=day,
    )
