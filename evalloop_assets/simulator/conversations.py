"""Holds all conversations of a day, turn by turn, for all that are live at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.behaviour import CLOSURES, FATES, GOES_ON, Habits, Reaction, Reading, react
from evalloop_assets.simulator.lexicon import GAP, Kind, Lexicon, said
from evalloop_assets.simulator.oracle import Appraisal, appraise
from evalloop_assets.simulator.policies import Policy, replies
from evalloop_assets.simulator.story import Contexts, Story
from evalloop_assets.simulator.text import say
from evalloop_assets.simulator.users import Population, voice

EASE_KEPT = 0.9
EASE_SPREAD = 0.22
"""The moment's ease is an AR(1) walk with standard deviation 0.5: stretches of a conversation go well or badly."""
STAYS_WITH_ITEM = 0.6


@dataclass(frozen=True)
class Chats:
    """Conversations to hold; arrays of shape (conversations,)."""

    user: Ints
    """Row of the population."""
    model: np.ndarray
    """Model id (str)."""
    character: Ints


@dataclass(frozen=True)
class Talk:
    """What was said and done: one entry per reply in the first block, per conversation in the second."""

    chat: Ints
    turn: Ints
    """Replies shown before in this conversation."""
    replaces: Ints
    """Turn of the reply that this one regenerated, -1 for none."""
    user_text: np.ndarray
    reply_text: np.ndarray
    shown_s: Floats
    """Seconds from the start of the conversation until the reply was fully shown."""
    latency_s: Floats
    read_s: Floats
    thinking_s: Floats
    typing_s: Floats
    background_s: Floats
    scrolls: Ints
    clicks: Ints
    feedback: Ints
    interrupted: Bools
    regenerated: Bools
    quality: Floats
    dimensions: Floats
    """(replies, 7) in the order of DIMENSIONS."""
    utility: Floats
    fate: Ints
    """Index in FATES of what the user did after it."""
    cut: Bools
    """It breaks off."""

    end: np.ndarray
    """(conversations,) natural, abrupt or interrupted."""
    closure: np.ndarray
    """(conversations,) how the user showed to be done: farewell, thanks, goal, resolved, quiet; None for other ends."""
    mean_utility: Floats
    """Mean over the replies that were kept."""
    recent_utility: Floats
    """Running mean at the end, as long as `Habits.memory` says."""
    uses: Ints
    """(uses,) one entry per sentence of the kept replies: user · phrases + phrase."""


DIMENSIONS = ("instant", "momentum", "payoff", "freshness", "consistency", "hollow", "satiety")


