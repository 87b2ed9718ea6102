"""The truth about a reply, read back from its text and the story before it.

The same function judges templated text, the choice of a best-of-n policy and text of any other origin; a sentence that
no pack knows is neutral. Nothing outside the simulator may import this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.lexicon import HOLLOW, N_KINDS, Kind, Lexicon
from evalloop_assets.simulator.story import OVERDUE_AFTER, Contexts, Story

MOST_OPEN_HOOKS = 3
"""A further promise on top of these is worth nothing."""


@dataclass(frozen=True)
class Appraisal:
    """True quality of replies; arrays of shape (replies,). The dimensions lie about in [-1.5, 1.5]."""

    instant: Floats
    momentum: Floats
    payoff: Floats
    freshness: Floats
    consistency: Floats
    hollow: Floats
    """Share of sentences that repeat, soothe or fill (0..1)."""

    @property
    def quality(self) -> Floats:
        """What the reply adds to the experience of the trajectory; 0 is a dull reply, 1 a very good one."""
        return np.asarray(
            0.30 * self.instant
            + 0.45 * self.momentum
            + 0.35 * self.payoff
            + 0.25 * self.freshness
            + 0.50 * self.consistency
            - 0.90 * self.hollow
        )

    @property
    def pull(self) -> Floats:
        """What keeps a user here now: wear and emptiness are hardly felt in the moment, only in what remains."""
        return np.asarray(self.quality - 0.15 * self.freshness + 0.80 * self.hollow)

    @property
    def at_a_glance(self) -> Floats:
        """What shows when the reply is seen alone, as in a battle: the delayed dimensions hardly count."""
        return np.asarray(
            0.9 * self.instant + 0.3 * self.momentum + 0.1 * self.payoff + 0.3 * self.consistency - 0.2 * self.hollow
        )


def appraise(ids: Ints, contexts: Contexts, story: Story, lexicon: Lexicon) -> Appraisal:
    """Quality of the replies `ids` (replies, sentences; negative where empty or unknown) where the story stands."""
    known = ids >= 0
    kind = np.where(known, lexicon.kind[ids], N_KINDS)
    item = lexicon.filler[ids]
    counts = np.stack([(kind == k).sum(axis=1) for k in range(Kind.SAY_OPEN)], axis=1)
    sentences = np.maximum((ids >= -1).sum(axis=1), 1)
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
        instant=instant,
        momentum=momentum,
        payoff=_payoff(kind, item, counts, story),
        freshness=0.5 - np.minimum(_wear(ids, known, story, lexicon), 2.0),
        consistency=0.2 * (counts[:, Kind.PERSONA] > 0)
        - 1.0 * (_out_of_character(kind, item, contexts) | (counts[:, Kind.BREAK] > 0)),
        hollow=hollow_count / sentences,
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


def _wear(ids: Ints, known: Bools, story: Story, lexicon: Lexicon) -> Floats:
    """Mean wear of the phrases that a reply uses."""
    rows = np.arange(len(ids))[:, None]
    worn = np.where(known, story.wear[rows, lexicon.template[ids]], 0.0)
    return np.asarray(worn.sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _out_of_character(kind: Ints, item: Ints, contexts: Contexts) -> Bools:
    """A fact of another character is a contradiction too."""
    return np.asarray(((kind == Kind.PERSONA) & (item != contexts.character[:, None])).any(axis=1))
