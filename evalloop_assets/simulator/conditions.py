"""What a simulated product is like, whatever its models: how big, whose, how clean its log, and what changes."""

from __future__ import annotations

from dataclasses import dataclass

from evalloop_assets.simulator.behaviour import Habits
from evalloop_assets.simulator.dirt import Dirt
from evalloop_assets.simulator.oracle import Values
from evalloop_assets.simulator.requirements import require_count
from evalloop_assets.simulator.returning import ReturnHabits
from evalloop_assets.simulator.users import People


@dataclass(frozen=True)
class Scale:
    """How big the product is."""

    base_users: int = 4600
    """Users from before the first day; about four in ten come on a day."""
    new_users: int = 180
    """Mean signups a day."""
    battles: int = 1200
    """Choices between two models a day."""
    most_turns: int = 60
    """Replies after which a conversation is cut."""

    def __post_init__(self) -> None:
        for name in ("base_users", "new_users", "battles"):
            require_count(f"scale: {name}", getattr(self, name))
        require_count("scale: most_turns", self.most_turns, 1)


@dataclass(frozen=True)
class Drift:
    """From one day on, the users want something else."""

    on_day: int
    """Number of the day, from 0."""
    values: Values
    """What makes a reply good from then on; tastes for voices change as well."""

    def __post_init__(self) -> None:
        require_count("drift: on_day", self.on_day)


@dataclass(frozen=True)
class Conditions:
    """All that a product is, but for its models."""

    scale: Scale = Scale()
    people: People = People()
    habits: Habits = Habits()
    returning: ReturnHabits = ReturnHabits()
    dirt: Dirt = Dirt()
    drift: Drift | None = None
