"""Models that were trained on an erased person's data: weights keep no words, and yet something of everybody in them.

Nobody can take one person out of weights. So each is named on the receipt and marked for retraining: what cites a
version of a table that went with the person, and what was made from such a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

POLICY, REWARD_MODEL = "policy", "reward model"


class TrainedOn(NamedTuple):
    """A registered model and what it was made from."""

    kind: str
    name: str
    versions: Mapping[str, int]
    """Version of each table that it read."""
    parents: tuple[tuple[str, str], ...]
    """Kind and name of the models that taught it or whose weights it carries on."""


class Models(Protocol):
    """The registry, as far as an erasure knows it."""

    def trained(self) -> Sequence[TrainedOn]:
        """Every registered model."""

    def mark(self, models: Sequence[TrainedOn], reason: str) -> None:
        """Note with each of them why it is to be trained anew."""


def touched(models: Sequence[TrainedOn], gone: Mapping[str, Iterable[Sequence[int]]]) -> list[TrainedOn]:
    """Those that cite a version within the ranges [first, last] of `gone`, and their descendants, in order.

    A version is of a whole table: a model that read other days of it than the person's is named too.
    """
    ranges = {table: [(first, last) for first, last in found] for table, found in gone.items()}
    found = {
        (one.kind, one.name)
        for one in models
        for table, version in one.versions.items()
        if any(first <= version <= last for first, last in ranges.get(table, ()))
    }
    while True:
        children = {(one.kind, one.name) for one in models if found & set(one.parents)} - found
        if not children:
            return [one for one in models if (one.kind, one.name) in found]
        found |= children


class Registry:
    """The MLflow registry of a home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def trained(self) -> list[TrainedOn]:
        from evalloop_assets.policy_iteration.registry import registered_policies
        from evalloop_assets.reward_model.registry import registered_rewards

        rewards = [TrainedOn(REWARD_MODEL, name, versions, ()) for name, versions in registered_rewards(self._home)]
        policies = []
        for lineage in registered_policies(self._home):
            parents = [(REWARD_MODEL, str(lineage.reward_version))] if lineage.reward_version else []
            parents += [(POLICY, lineage.carries_on)] if lineage.carries_on else []
            policies.append(TrainedOn(POLICY, lineage.model_id, lineage.data_versions, tuple(parents)))
        return [*rewards, *policies]

    def mark(self, models: Sequence[TrainedOn], reason: str) -> None:
        from evalloop_assets.policy_iteration.registry import NAME, VERSION_TAG
        from evalloop_assets.reward_model.registry import NAME as REWARDS
        from evalloop_assets.reward_model.registry import RETRAIN, tag_versions
        from evalloop_assets.reward_model.registry import VERSION_TAG as REWARD_TAG

        for kind, registry, tag in ((POLICY, NAME, VERSION_TAG), (REWARD_MODEL, REWARDS, REWARD_TAG)):
            names = {one.name for one in models if one.kind == kind}
            if names:
                tag_versions(self._home, registry, tag, names, {RETRAIN: reason})
