"""Users with lasting traits who come on some days: one signal of theirs, and whether they return, day by day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.settings import Settings
from evalloop_assets_tests.denoise.world import FILES, Row, compute, day, load, schema_of

LAST = day("05-31")


class Units(NamedTuple):
    """One user on one day each, (units,)."""

    user: np.ndarray
    ago: np.ndarray
    """Days before LAST."""
    x: np.ndarray
    """Ten-thousandths, whole."""
    returned: np.ndarray


def lived(rng: np.random.Generator, users: int, links: Sequence[float], rare: bool = False) -> Units:
    """`links` says for each day, the last one last, how strongly the signal drives the return.

    Each user has a trait in the signal and a loyalty in the return on all days, so that days of one user are no
    independent units.
    `rare` makes the signal one that few users give.
    """
    trait, loyalty = rng.normal(size=users), rng.normal(size=users)
    found = []
    for place, link in enumerate(links):
        here = np.flatnonzero(rng.random(users) < 0.6)
        signal = 1.5 * trait[here] + rng.normal(size=len(here))
        shown = (signal > 3).astype(float) if rare else signal
        returns = link * signal + 1.5 * loyalty[here] + rng.normal(size=len(here)) > 0.4
        found.append((here, np.full(len(here), len(links) - 1 - place), np.round(1e4 * shown), returns))
    return Units(*(np.concatenate(part) for part in zip(*found, strict=True)))


def sums(by_signal: Mapping[str, Units]) -> pa.Table:
    """The rows of signal_sums of these units."""
    parts = []
    for signal, units in by_signal.items():
        cell, where = np.unique(units.ago * 256 + groups_of(units.user), return_inverse=True)
        x, y = units.x, units.returned.astype(float)
        added = [
            np.bincount(where, weights=values).astype(np.int64) for values in (np.ones_like(x), y, x, x * x, x * y)
        ]
        dates = pa.array([LAST - timedelta(days=int(ago)) for ago in cell // 256], pa.date32())
        names = pa.array([f"{number:02x}" for number in cell % 256])
        parts.append(
            pa.table([dates, pa.array([signal] * len(cell)), names, *added], arrow_schema(schema_of("signal_sums")))
        )
    return pa.concat_tables(parts)


def validity(by_signal: Mapping[str, Units], settings: Settings | None = None) -> dict[str, Row]:
    """The row of LAST for each signal."""
    transform, span = load(FILES["signal_validity"]), Days.one(LAST)
    rows = compute(transform, {"signal_sums": sums(by_signal)}, span, settings or Settings(), Clock(LAST, None))
    return {row["signal"]: row for row in rows.to_pylist()}


def groups_of(user: np.ndarray) -> np.ndarray:
    """(units,) one of 256 groups, the same for each unit of a user."""
    digests = [hashlib.md5(f"user {number}".encode()).hexdigest() for number in range(int(user.max()) + 1)]
    return np.array([int(digest[:2], 16) for digest in digests])[user]
