"""Preference pairs as arrays that a model can learn from, and their split by user."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import Encoder, Matrix
from evalloop_assets.reward_model.model import HORIZONS, pair_features

if TYPE_CHECKING:
    import pyarrow as pa

PAIR_COLUMNS = ("pair_id", "user_id", "source", "user_text_a", "user_text_b", "reply_a", "reply_b", *HORIZONS)

TARGETS = {"A": 1.0, "B": 0.0, "tie": 0.5}
HELD_OUT_SHARE, TUNE_SHARE = 0.2, 0.15


class Pairs(NamedTuple):
    """n pairs of replies, sorted by pair_id."""

    ids: NDArray[np.str_]
    users: NDArray[np.str_]
    sources: NDArray[np.str_]
    """tail, regeneration or battle."""
    a: Matrix
    """Features of the first reply [n, f]."""
    b: Matrix
    log_length_ratio: NDArray[np.float64]
    """log((characters of a + 1) / (characters of b + 1)) [n], a covariate of training only."""
    targets: NDArray[np.float64]
    """Per horizon [n, heads]: 1 where a is preferred, 0 where b is, 0.5 for a tie, NaN where censored."""

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        return Pairs(
            self.ids[chosen],
            self.users[chosen],
            self.sources[chosen],
            self.a[chosen],
            self.b[chosen],
            self.log_length_ratio[chosen],
            self.targets[chosen],
        )

    @property
    def decided(self) -> NDArray[np.bool_]:
        """[n, heads]: the label prefers one of the two."""
        return np.asarray((self.targets == 0.0) | (self.targets == 1.0), np.bool_)


class Split(NamedTuple):
    """Pairs by user: whoever is held out today was held out yesterday, so versions are compared on unseen users."""

    fit: Pairs
    tune: Pairs
    """When to stop, temperatures, which heads count."""
    held_out: Pairs
    """Accuracy as reported, and challenger against champion."""


def read_pairs(table: pa.Table, encoder: Encoder) -> Pairs:
    """Pairs of a table with PAIR_COLUMNS; rows where a reply has no text are left out, NULL labels are censored."""
    rows = sorted(
        (row for row in table.select(list(PAIR_COLUMNS)).to_pylist() if _has_text(row["reply_a"], row["reply_b"])),
        key=lambda row: str(row["pair_id"]),
    )

    def features(side: str) -> Matrix:
        messages = encoder.encode([row[f"user_text_{side}"] or "" for row in rows])
        return pair_features(messages, encoder.encode([row[f"reply_{side}"] for row in rows]))

    def lengths(side: str) -> NDArray[np.float64]:
        return np.array([np.log1p(len(row[f"reply_{side}"])) for row in rows], np.float64)

    return Pairs(
        ids=_strings([row["pair_id"] for row in rows]),
        users=_strings([row["user_id"] for row in rows]),
        sources=_strings([row["source"] for row in rows]),
        a=features("a"),
        b=features("b"),
        log_length_ratio=lengths("a") - lengths("b"),
        targets=np.array(
            [[TARGETS.get(row[horizon], np.nan) for horizon in HORIZONS] for row in rows], np.float64
        ).reshape(len(rows), len(HORIZONS)),
    )


def split_by_user(pairs: Pairs) -> Split:
    """A fixed share of all users, chosen by the hash of their id, is held out for good; another tunes."""
    part = np.array([_place(user) for user in pairs.users.tolist()], np.float64)
    held_out, tune = part < HELD_OUT_SHARE, part < HELD_OUT_SHARE + TUNE_SHARE
    return Split(pairs.where(~tune), pairs.where(tune & ~held_out), pairs.where(held_out))


def is_held_out(users: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each of these users [n] is held out for good."""
    return np.array([_place(user) < HELD_OUT_SHARE for user in users], np.bool_)


def _place(user: str) -> float:
    """A number in [0, 1) that depends on the user only."""
    digest = hashlib.sha256(b"reward-model-split/" + user.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _has_text(*replies: str | None) -> bool:
    return all(reply and reply.strip() for reply in replies)


def _strings(values: list[object]) -> NDArray[np.str_]:
    return np.array([str(value) for value in values], dtype=np.str_)