class _Stand:
    """Where all conversations stand; arrays of shape (conversations,), changed in place turn by turn."""

    def __init__(
        self,
        chats: Chats,
        people: Population,
        living: np.random.Generator,
        lexicon: Lexicon,
        liking: Floats,
        with_history: bool,
    ) -> None:
        n = len(chats.user)
        self.lexicon, self.user = lexicon, chats.user
        self.history: list[tuple[str, ...]] | None = [()] * n if with_history else None
        self.told_at: list[tuple[float, ...]] = [()] * n
        self.closes = np.zeros(n, dtype=np.int64)
        self.character, self.liking = chats.character, liking
        self.pack = people.pack[chats.user]
        self.speed, self.typing_speed = people.reading_speed[chats.user], people.typing_speed[chats.user]
        self.patience = people.patience[chats.user]
        self.story = Story.untold(n, lexicon)
        self.item = living.integers(0, lexicon.n_items, n)
        self.ease = 0.5 * living.standard_normal(n)
        self.message = np.empty(n, dtype=object)
        self.closing = np.zeros(n, dtype=np.int64)
        self.turn, self.regenerations = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self.fate = np.full(n, GOES_ON)
        self.clock_s, self.impression, self.recent = np.zeros(n), np.zeros(n), np.zeros(n)
        self.total, self.kept = np.zeros(n), np.zeros(n)

    def asked(self, live: Ints) -> Contexts:
        asked_at = self.clock_s[live].tolist()
        return Contexts(
            pack=self.pack[live],
            character=self.character[live],
            item=self.item[live],
            hook=self.story.take(live).oldest_hook(),
            closing=self.closing[live],
            ease=self.ease[live],
            prompts=self.message[live].tolist(),
            history=None if self.history is None else [self.history[row] for row in live.tolist()],
            seconds=None
            if self.history is None
            else [
                tuple(now - told for told in self.told_at[row])
                for row, now in zip(live.tolist(), asked_at, strict=True)
            ],
        )

    def satiety(self, live: Ints, ids: Ints, seen: Floats, habits: Habits) -> Floats:
        """(replies, sentences) how tired each reader is of each phrase, from the uses `seen` (users, phrases)."""
        uses = seen[self.user[live][:, None], self.lexicon.phrase(ids)]
        return np.asarray(uses / (uses + habits.tiring), dtype=np.float64)

    def feel(self, live: Ints, truth: Appraisal, habits: Habits) -> tuple[Floats, Floats]:
        """Pull and utility of the replies to their readers; the running impressions take them up."""
        pull = truth.pull - habits.pull_origin + self.liking[live]
        utility = truth.quality - habits.quality_origin + self.liking[live]
        self.impression[live] += habits.memory * (pull - self.impression[live])
        self.recent[live] += habits.memory * (utility - self.recent[live])
        return pull, utility

    def reading(self, live: Ints, ids: Ints, chars: Ints, pull: Floats, cut: Bools, most_turns: int) -> Reading:
        return Reading(
            ids=ids,
            chars=chars,
            pull=pull,
            impression=self.impression[live],
            turn=self.turn[live],
            closing=self.closing[live] != 0,
            cut=cut,
            regenerations=self.regenerations[live],
            last=self.turn[live] >= most_turns - 1,
            speed=self.speed[live],
            patience=self.patience[live],
            han=self.lexicon.han[self.pack[live]],
        )

    def move(self, live: Ints, ids: Ints, texts: list[str], did: Reaction, utility: Floats, shown: Floats) -> None:
        """The story goes on from the replies that were kept; a regenerated one leaves it where it was."""
        kept = ~did.regenerated
        told = self.story.take(live[kept]).after(ids[kept], self.lexicon)
        if self.history is not None:
            for row, place in zip(live[kept].tolist(), np.flatnonzero(kept).tolist(), strict=True):
                self.history[row] += (self.message[row], texts[place])
                self.told_at[row] += (float(shown[place]),)
        self.story.put(live[kept], told)
        self.total[live] += np.where(kept, utility, 0.0)
        self.kept[live] += kept
        self.regenerations[live] = np.where(kept, 0, self.regenerations[live] + 1)
        self.turn[live] += 1
        self.fate[live] = did.fate
        self.closes[live] = np.where(did.closes != 0, did.closes, self.closes[live])

    def used(self, live: Ints, ids: Ints, kept: Bools) -> Ints:
        """Which phrase of which user each sentence of the kept replies is."""
        told = ids[kept]
        user = np.broadcast_to(self.user[live[kept]][:, None], told.shape)
        return np.asarray((user * self.lexicon.n_phrases + self.lexicon.phrase(told))[said(told)])

    def answer(self, live: Ints, did: Reaction, writing: np.random.Generator, living: np.random.Generator) -> Floats:
        """The users' next messages, and the seconds it takes to type them (0 where none is typed)."""
        lexicon = self.lexicon
        moves = (did.fate == GOES_ON) & ~did.regenerated
        change = living.random(len(live)) >= STAYS_WITH_ITEM
        other = living.integers(0, lexicon.n_items, len(live))
        self.item[live] = np.where(moves & change, other, self.item[live])
        words = np.array(say(did.says, self.pack[live], self.item[live], writing, lexicon), dtype=object)
        more = np.flatnonzero(did.adds & moves)
        asks = say(np.full(len(more), Kind.SAY_ASK), self.pack[live[more]], self.item[live[more]], writing, lexicon)
        joints = [lexicon.packs[pack].joint for pack in self.pack[live[more]].tolist()]
        words[more] = [a + joint + b for a, joint, b in zip(words[more], joints, asks, strict=True)]
        self.message[live] = np.where(moves, words, self.message[live])
        self.closing[live] = np.where(moves & (did.closes > 0), did.closes, self.closing[live])
        walk = EASE_SPREAD * living.standard_normal(len(live))
        self.ease[live] = EASE_KEPT * self.ease[live] + walk
        pace = self.typing_speed[live] * np.exp(0.3 * living.standard_normal(len(live)))
        return np.where(moves, np.array([len(text) for text in words]) / pace, 0.0)


