"""What the labels of single replies say, compared within their session: a direction for the fit of the pairs.

Pairs are few, while nearly every kept reply has an immediate label. Across sessions
such labels tell users and moods from each other rather than replies; within one session they compare replies as a pair
does (`003_c9bb702ef28bd78d.txt`, section 6.2). The direction of features along which they rise is one more column of
the fit (`bradley_terry.py`), whose coefficient the pairs decide, each horizon its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import Encoder, Matrix
from evalloop_assets.reward_model.features import ROWS_AT_ONCE, features
from evalloop_assets.reward_model.logged import Log, logged_situations

if TYPE_CHECKING:
    import pyarrow as pa

PENALTY = 10.0
"""Weight of the squared coefficients of the scaled features beside the summed squared error of the labels."""


class Labelled(NamedTuple):
    """n kept replies with their immediate label."""

    users: NDArray[np.str_]
    days: NDArray[np.datetime64]
    sessions: NDArray[np.int64]
    """[n] a number per session."""
    features: Matrix
    """[n, f]"""
    nuisance: Matrix
    """[n, 2] logarithms of position and length, by which labels go too; no part of the direction."""
    labels: NDArray[np.float64]
    """[n]"""

    def where(self, chosen: NDArray[np.bool_]) -> Labelled:
        return Labelled(
            self.users[chosen],
            self.days[chosen],
            self.sessions[chosen],
            self.features[chosen],
            self.nuisance[chosen],
            self.labels[chosen],
        )


def read_labelled(table: pa.Table, encoder: Encoder, log: Log) -> Labelled:
    """Rows of `user_id, day, session_id, event_id, position, user_text, reply_text, immediate`, none of them NULL."""
    events, messages, replies = (table.column(name).to_pylist() for name in ("event_id", "user_text", "reply_text"))
    sessions = table.column("session_id").combine_chunks().dictionary_encode().indices
    position = table.column("position").to_numpy().astype(np.float64)
    length = np.fromiter(map(len, replies), np.float64, len(replies))
    return Labelled(
        np.array(table.column("user_id").to_pylist(), np.str_),
        np.array(table.column("day").to_pylist(), "datetime64[D]"),
        sessions.to_numpy(zero_copy_only=False).astype(np.int64),
        features(logged_situations(log, events, messages, replies), encoder),
        np.log1p(np.stack([position, length], axis=1)).astype(np.float32),
        table.column("immediate").to_numpy().astype(np.float64),
    )


def direction(replies: Labelled, scale: Matrix) -> Matrix:
    """Float32 [f]: ridge regression of the labels on the features times `scale` [f], both less their session's mean.

    Sessions with one reply say nothing. All zeros where no session has two.
    """
    width = len(scale) + replies.nuisance.shape[1]
    products = np.zeros((width + 1, width + 1))
    for rows, session in _whole_sessions(replies.sessions):
        columns = [replies.features[rows] * scale, replies.nuisance[rows], replies.labels[rows, None]]
        block = np.concatenate(columns, axis=1, dtype=np.float32)
        starts = np.flatnonzero(np.diff(session, prepend=-1))
        sizes = np.diff(starts, append=len(rows))
        block -= np.repeat(np.add.reduceat(block, starts, axis=0) / sizes[:, None], sizes, axis=0)
        products += block.T @ block
    penalty = np.full(width, PENALTY)
    penalty[len(scale) :] = 1e-6
    found = np.linalg.solve(products[:-1, :-1] + np.diag(penalty), products[:-1, -1])
    return np.asarray(found[: len(scale)], np.float32)


def _whole_sessions(sessions: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows in the order of their sessions, some thousand at once but no session apart, with their sessions."""
    order = np.argsort(sessions, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(sessions[order])) + 1, len(order))
    first = 0
    while first < len(order):
        last = int(ends[min(int(np.searchsorted(ends, first + ROWS_AT_ONCE)), len(ends) - 1)])
        yield order[first:last], sessions[order[first:last]]
        first = last
