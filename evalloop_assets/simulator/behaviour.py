"""What users do with a reply, for all live conversations at once.

Every chance is a function of what was experienced, so truth and log agree by cause: a dull reply is read faster, is
regenerated, complained about or left; a story that moves holds people. Time and value are different things: filler
takes time to read and adds none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.lexicon import CLOSINGS, HOLLOW, N_KINDS, Kind, Lexicon
from evalloop_assets.simulator.oracle import Values
from evalloop_assets.simulator.requirements import require_number, require_share
from evalloop_assets.simulator.text import sigmoid

SHARES = frozenset(("phrase_kept", "memory", "interrupt", "resume", "background", "hollow_attention"))
AMOUNTS = frozenset(("taste", "character_taste", "tiring", "reading_noise"))
"""Habits that cannot be negative; what is in neither set is a strength in logits, of either sign."""


@dataclass(frozen=True)
class Habits:
    """Strengths of all effects, in logits unless said otherwise.

    Users act on the pull of the moment (`oracle.Appraisal.pull`) and remember the quality; both are taken relative to
    what the incumbent writes on average.
    """

    values: Values = Values()
    """What makes a reply good."""
    quality_origin: float = -0.30
    """True quality whose utility is 0: the incumbent's mean to users who know its phrases."""
    pull_origin: float = 0.26
    """Pull of the moment that has strength 0: the incumbent's mean."""
    taste: float = 0.25
    """Standard deviation of a user's own liking of a model's voice, added to pull and quality."""
    character_taste: float = 0.1
    """The same of a character."""
    tiring: float = 6.0
    """Uses of a phrase, faded ones less, after which a user is half tired of it."""
    phrase_kept: float = 0.8
    """Share of the uses of a phrase that is remembered a day later."""
    memory: float = 0.25
    """Weight of the latest reply's pull in the running impression of a conversation."""
    leave: float = -3.5
    """Leaving abruptly after an average reply."""
    leave_reply: float = 1.0
    """Less of it per unit of the reply's pull."""
    leave_impression: float = 1.6
    """Less of it per unit of the running impression."""
    finish: float = -3.2
    """Being done after a reply, whatever it was; most users then say so, and the conversation ends a reply later."""
    finish_growth: float = 0.05
    """More of it per turn."""
    interrupt: float = 0.012
    """Probability of a call or crash during a reply."""
    resume: float = 0.5
    """Probability that the conversation goes on after it."""
    regenerate: float = -4.4
    regenerate_reply: float = 1.6
    """Less regeneration per unit of pull."""
    regenerate_cut: float = 3.5
    """More of it where the reply breaks off."""
    like: float = -4.2
    like_reply: float = 1.2
    complain: float = -5.6
    complain_reply: float = 1.6
    background: float = 0.06
    """Probability that the app goes to the background while a reply is shown."""
    hollow_attention: float = 0.7
    """Share of the normal reading time given to a sentence that repeats, soothes or fills."""
    attention: float = 0.22
    """Logarithm of reading time gained per unit of pull."""
    reading_noise: float = 0.22
    """Standard deviation of the logarithm of reading time."""
    short_answer: float = -1.3
    """Answering with a word after an average reply."""
    short_answer_reply: float = 1.2
    long_answer: float = -1.0
    """Adding a question to the answer after an average reply; more often by `short_answer_reply`."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name != "values"):
            thing, value = f"habits: {name}", getattr(self, name)
            if name in SHARES:
                require_share(thing, value)
            else:
                require_number(thing, value, 0 if name in AMOUNTS else None)
        if self.tiring == 0:
            raise UserError("habits: tiring", "0 has users tired of a phrase before its first use", "Choose, say, 6.")


class Reaction(NamedTuple):
    """What each user did with the reply; arrays of shape (live,)."""

    read_s: Floats
    """Time spent reading (truth)."""
    thinking_s: Floats
    """Time before typing, with the app in front."""
    background_s: Floats
    scrolls: Ints
    clicks: Ints
    regenerated: Bools
    feedback: Ints
    """0 none, 1 like, 2 dislike, 3 complaint."""
    interrupted: Bools
    fate: Ints
    """GOES_ON, NATURAL, ABRUPT or INTERRUPTED."""
    says: Ints
    """Kind of the user's next message where the conversation goes on."""
    adds: Bools
    """The message goes on with a question."""
    closes: Ints
    """How the user shows to be done: one of CLOSINGS, QUIETLY, or 0."""


GOES_ON, NATURAL, ABRUPT, INTERRUPTED = 0, 1, 2, 3
FATES = ("goes_on", "natural", "abrupt", "interrupted")
QUIETLY = -1
"""Done without a word: the last reply is read in full and lingered on."""
CLOSURES = {
    QUIETLY: "quiet",
    0: None,
    int(Kind.SAY_FAREWELL): "farewell",
    int(Kind.SAY_THANKS): "thanks",
    int(Kind.SAY_GOAL): "goal",
    int(Kind.SAY_RESOLVED): "resolved",
}
CLOSING_SHARES = np.cumsum([[0.40, 0.15, 0.15, 0.20], [0.12, 0.50, 0.10, 0.18]], axis=1)
"""Cumulative shares of CLOSINGS among users who are done, in Latin and in Chinese script; the rest is quiet."""
FEEDBACK = (None, "like", "dislike", "complaint")
MOST_REGENERATIONS = 2


