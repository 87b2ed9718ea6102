"""What single replies say of where the pairs should be looked at first: directions of features for their fit.

Pairs are few and replies are many, nearly every kept one with an immediate label. Across sessions such labels tell
users and moods from each other rather than replies; within one session they compare replies as a pair does
(`003_c9bb702ef28bd78d.txt`, section 6.2). They rise along one direction. Others are those in which the texts of the
models differ: what a model does throughout is what its battles are about.

Each is one more column of the fit (`bradley_terry.py`), whose coefficient the pairs decide, each horizon its own.
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
MOST_MODELS = 8
"""Models whose texts are told from the others', those with most replies."""


class Labelled(NamedTuple):
    """n kept replies with their immediate label."""

    users: NDArray[np.str_]
    days: NDArray[np.datetime64]
    sessions: NDArray[np.int64]
    """[n] a number per session."""
    models: NDArray[np.str_]
    features: Matrix
    """[n, f]"""
    nuisance: Matrix
    """[n, 2] logarithms of position and length, by which labels go too; no part of a direction."""
    labels: NDArray[np.float64]
    """[n]"""

    def where(self, chosen: NDArray[np.bool_]) -> Labelled:
        return Labelled._make(column[chosen] for column in self)


def read_labelled(table: pa.Table, encoder: Encoder, log: Log) -> Labelled:
    """Rows of `user_id, day, session_id, event_id, model_id, position, user_text, reply_text, immediate`, none NULL."""
    events, messages, replies = (table.column(name).to_pylist() for name in ("event_id", "user_text", "reply_text"))
    sessions = table.column("session_id").combine_chunks().dictionary_encode().indices
    position = table.column("position").to_numpy().astype(np.float64)
    length = np.fromiter(map(len, replies), np.float64, len(replies))
    return Labelled(
        np.array(table.column("user_id").to_pylist(), np.str_),
        np.array(table.column("day").to_pylist(), "datetime64[D]"),
        sessions.to_numpy(zero_copy_only=False).astype(np.int64),
        np.array(table.column("model_id").to_pylist(), np.str_),
        features(logged_situations(log, events, messages, replies), encoder),
        np.log1p(np.stack([position, length], axis=1)).astype(np.float32),
        table.column("immediate").to_numpy().astype(np.float64),
    )


def directions(replies: Labelled, scale: Matrix) -> Matrix:
    """Float32 [1 + models, f], of the features; penalised as of the features times `scale` [f].

    The first is the ridge regression of the labels on the features, both less their session's mean; all zeros where no
    session has two replies. Then one for each model, if there are several: the mean of its replies' features less that
    of all, by the inverse of their total scatter (Fisher's linear discriminants, with the same penalty). What differs
    between sessions alone, as a language does, has a large share in the total and none within sessions.
    """
    width = len(scale)
    within, between = scatter(replies, scale)
    penalty = np.full(len(within) - 1, PENALTY)
    penalty[width:] = 1e-6
    along = np.linalg.solve(within[:-1, :-1] + np.diag(penalty), within[:-1, -1])[:width]
    total = within[:width, :width] + between
    apart = np.linalg.solve(total + np.diag(penalty[:width]), _leads(replies) * scale[:, None])
    return np.asarray(np.concatenate([along[None], apart.T]) * scale, np.float32)


def scatter(replies: Labelled, scale: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of products: of scaled features, nuisance and label, each less the mean of its session [f + 3, f + 3]; and
    of the features' session means less their mean, once a reply [f, f]."""
    wide = len(scale)
    width = wide + replies.nuisance.shape[1] + 1
    within, between = np.zeros((width, width)), np.zeros((wide, wide))
    overall = replies.features.sum(axis=0, dtype=np.float64) / max(len(replies.labels), 1) * scale
    for rows, session in _whole_sessions(replies.sessions):
        columns = [replies.features[rows] * scale, replies.nuisance[rows], replies.labels[rows, None]]
        block = np.concatenate(columns, axis=1, dtype=np.float32)
        starts = np.flatnonzero(np.diff(session, prepend=-1))
        sizes = np.diff(starts, append=len(rows))
        means = np.add.reduceat(block, starts, axis=0) / sizes[:, None]
        block -= np.repeat(means, sizes, axis=0)
        within += block.T @ block
        apart = np.asarray((means[:, :wide] - overall) * np.sqrt(sizes)[:, None], np.float32)
        between += apart.T @ apart
    return within, between


def _leads(replies: Labelled) -> NDArray[np.float64]:
    """Mean features of a model's replies less those of all [f, models]; none where there is one model.

    In double precision: of models that write alike, rounding would be all that is left.
    """
    models, counts = np.unique(replies.models, return_counts=True)
    if len(models) < 2:
        return np.zeros((replies.features.shape[1], 0))
    most = np.argsort(-counts, kind="stable")[:MOST_MODELS]
    sums = np.zeros((replies.features.shape[1], len(most)))
    whole = np.zeros(len(sums))
    for first in range(0, len(replies.models), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        block = replies.features[rows].astype(np.float64)
        sums += block.T @ (replies.models[rows, None] == models[most])
        whole += block.sum(axis=0)
    return sums / counts[most] - (whole / len(replies.models))[:, None]


def _whole_sessions(sessions: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows in the order of their sessions, some thousand at once but no session apart, with their sessions."""
    order = np.argsort(sessions, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(sessions[order])) + 1, len(order))
    first = 0
    while first < len(order):
        last = int(ends[min(int(np.searchsorted(ends, first + ROWS_AT_ONCE)), len(ends) - 1)])
        yield order[first:last], sessions[order[first:last]]
        first = last
