"""The allocation: which model every conversation gets. Pure values, times in UTC without zone (design, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Status = Literal["running", "promoted", "stopped", "rolled_back"]


@dataclass(frozen=True)
class Epoch:
    """A span of constant weights; it covers the conversations that begin in it."""

    starts_at: datetime
    weight_percent: float
    """Share of the conversation-randomised conversations that get the treatment, 0 to 100."""


@dataclass(frozen=True)
class Experiment:
    """A treatment against the champion of its time, in one segment of the users."""

    experiment_id: str
    control: str
    treatment: str
    segment: tuple[float, float]
    """First and last percent of the users by hash of the user id, last excluded."""
    user_share: float
    """Percent of the segment's users that are randomised by user, the others by conversation."""
    epochs: tuple[Epoch, ...]
    """In order of time. Conversations begun before the first are not in the experiment."""
    user_weight: float = 50.0
    """Percent of the user-randomised users that get the treatment, in every epoch, so that none changes arm."""
    status: Status = "running"
    ended_at: datetime | None = None
    """Conversations begun at or after it are not in the experiment; None while it runs."""

    @property
    def weight_percent(self) -> float:
        """Weight of the treatment for conversations that begin now; 0 once the experiment has ended."""
        return self.epochs[-1].weight_percent if self.status == "running" else 0.0


@dataclass(frozen=True)
class Reign:
    """A former champion, kept for the conversations that it began."""

    model_id: str
    until: datetime


@dataclass(frozen=True)
class Allocation:
    """The whole state of serving."""

    champion: str
    experiments: tuple[Experiment, ...] = ()
    former: Reign | None = None
    """The champion before this one."""

    def experiment(self, experiment_id: str) -> Experiment | None:
        for experiment in self.experiments:
            if experiment.experiment_id == experiment_id:
                return experiment
        return None

    @property
    def running(self) -> tuple[Experiment, ...]:
        return tuple(experiment for experiment in self.experiments if experiment.status == "running")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times in ISO format."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Allocation:
        """The inverse of `to_json`."""
        former = value.get("former")
        return cls(
            champion=value["champion"],
            experiments=tuple(_experiment(one) for one in value["experiments"]),
            former=Reign(former["model_id"], _time(former["until"])) if former else None,
        )


def changed(before: Allocation | None, after: Allocation) -> list[str]:
    """Experiments whose state differs, and those that are gone, in words."""
    known = before.experiments if before else ()
    gone = [f"{one.experiment_id} out" for one in known if after.experiment(one.experiment_id) is None]
    return [_state(one) for one in after.experiments if one not in known] + gone


def _state(experiment: Experiment) -> str:
    weight = f"{experiment.weight_percent:g}%" if experiment.status == "running" else experiment.status
    return f"{experiment.experiment_id} {weight.replace('_', ' ')}"


def _experiment(value: Mapping[str, Any]) -> Experiment:
    first, last = value["segment"]
    return Experiment(
        experiment_id=value["experiment_id"],
        control=value["control"],
        treatment=value["treatment"],
        segment=(first, last),
        user_share=value["user_share"],
        epochs=tuple(Epoch(_time(one["starts_at"]), one["weight_percent"]) for one in value["epochs"]),
        user_weight=value["user_weight"],
        status=value["status"],
        ended_at=_time(value["ended_at"]) if value["ended_at"] else None,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