class Reading(NamedTuple):
    """What was there to react to; arrays of shape (live,)."""

    ids: Ints
    """(live, sentences) the reply."""
    chars: Ints
    pull: Floats
    """Less Habits.pull_origin, with the user's liking of the voice."""
    impression: Floats
    """Running mean of pull including this reply."""
    turn: Ints
    """Replies before this one."""
    closing: Bools
    """The user had said closing words: after this reply the conversation is over."""
    cut: Bools
    """The reply breaks off."""
    regenerations: Ints
    """Regenerations of this very reply so far."""
    last: Bools
    """No turn may follow (cap of the simulation)."""
    speed: Floats
    """The user's attentive reading, characters per second."""
    patience: Floats
    han: Bools


def react(seen: Reading, habits: Habits, rng: np.random.Generator, lexicon: Lexicon) -> Reaction:
    """Draws what every user does next; the same number of draws per conversation whatever happens."""
    n = len(seen.chars)
    u = rng.random((14, n))
    noise = rng.standard_normal((3, n))
    pull = seen.pull

    regenerated = (
        (u[0] < sigmoid(habits.regenerate - habits.regenerate_reply * pull + habits.regenerate_cut * seen.cut))
        & ~seen.closing
        & ~seen.last
        & (seen.regenerations < MOST_REGENERATIONS)
    )
    interrupted = (u[1] < habits.interrupt) & ~regenerated & ~seen.closing
    resumes = interrupted & (u[2] < habits.resume) & ~seen.last
    leaves = u[3] < sigmoid(
        habits.leave - habits.leave_reply * pull - habits.leave_impression * seen.impression - seen.patience
    )
    closes = _closes(seen, habits, u)
    fate = np.select(
        [regenerated, seen.closing, interrupted & ~resumes, resumes, leaves | seen.last, closes == QUIETLY],
        [GOES_ON, NATURAL, INTERRUPTED, GOES_ON, ABRUPT, NATURAL],
        GOES_ON,
    )
    closes = np.where(regenerated | seen.closing | interrupted | (fate == ABRUPT), 0, closes)
    says = np.where(closes > 0, closes, _says(habits, u, pull))
    feedback = np.select(
        [
            u[6] < sigmoid(habits.complain - habits.complain_reply * pull),
            u[7] < sigmoid(habits.complain + 0.5 - habits.complain_reply * pull),
            u[8] < sigmoid(habits.like + habits.like_reply * pull),
        ],
        [3, 2, 1],
        0,
    )

    attention = np.exp(habits.attention * np.clip(pull, -2, 2) + habits.reading_noise * noise[0])
    read = 0.4 + _weighted_chars(seen, habits, lexicon) / seen.speed * attention
    cut = (fate == ABRUPT) | (fate == INTERRUPTED) | regenerated
    read = np.where(cut, read * (0.35 + 0.6 * u[9]), read)
    thinking = np.exp(-0.3 + 0.5 * noise[1])
    stays = (fate == GOES_ON) & ~regenerated
    lingers = np.where(closes == QUIETLY, np.exp(1.8 + 0.5 * noise[1]), 0.0)
    stretch = np.where(u[10] < habits.background, np.exp(4.2 + 1.0 * noise[2]), 0.0)
    away = np.where(resumes, 60 * (35 + 120 * u[2] / max(habits.resume, 1e-9)), 60 * (5 + 20 * u[9]))
    background = np.where(interrupted, away, np.where(fate == ABRUPT, 0.0, np.minimum(stretch, 1500.0)))
    return Reaction(
        read_s=read,
        thinking_s=np.where(stays, thinking, lingers),
        background_s=background,
        scrolls=rng.poisson(seen.chars / np.where(seen.han, 90, 220) * np.minimum(attention, 1.5)),
        clicks=rng.poisson(0.15 * attention) + (feedback > 0) + regenerated,
        regenerated=regenerated,
        feedback=feedback,
        interrupted=interrupted,
        fate=fate,
        says=says,
        adds=(says == Kind.SAY_ACT) & (u[12] < sigmoid(habits.long_answer + habits.short_answer_reply * pull)),
        closes=closes,
    )


def _closes(seen: Reading, habits: Habits, u: Floats) -> Ints:
    """Who is done after this reply, and how it shows."""
    finishes = u[4] < sigmoid(habits.finish + habits.finish_growth * np.minimum(seen.turn, 60) - seen.patience)
    shares = CLOSING_SHARES[seen.han.astype(np.int64)]
    place = (u[11][:, None] >= shares).sum(axis=1)
    said = np.array([*CLOSINGS, QUIETLY], dtype=np.int64)[place]
    return np.where(finishes & ~seen.closing & ~seen.last, said, 0)


def _says(habits: Habits, u: Floats, pull: Floats) -> Ints:
    """Kind of the next message of a user who is not done."""
    short = u[5] < sigmoid(habits.short_answer - habits.short_answer_reply * pull)
    annoyed = u[6] < sigmoid(habits.complain + 1.0 - habits.complain_reply * pull)
    return np.asarray(
        np.select(
            [annoyed, short, u[5] > 0.6],
            [Kind.SAY_COMPLAINT, Kind.SAY_SHORT, Kind.SAY_ASK],
            Kind.SAY_ACT,
        ),
        dtype=np.int64,
    )


def _weighted_chars(seen: Reading, habits: Habits, lexicon: Lexicon) -> Floats:
    """Characters of the reply, those of hollow sentences discounted; text that no pack knows counts in full."""
    known = seen.ids >= 0
    kind = np.where(known, lexicon.kind[seen.ids], N_KINDS)
    hollow = np.isin(kind, HOLLOW)
    skipped = (np.where(hollow, lexicon.chars[seen.ids], 0)).sum(axis=1) * (1 - habits.hollow_attention)
    return np.asarray(np.maximum(seen.chars - skipped, 0.0))
