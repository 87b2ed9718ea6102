"""Preference pairs as arrays that a model can learn from, and their split by user and time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import Encoder, Matrix
from evalloop_assets.reward_model.features import features
from evalloop_assets.reward_model.history import Situations
from evalloop_assets.reward_model.logged import NO_LOG, Log, logged_situations
from evalloop_assets.reward_model.model import HORIZONS

if TYPE_CHECKING:
    import pyarrow as pa

PAIR_COLUMNS = (
    "day", "pair_id", "user_id", "source", "event_id_a", "event_id_b", "user_text_a", "user_text_b", "reply_a",
    "reply_b", "position_a", "position_b", *HORIZONS,
)  # fmt: skip

TARGETS = {"A": 1.0, "B": 0.0, "tie": 0.5}
HELD_OUT_SHARE, TUNE_SHARE = 0.2, 0.15
LATER_DAYS = 2
"""Newest days with pairs on which nothing is fitted or tuned, where there are LEAST_DAYS of them."""
LEAST_DAYS = 7
PAIRS_AT_ONCE = 2_048


class Pairs(NamedTuple):
    """n pairs of replies, sorted by pair_id."""

    ids: NDArray[np.str_]
    users: NDArray[np.str_]
    sources: NDArray[np.str_]
    """tail, regeneration or battle."""
    days: NDArray[np.datetime64]
    """[n] the day whose rows they are among."""
    difference: Matrix
    """Features of the first reply less those of the second [n, f]."""
    log_length_ratio: NDArray[np.float64]
    """log((characters of a + 1) / (characters of b + 1)) [n], a covariate of training only."""
    position_lead: NDArray[np.float64]
    """Position of a less that of b [n]; NaN where one is unknown."""
    targets: NDArray[np.float64]
    """Per horizon [n, heads]: 1 where a is preferred, 0 where b is, 0.5 for a tie, NaN where censored."""

    def where(self, chosen: NDArray[np.bool_] | slice) -> Pairs:
        return Pairs._make(column[chosen] for column in self)

    @property
    def digest(self) -> str:
        """Of which pairs they are and how they are labelled: 16 hexadecimal digits."""
        found = hashlib.sha256()
        for column in (self.ids, self.days, self.targets):
            found.update(f"{column.dtype} {column.shape}".encode() + np.ascontiguousarray(column).tobytes())
        return found.hexdigest()[:16]

    @property
    def decided(self) -> NDArray[np.bool_]:
        """[n, heads]: the label prefers one of the two."""
        return np.asarray((self.targets == 0.0) | (self.targets == 1.0), np.bool_)


class Split(NamedTuple):
    """Pairs by user and time.

    Whoever is held out today was held out yesterday, so versions are compared on unseen users; and the newest
    LATER_DAYS neither fit nor tune, so that of the held-out pairs those of these days are unseen in both respects.
    """

    fit: Pairs
    tune: Pairs
    """Temperatures, and which heads count."""
    held_out: Pairs
    """Accuracy as reported, and challenger against champion."""
    later: NDArray[np.bool_]
    """Which of the held-out pairs are of the later days."""

    @property
    def parts(self) -> dict[str, Pairs]:
        """By name."""
        return {"fit": self.fit, "tune": self.tune, "held_out": self.held_out}


def read_pairs(table: pa.Table, encoder: Encoder, log: Log = NO_LOG) -> Pairs:
    """Pairs of a table with PAIR_COLUMNS; rows where a reply has no text are left out, NULL labels are censored.

    `log` tells what was said before each reply; a reply that it does not know stands at the start of a conversation.
    """
    rows = sorted(
        (row for row in table.select(list(PAIR_COLUMNS)).to_pylist() if _has_text(row["reply_a"], row["reply_b"])),
        key=lambda row: str(row["pair_id"]),
    )

    def column(name: str) -> list[object]:
        return [row[name] for row in rows]

    def places(first: int) -> Situations:
        part = rows[first : first + PAIRS_AT_ONCE]
        columns = (
            [row[f"{name}_{side}"] for side in "ab" for row in part] for name in ("event_id", "user_text", "reply")
        )
        return logged_situations(log, *columns)

    def lengths(side: str) -> NDArray[np.float64]:
        return np.array([np.log1p(len(row[f"reply_{side}"])) for row in rows], np.float64)

    def positions(side: str) -> NDArray[np.float64]:
        return np.array(column(f"position_{side}"), np.float64)

    return Pairs(
        ids=_strings(column("pair_id")),
        users=_strings(column("user_id")),
        sources=_strings(column("source")),
        days=np.array(column("day"), "datetime64[D]"),
        difference=differences(places, len(rows), encoder),
        log_length_ratio=lengths("a") - lengths("b"),
        position_lead=positions("a") - positions("b"),
        targets=np.array(
            [[TARGETS.get(row[horizon], np.nan) for horizon in HORIZONS] for row in rows], np.float64
        ).reshape(len(rows), len(HORIZONS)),
    )


def differences(places: Callable[[int], Situations], count: int, encoder: Encoder) -> Matrix:
    """Features of side a less those of side b, some thousand pairs at once.

    `places(first)` gives the sides a of pairs from the first on, and behind them their sides b: both stand in the same
    conversation as a rule, whose texts are read once.
    """
    sides = (features(places(first), encoder) for first in range(0, max(count, 1), PAIRS_AT_ONCE))
    return np.concatenate([np.subtract(*np.split(both, 2)) for both in sides])


def split_by_user(pairs: Pairs) -> Split:
    """A fixed share of all users, chosen by the hash of their id, is held out for good; another tunes."""
    part = np.array([_place(user) for user in pairs.users.tolist()], np.float64)
    held_out, tune = part < HELD_OUT_SHARE, part < HELD_OUT_SHARE + TUNE_SHARE
    later = pairs.days > last_fitted_day(pairs.days)
    return Split(
        pairs.where(~tune & ~later),
        pairs.where(tune & ~held_out & ~later),
        pairs.where(held_out),
        later[held_out],
    )


def last_fitted_day(days: NDArray[np.datetime64]) -> np.datetime64:
    """The newest day that is fitted on: all but LATER_DAYS of at least LEAST_DAYS distinct ones."""
    distinct = np.unique(days)
    if not len(distinct):
        return np.datetime64("NaT")
    return np.datetime64(distinct[-1 - LATER_DAYS] if len(distinct) >= LEAST_DAYS else distinct[-1])


def is_held_out(users: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each of these users [n] is held out for good."""
    return np.array([_place(user) < HELD_OUT_SHARE for user in users], np.bool_)


def is_fitted(users: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each of these users [n] is one that models are fitted on: neither held out nor tuned on."""
    return np.array([_place(user) >= HELD_OUT_SHARE + TUNE_SHARE for user in users], np.bool_)


def _place(user: str) -> float:
    return place_of(user, "reward-model-split")


def place_of(user: str, purpose: str) -> float:
    """A number in [0, 1) that depends on the user and the purpose only."""
    digest = hashlib.sha256(f"{purpose}/{user}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _has_text(*replies: str | None) -> bool:
    return all(reply and reply.strip() for reply in replies)


def _strings(values: list[object]) -> NDArray[np.str_]:
    return np.array([str(value) for value in values], dtype=np.str_)
