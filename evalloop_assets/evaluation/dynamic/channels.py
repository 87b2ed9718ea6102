"""The same policy by two ways: whether it says the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalloop_assets.evaluation.dynamic.converse import Conversation
from evalloop_assets.evaluation.dynamic.curves import Figure, mean


def equal_replies(one: Sequence[Conversation], other: Sequence[Conversation], least: int) -> Figure:
    """Share of equal replies, blanks at their ends and in between apart, with its interval over conversations.

    Counted are turns before which both have heard and said the same: what comes after a difference follows from it.
    """
    beside = {(talk.pair, talk.perturbation): talk for talk in other}
    same: list[float] = []
    names: list[str] = []
    for talk in one:
        match = beside.get((talk.pair, talk.perturbation))
        if match is not None:
            found = list(_same(talk, match))
            same += found
            names += [f"{talk.pair}/{talk.perturbation}"] * len(found)
    return mean(same, names, least, unit=True)


def _same(one: Conversation, other: Conversation) -> Iterator[float]:
    for a, b in zip(one.turns, other.turns, strict=False):
        equal = a.reply.split() == b.reply.split()
        yield float(equal)
        if not equal:
            return
