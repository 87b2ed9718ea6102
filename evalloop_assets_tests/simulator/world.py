"""A small product, and a split of users that needs no flag file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from evalloop_assets.simulator.conditions import Scale
from evalloop_assets.simulator.demo_cast import demo_product
from evalloop_assets.simulator.product import Product
from evalloop_assets.simulator.traffic import Assignment

FIRST = date(2026, 3, 2)
SMALL = Scale(base_users=500, new_users=30, battles=80)


def day(number: int) -> date:
    """The `number`-th day of the product, from 0."""
    return FIRST + timedelta(days=number)


def product(root: Path, seed: int = 5, scale: Scale = SMALL) -> Product:
    return demo_product(root, seed, FIRST, scale)


@dataclass(frozen=True)
class HalfOfUsers:
    """Half of the users by hash get the treatment, for good."""

    control: str
    treatment: str

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        treated = hashlib.md5(user_id.encode()).digest()[0] < 128
        model, arm = (self.treatment, "treatment") if treated else (self.control, "control")
        return Assignment(model, "exp", arm, "user", 0.5)


@dataclass(frozen=True)
class HalfOfConversations:
    """Half of the conversations by hash get the treatment."""

    control: str
    treatment: str

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        treated = hashlib.md5(conversation_id.encode()).digest()[0] < 128
        model, arm = (self.treatment, "treatment") if treated else (self.control, "control")
        return Assignment(model, "exp", arm, "conversation", 0.5)


def rows(query: str, **folders: Path) -> list[tuple]:
    """Rows of a query in which `{name}` stands for a folder."""
    with duckdb.connect() as connection:
        return connection.execute(query.format(**folders)).fetchall()
