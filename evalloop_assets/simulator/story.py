"""Where the conversations stand: what a reply is written for, and what its quality is judged against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.lexicon import GAP, Kind, Lexicon, said

NO_HOOK = -1
WEAR_KEPT = 0.7
"""Share of a phrase's wear that is left one turn later."""
OVERDUE_AFTER = 6
"""Turns after which an open hook starts to disappoint."""


@dataclass(frozen=True)
class Contexts:
    """What a policy sees, one entry per reply to write; arrays of shape (replies,)."""

    pack: Ints
    """Language and story world."""
    character: Ints
    item: Ints
    """What the user speaks of."""
    hook: Ints
    """The item of the oldest promise still open, or NO_HOOK."""
    closing: Ints
    """Kind of the closing words that the user has just said (one of CLOSINGS), 0 for none."""
    ease: Floats
    """How well this moment lends itself to a good reply; shared by all candidates of one prompt (logits)."""
    prompts: list[str]
    """The user's message."""
    history: list[tuple[str, ...]] | None = None
    """What was said before, messages and replies in turn; None where no policy of the conversation asks for it."""
    seconds: list[tuple[float, ...]] | None = None
    """Seconds since each of those replies; None where the history is."""

    def __len__(self) -> int:
        return len(self.pack)

    def take(self, rows: Ints) -> Contexts:
        """These rows, repeats allowed."""
        return Contexts(
            pack=self.pack[rows],
            character=self.character[rows],
            item=self.item[rows],
            hook=self.hook[rows],
            closing=self.closing[rows],
            ease=self.ease[rows],
            prompts=[self.prompts[row] for row in rows],
            history=None if self.history is None else [self.history[row] for row in rows],
            seconds=None if self.seconds is None else [self.seconds[row] for row in rows],
        )


@dataclass(frozen=True)
class Story:
    """What has happened in each conversation so far; first axis: conversations."""

    hook_age: Ints
    """(conversations, items) turns since the item's promise was made, NO_HOOK where none is open."""
    wear: Floats
    """(conversations, phrases) how worn each phrase is: 1 just after its use, times WEAR_KEPT each turn."""
    stall: Ints
    """(conversations,) replies since the story last advanced."""

    @classmethod
    def untold(cls, conversations: int, lexicon: Lexicon) -> Story:
        return cls(
            hook_age=np.full((conversations, lexicon.n_items), NO_HOOK, dtype=np.int64),
            wear=np.zeros((conversations, lexicon.n_phrases), dtype=np.float32),
            stall=np.zeros(conversations, dtype=np.int64),
        )

    def take(self, rows: Ints) -> Story:
        return Story(self.hook_age[rows], self.wear[rows], self.stall[rows])

    def oldest_hook(self) -> Ints:
        """Item of the oldest open promise of each conversation, NO_HOOK where there is none."""
        oldest = self.hook_age.argmax(axis=1)
        return np.where(self.hook_age.max(axis=1) >= 0, oldest, NO_HOOK)

    def after(self, ids: Ints, lexicon: Lexicon) -> Story:
        """The stories once the replies `ids` (conversations, sentences) have been read."""
        known = ids >= 0
        kind = np.where(known, lexicon.kind[ids], GAP)
        item = lexicon.filler[ids]
        wear = self.wear * np.float32(WEAR_KEPT)
        spoken_row, spoken = np.nonzero(said(ids))
        np.add.at(wear, (spoken_row, lexicon.phrase(ids[spoken_row, spoken])), 1.0)
        age = np.where(self.hook_age >= 0, self.hook_age + 1, NO_HOOK)
        planted_row, planted = np.nonzero(kind == Kind.HOOK)
        planted_item = item[planted_row, planted]
        age[planted_row, planted_item] = np.maximum(age[planted_row, planted_item], 0)
        kept_row, kept = np.nonzero(kind == Kind.PAYOFF)
        age[kept_row, item[kept_row, kept]] = NO_HOOK
        advanced = (kind == Kind.ADVANCE).any(axis=1)
        return Story(age, wear, np.where(advanced, 0, self.stall + 1))

    def put(self, rows: Ints, stories: Story) -> None:
        """Replaces the stories of these rows in place."""
        self.hook_age[rows] = stories.hook_age
        self.wear[rows] = stories.wear
        self.stall[rows] = stories.stall
