"""Which conversations are held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from evalloop_assets.evaluation.dynamic.converse import Conversation, Policy, converse
from evalloop_assets.evaluation.dynamic.grid import (
    INTENTS,
    LOCALES,
    PROMPT_SETTINGS,
    ROLE_TYPES,
    Scenario,
    scenarios,
)
from evalloop_assets.evaluation.dynamic.perturb import PERTURBATIONS
from evalloop_assets.lake.errors import UserError


class Planned(NamedTuple):
    """A conversation to be held."""

    scenario: Scenario
    seed: int
    perturbation: str
    turns: int

    def hold(self, policy: Policy) -> Conversation:
        """What comes of it."""
        return converse(policy, self.scenario, self.seed, self.turns, self.perturbation)


@dataclass(frozen=True)
class Plan:
    """A part of the grid; an empty part of it is all of it. UserError for a name that there is not."""

    locales: tuple[str, ...] = ()
    role_types: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    prompt_settings: tuple[str, ...] = ()
    perturbations: tuple[str, ...] = ()
    """Beside the plain conversations, which are always held."""
    turns: int = 8
    seed: int = 1
    seeds: int = 1
    """Conversations of each scenario: of the seed and of those after it."""

    def __post_init__(self) -> None:
        for what, given, known in (
            ("locale", self.locales, LOCALES),
            ("role type", self.role_types, ROLE_TYPES),
            ("intent", self.intents, INTENTS),
            ("prompt setting", self.prompt_settings, PROMPT_SETTINGS),
            ("perturbation", self.perturbations, PERTURBATIONS[1:]),
        ):
            for one in given:
                if one not in known:
                    raise UserError(f"{what} {one}", "there is none of that name", f"Name one of {', '.join(known)}.")

    def conversations(self) -> list[Planned]:
        """Each of them once, in a fixed order: perturbed ones after the plain one."""
        cells = scenarios(
            *(
                tuple(dict.fromkeys(given)) or known
                for given, known in (
                    (self.locales, LOCALES),
                    (self.role_types, ROLE_TYPES),
                    (self.intents, INTENTS),
                    (self.prompt_settings, PROMPT_SETTINGS),
                )
            )
        )
        kinds = (PERTURBATIONS[0], *dict.fromkeys(self.perturbations))
        seeds = range(self.seed, self.seed + self.seeds)
        return [Planned(cell, seed, kind, self.turns) for seed, cell, kind in product(seeds, cells, kinds)]