def converse(
    chats: Chats,
    people: Population,
    policies: Mapping[str, Policy],
    habits: Habits,
    writing: np.random.Generator,
    living: np.random.Generator,
    lexicon: Lexicon,
    most_turns: int,
    seen: Floats,
) -> Talk:
    """Holds the conversations to their ends. `writing` draws texts, `living` draws what users do.

    `seen` (users, phrases) counts the uses of each phrase that each user remembers from earlier days. UserError
    where a policy fails (`policies.replies`).
    """
    models, model = np.unique(chats.model.astype(str), return_inverse=True)
    with_history = any(policies[name].reads_history for name in models.tolist() if name in policies)
    liking = _liking(chats, people, policies, models, model, habits)
    stand = _Stand(chats, people, living, lexicon, liking, with_history)
    live = np.arange(len(chats.user))
    opening = np.full(len(live), Kind.SAY_OPEN)
    stand.message[:] = say(opening, stand.pack, stand.item, writing, lexicon)
    pages: list[dict[str, np.ndarray]] = []
    uses: list[Ints] = []
    while len(live):
        asked = stand.asked(live)
        texts, ids, latency = _write(asked, models, model[live], policies, writing, lexicon)
        satiety = stand.satiety(live, ids, seen, habits)
        truth = appraise(ids, asked, stand.story.take(live), lexicon, habits.values, satiety)
        pull, utility = stand.feel(live, truth, habits)
        chars = np.array([len(text) for text in texts], dtype=np.int64)
        did = react(stand.reading(live, ids, chars, pull, truth.cut, most_turns), habits, living, lexicon)
        shown = stand.clock_s[live] + latency
        page = {
            "chat": live,
            "turn": stand.turn[live],
            "replaces": np.where(stand.regenerations[live] > 0, stand.turn[live] - 1, -1),
            "user_text": stand.message[live],
            "reply_text": np.array(texts, dtype=object),
            "shown_s": shown,
            "latency_s": latency,
            "quality": truth.quality,
            "dimensions": np.stack([getattr(truth, name) for name in DIMENSIONS], axis=1),
            "utility": utility,
            "cut": truth.cut,
            **{name: getattr(did, name) for name in _DEEDS},
        }
        uses.append(stand.used(live, ids, ~did.regenerated))
        stand.move(live, ids, texts, did, utility, shown)
        page["typing_s"] = stand.answer(live, did, writing, living)
        stand.clock_s[live] = shown + did.read_s + did.thinking_s + page["typing_s"] + did.background_s
        pages.append(page)
        live = live[did.fate == GOES_ON]
    columns = {name: np.concatenate([page[name] for page in pages]) for name in pages[0]} if pages else _empty()
    return Talk(
        **columns,
        end=np.array(FATES, dtype=object)[stand.fate],
        closure=np.array([CLOSURES[kind] for kind in stand.closes.tolist()], dtype=object),
        mean_utility=stand.total / np.maximum(stand.kept, 1),
        recent_utility=stand.recent,
        uses=np.concatenate(uses) if uses else np.zeros(0, dtype=np.int64),
    )


_DEEDS = (
    "read_s", "thinking_s", "background_s", "scrolls", "clicks", "feedback", "interrupted", "regenerated", "fate",
)  # fmt: skip


def _empty() -> dict[str, np.ndarray]:
    """The columns of no replies at all."""
    names = set(Talk.__dataclass_fields__) - {"end", "closure", "mean_utility", "recent_utility", "uses"}
    return {name: np.zeros((0, len(DIMENSIONS)) if name == "dimensions" else 0) for name in names}


def _liking(
    chats: Chats,
    people: Population,
    policies: Mapping[str, Policy],
    models: np.ndarray,
    model: Ints,
    habits: Habits,
) -> Floats:
    """(conversations,) how much each user likes the voice and the character that it got, in utility."""
    voices = np.array([voice(policies[m].spec.family if m in policies else m) for m in models.tolist()])
    if not len(voices):
        return np.zeros(len(chats.user))
    by_voice = habits.taste * (people.taste[chats.user] * voices[model]).sum(axis=1)
    return np.asarray(by_voice + habits.character_taste * people.character_taste[chats.user, chats.character])


def _write(
    asked: Contexts,
    models: np.ndarray,
    model: Ints,
    policies: Mapping[str, Policy],
    rng: np.random.Generator,
    lexicon: Lexicon,
) -> tuple[list[str], Ints, Floats]:
    """Replies, their sentence ids (replies, sentences) and latencies (seconds), each by its conversation's model."""
    texts = np.empty(len(asked), dtype=object)
    latency = np.zeros(len(asked))
    parts: list[tuple[Ints, Ints]] = []
    for number, name in enumerate(models.tolist()):
        rows = np.flatnonzero(model == number)
        if len(rows):
            texts[rows], ids = replies(policies, name, asked.take(rows), rng, lexicon)
            parts.append((rows, ids))
            latency[rows] = policies[name].spec.latency_ms / 1000
    all_ids = np.full((len(asked), max((ids.shape[1] for _, ids in parts), default=0)), GAP, dtype=np.int64)
    for rows, ids in parts:
        all_ids[rows, : ids.shape[1]] = ids
    length = np.array([len(text) for text in texts], dtype=np.float64)
    return texts.tolist(), all_ids, latency * (0.7 + length / 1000) * np.exp(0.25 * rng.standard_normal(len(asked)))
