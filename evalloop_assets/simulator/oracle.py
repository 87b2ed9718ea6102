"""The truth about a reply, read back from its text and the story before it.

The same function judges templated text, the choice of a best-of-n policy and text of any other origin; a sentence that
no pack knows is worth what a middling model writes, less the more often the same is said. Nothing outside the simulator
may import this.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.lexicon import FRAGMENT, HOLLOW, N_KINDS, Kind, Lexicon, said
from evalloop_assets.simulator.requirements import require_number
from evalloop_assets.simulator.story import OVERDUE_AFTER, Contexts, Story

MOST_OPEN_HOOKS = 3
"""A further promise on top of these is worth nothing."""


@dataclass(frozen=True)
class Values:
    """What the users of a product care for: weights of the dimensions in the true quality of a reply."""

    instant: float = 0.30
    momentum: float = 0.45
    payoff: float = 0.35
    freshness: float = 0.25
    consistency: float = 0.50
    hollow: float = 0.90
    """Taken off per share of hollow sentences."""
    satiety: float = 1.20
    """Taken off per unit of satiety."""

    def __post_init__(self) -> None:
        for one in fields(self):
            require_number(f"values: {one.name}", getattr(self, one.name))


@dataclass(frozen=True)
class Appraisal:
    """True quality of replies; arrays of shape (replies,). The dimensions lie about in [-1.5, 1.5]."""

    values: Values

    instant: Floats
    momentum: Floats
    payoff: Floats
    freshness: Floats
    consistency: Floats
    hollow: Floats
    """Share of sentences that repeat, soothe or fill (0..1)."""
    satiety: Floats
    """How tired the user is of the phrases used, from all conversations before this day (0..1)."""
    cut: Bools
    """The text breaks off in the middle of a sentence."""

    @property
    def quality(self) -> Floats:
        """What the reply adds to the experience of the trajectory; 0 is a dull reply, 1 a very good one."""
        weight = self.values
        return np.asarray(
            weight.instant * self.instant
            + weight.momentum * self.momentum
            + weight.payoff * self.payoff
            + weight.freshness * self.freshness
            + weight.consistency * self.consistency
            - weight.hollow * self.hollow
            - weight.satiety * self.satiety
        )

    @property
    def pull(self) -> Floats:
        """What keeps a user here now: wear and emptiness are hardly felt in the moment, only in what remains."""
        weight = self.values
        return np.asarray(
            self.quality
            - 0.6 * weight.freshness * self.freshness
            + 8 / 9 * weight.hollow * self.hollow
            + 0.8 * weight.satiety * self.satiety
        )

    @property
    def at_a_glance(self) -> Floats:
        """What shows when the reply is seen alone, as in a battle: the delayed dimensions hardly count."""
        return np.asarray(
            0.9 * self.instant + 0.3 * self.momentum + 0.1 * self.payoff + 0.3 * self.consistency - 0.2 * self.hollow
        )


def appraise(
    ids: Ints,
    contexts: Contexts,
    story: Story,
    lexicon: Lexicon,
    values: Values = Values(),
    satiety: Floats | None = None,
) -> Appraisal:
    """Quality of the replies `ids` (replies, sentences; negative where empty or unknown) where the story stands.

    `satiety` (replies, sentences) is how tired the reader is of each phrase (0..1); without it everything is new.
    """
    known = ids >= 0
    kind = np.where(known, lexicon.kind[ids], N_KINDS)
    item = lexicon.filler[ids]
    counts = np.stack([(kind == k).sum(axis=1) for k in range(Kind.SAY_OPEN)], axis=1)
    spoken = said(ids)
    sentences = np.maximum(spoken.sum(axis=1), 1)
    hollow_count = counts[:, list(HOLLOW)].sum(axis=1)

    echoed = ((kind == Kind.ECHO) & (item == contexts.item[:, None])).any(axis=1)
    instant = (
        0.8 * echoed
        + 0.35 * np.minimum(counts[:, Kind.DETAIL], 2)
        + 0.15 * (counts[:, Kind.ASK] > 0)
        + 0.4 * (counts[:, Kind.CLOSE] > 0)
        - 0.30 * np.minimum(counts[:, Kind.REPEAT], 3)
        - 0.08 * np.minimum(counts[:, Kind.SOOTHE] + counts[:, Kind.FILLER], 4)
    )
    momentum = (
        1.0 * (counts[:, Kind.ADVANCE] > 0)
        + 0.25 * (counts[:, Kind.ASK] > 0)
        - 0.4 * np.minimum(counts[:, Kind.REPEAT], 2)
        - 0.1 * np.minimum(story.stall, 4)
    )
    return Appraisal(
        values=values,
        instant=instant,
        momentum=momentum,
        payoff=_payoff(kind, item, counts, story),
        freshness=0.5 - np.minimum(_wear(ids, spoken, story, lexicon), 2.0),
        consistency=0.2 * (counts[:, Kind.PERSONA] > 0)
        - 1.0 * (_out_of_character(kind, item, contexts) | (counts[:, Kind.BREAK] > 0)),
        hollow=hollow_count / sentences,
        satiety=np.zeros(len(ids)) if satiety is None else _mean(satiety, spoken),
        cut=(ids == FRAGMENT).any(axis=1),
    )


def _payoff(kind: Ints, item: Ints, counts: Ints, story: Story) -> Floats:
    """A kept promise pays most, a new one a little, one kept that was never made costs, as overdue ones do."""
    rows, columns = np.nonzero(kind == Kind.PAYOFF)
    kept = np.zeros(len(kind), dtype=np.int64)
    np.add.at(kept, rows, story.hook_age[rows, item[rows, columns]] >= 0)
    open_hooks = (story.hook_age >= 0).sum(axis=1)
    overdue = (story.hook_age > OVERDUE_AFTER).sum(axis=1)
    return np.asarray(
        1.0 * (kept > 0)
        - 0.5 * (counts[:, Kind.PAYOFF] > kept)
        + 0.3 * ((counts[:, Kind.HOOK] > 0) & (open_hooks < MOST_OPEN_HOOKS))
        - 0.1 * np.minimum(overdue, 4)
    )


def _wear(ids: Ints, spoken: Bools, story: Story, lexicon: Lexicon) -> Floats:
    """Mean wear of the phrases that a reply uses."""
    rows = np.arange(len(ids))[:, None]
    return _mean(story.wear[rows, lexicon.phrase(ids)], spoken)


def _mean(values: Floats, spoken: Bools) -> Floats:
    """Row means over the sentences; 0 where there are none."""
    return np.asarray(np.where(spoken, values, 0.0).sum(axis=1) / np.maximum(spoken.sum(axis=1), 1))


def _out_of_character(kind: Ints, item: Ints, contexts: Contexts) -> Bools:
    """A fact of another character is a contradiction too."""
    return np.asarray(((kind == Kind.PERSONA) & (item != contexts.character[:, None])).any(axis=1))
