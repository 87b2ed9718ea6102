"""Credit: which earlier replies a failure is charged to.

`design.md`, section 6; `003_c9bb702ef28bd78d.txt`, section 5.2.

Only replies in the last few before the failure that broke something (persona, promise, story) are charged, the more the
further they moved the state of the dialogue. Where none did, nobody is blamed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalloop_assets.reward_model.encoder import Matrix

Floats = NDArray[np.float64]
Form = Literal["growing", "printed"]

STATE_MEMORY = 0.3
"""Weight of the newest text in the state of a dialogue."""


class Charging(NamedTuple):
    """How a failure is charged."""

    lookback: int
    """n: the failed reply and as many replies before it are looked at."""
    threshold: float
    """delta: a break counts if its score is above."""
    eta: float
    """How fast the weight follows the drift."""
    form: Form = "growing"
    """growing: 1 - exp(-eta * d); printed: exp(-eta * d), as the paper prints it, which shrinks with drift."""


class Blame(NamedTuple):
    """Per reply, float64 [n]."""

    weight: Floats
    """w(t, t'), in [0, 1]."""
    blame: Floats
    """Weight over max(1, sum of weights of its failure): at most 1 in all, and weak evidence is not scaled up."""


def blame(failure: ArrayLike, lag: ArrayLike, break_score: ArrayLike, drift: ArrayLike, by: Charging) -> Blame:
    """Charges failures to the replies before them.

    All arrays are [n]: code of the failed trajectory (integer), replies from this one to the failed one (0 is the
    failed one itself), break score in [0, 1] and drift >= 0 of the reply. What is NaN is no evidence and weighs 0.
    """
    of = np.unique(np.asarray(failure), return_inverse=True)[1]
    score, moved, back = (np.asarray(values, np.float64) for values in (break_score, drift, lag))
    kept = np.exp(-by.eta * moved)
    with np.errstate(invalid="ignore"):
        charged = (score > by.threshold) & (back <= by.lookback) & np.isfinite(moved)
    weight = np.where(charged, kept if by.form == "printed" else 1.0 - kept, 0.0)
    total = np.bincount(of, weight, minlength=1) if len(weight) else np.zeros(1)
    return Blame(weight, weight / np.maximum(1.0, total)[of])


def drifts(session: ArrayLike, messages: Matrix, replies: Matrix) -> Floats:
    """d(s_t', s_t'+1) of each reply, float64 [n] in [0, 2]: cosine distance of the state before and after it.

    The state is a running mean of the embeddings of all texts so far, messages and replies in turn, the newest weighing
    STATE_MEMORY. Rows are in order of time within their session (codes [n]); embeddings float32 [n, d], zero for a
    blank text, which moves nothing. A reply before which nothing was said has a drift of 1.
    """
    codes = np.asarray(session)
    order = np.argsort(codes, kind="stable")
    _, first, size = np.unique(codes[order], return_index=True, return_counts=True)
    found = np.zeros(len(codes))
    state = np.zeros((len(first), replies.shape[1]))
    for place in range(int(size.max(initial=0))):
        live = np.flatnonzero(size > place)
        rows = order[first[live] + place]
        before = _moved(state[live], messages[rows])
        after = _moved(before, replies[rows])
        found[rows] = np.where(replies[rows].any(axis=1), 1.0 - _cosine(before, after), 0.0)
        state[live] = after
    return found


def _moved(state: Floats, text: Matrix) -> Floats:
    weight = np.where(state.any(axis=1), STATE_MEMORY, 1.0) * text.any(axis=1)
    return np.asarray(state + weight[:, None] * (text - state), np.float64)


def _cosine(a: Floats, b: Floats) -> Floats:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.sum(a * b, axis=1) / np.where(norms > 0, norms, 1.0), np.float64)
