"""The grid of conversations: role types, intents, system prompts, locales (`001_1b89fe0c69b2ecb6.txt`, dynamic
evaluation of conversations of many turns).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent
FILES = ("roles.yaml", "phrases.yaml", "metrics.yaml", "user.py", "perturb.py")
ROLE_TYPES = (
    "fictional_character",
    "emotional_companion",
    "historical_figure",
    "utility_assistant",
    "game_npc",
    "profession",
)
INTENTS = (
    "identity_recognition",
    "role_knowledge",
    "personality_trait",
    "knowledge_boundary",
    "casual_steering",
    "professional_skill",
    "game_interaction",
)
PROMPT_SETTINGS = ("none", "persona", "full")
"""No system prompt (the user names the role), the persona, or the persona with rules and history."""
LOCALES = ("en", "zh")
SYSTEM = {
    "en": ("You are {name}.", "Rules:", "What has happened:"),
    "zh": ("你是{name}。", "规则：", "此前发生的事："),
}


class Role(NamedTuple):
    """A role in one language."""

    role_id: str
    role_type: str
    locale: str
    name: str
    persona: tuple[str, ...]
    """Facts of the role, in the first person."""
    rules: tuple[str, ...]
    history: tuple[str, ...]
    slots: Mapping[str, str]
    """What the user's phrases may name: name, topic, knowledge, trait, beyond, skill, game."""


class Scenario(NamedTuple):
    """One cell of the grid."""

    role: Role
    intent: str
    prompt_setting: str

    @property
    def key(self) -> str:
        """Names the cell; equal for equal cells."""
        return f"{self.role.locale}/{self.role.role_id}/{self.intent}/{self.prompt_setting}"

    @property
    def system(self) -> str:
        """The system prompt; empty without one."""
        if self.prompt_setting == "none":
            return ""
        role = self.role
        who, rules, before = SYSTEM[role.locale]
        lines = [who.format(name=role.name), *role.persona]
        if self.prompt_setting == "full":
            lines += [rules, *role.rules, before, *role.history]
        return "\n".join(lines)


class Metric(NamedTuple):
    """What is measured of a reply."""

    name: str
    by: str
    """text or judge"""
    about: str


def scenarios(
    locales: Sequence[str] = LOCALES,
    role_types: Sequence[str] = ROLE_TYPES,
    intents: Sequence[str] = INTENTS,
    prompt_settings: Sequence[str] = PROMPT_SETTINGS,
) -> Iterator[Scenario]:
    """Every role of these types in every one of these intents, prompts and locales, in a fixed order."""
    for locale, role_type in product(locales, role_types):
        for role in roles():
            if role.locale == locale and role.role_type == role_type:
                for intent, setting in product(intents, prompt_settings):
                    yield Scenario(role, intent, setting)


@cache
def roles() -> tuple[Role, ...]:
    """The roles of `roles.yaml` in each of their languages."""
    found = []
    for card in _yaml("roles.yaml"):
        for locale in LOCALES:
            told = dict(card[locale])
            persona, rules, history = (tuple(map(str, told.pop(part))) for part in ("persona", "rules", "history"))
            role_id, role_type = card["role_id"], card["role_type"]
            found.append(Role(role_id, role_type, locale, told["name"], persona, rules, history, told))
    return tuple(found)


@cache
def metrics_of(role_type: str) -> tuple[Metric, ...]:
    """The metrics of a role type, as `metrics.yaml` allots them."""
    table = _yaml("metrics.yaml")
    return tuple(Metric(name, **table["metrics"][name]) for name in table["role_types"][role_type])


@cache
def phrases(locale: str) -> Mapping[str, Any]:
    """What the simulated user says in that language."""
    return dict(_yaml("phrases.yaml")[locale])


@cache
def grid_version() -> str:
    """Of roles, phrases, metrics and the rules of the simulated user: another text, another version."""
    held = b"\0".join((FOLDER / name).read_bytes() for name in FILES)
    return hashlib.sha256(held).hexdigest()[:8]


def _yaml(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
