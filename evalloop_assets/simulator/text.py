"""Templated replies whose quality shows in the text.

A reply is a row of slots: taking the user up, moving the story, colour, a thread (promise, kept promise, persona), a
closing question; then padding and further details. In each slot the model writes the good kind of sentence with a
probability set by its quality, by the moment (`Contexts.ease`) and by a draw of the reply's own, which all its slots
share: so replies of one model differ, and a reader of the text alone can tell the better one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.lexicon import GAP, Kind, Lexicon
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.oracle import appraise
from evalloop_assets.simulator.story import NO_HOOK, Contexts, Story

REPLY_SPREAD = 1.0
"""Standard deviation of a reply's own draw, in logits."""
PET_PHRASES = 2
"""Templates of a kind that a voice without freshness falls back on; which ones depends on the voice."""


class Reply(NamedTuple):
    text: str
    true_quality: float
    """Quality of this reply in this place; 0 is dull, 1 very good."""


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _logit(share: float) -> float:
    held = min(max(share, 1e-3), 1 - 1e-3)
    return float(np.log(held / (1 - held)))


def compose(model: ModelSpec, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon) -> Ints:
    """One reply per context as sentence ids (replies, slots), GAP where a slot is left out."""
    n = len(contexts)
    lift = contexts.ease + REPLY_SPREAD * rng.standard_normal(n)

    def good(share: float) -> Bools:
        return np.asarray(rng.random(n) < sigmoid(_logit(share) + lift))

    hollow = np.where(rng.random(n) < 0.5, Kind.SOOTHE, Kind.FILLER)
    opening = np.where(good(model.instant), Kind.ECHO, np.where(rng.random(n) < 0.5, Kind.REPEAT, hollow))
    core = np.where(good(model.momentum), Kind.ADVANCE, Kind.REPEAT)
    colour = np.where(good(model.instant), Kind.DETAIL, hollow)
    thread = _thread(model, contexts, rng, good(model.payoff), good(model.instant))
    ending = np.where(good(model.momentum), Kind.ASK, Kind.SOOTHE)
    further = [np.where(rng.poisson(model.extra, n) > k, Kind.DETAIL, GAP) for k in range(_most(model.extra))]
    padding_count = rng.poisson(model.padding, n)
    padding = [
        np.where(padding_count > k, np.where(rng.random(n) < 0.5, Kind.SOOTHE, Kind.FILLER), GAP)
        for k in range(_most(model.padding))
    ]
    kinds = np.stack([opening, core, colour, *further, thread, *padding, ending], axis=1)
    farewell = np.full(kinds.shape, GAP)
    farewell[:, 0] = Kind.ECHO
    farewell[:, 1] = np.where(contexts.closing == Kind.SAY_RESOLVED, Kind.ENDING, Kind.CLOSE)
    kinds = np.where((contexts.closing != 0)[:, None], farewell, kinds)
    return _sentences(kinds, model, contexts, rng, lexicon)


def _most(mean: float) -> int:
    """Slots that hold a Poisson count of this mean in all but a few replies."""
    return 0 if mean <= 0 else int(np.ceil(mean + 3 * np.sqrt(mean)))


def _thread(model: ModelSpec, contexts: Contexts, rng: np.random.Generator, promises: Bools, colours: Bools) -> Ints:
    """Kinds (replies,) of the slot that reaches beyond the turn."""
    n = len(contexts)
    draw = rng.random(n)
    persona = np.where(rng.random(n) < model.stability, Kind.PERSONA, Kind.BREAK)
    free = np.where(colours, Kind.DETAIL, Kind.FILLER)
    hook_open = contexts.hook != NO_HOOK
    kept = hook_open & promises & (draw < 0.5)
    planted = ~hook_open & promises & (draw < 0.5)
    return np.asarray(
        np.select([kept, planted, (draw >= 0.5) & (draw < 0.75)], [Kind.PAYOFF, Kind.HOOK, persona], free),
        dtype=np.int64,
    )


def _sentences(kinds: Ints, model: ModelSpec, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon) -> Ints:
    """Chooses template and filler for the kinds (replies, slots); GAP stays GAP."""
    shape = kinds.shape
    kind = np.maximum(kinds, 0)
    pack = np.broadcast_to(contexts.pack[:, None], shape)
    count = lexicon.count[pack, kind]
    pet = rng.random(shape) >= model.freshness
    template = (rng.random(shape) * np.where(pet, np.minimum(count, PET_PHRASES), count)).astype(np.int64)
    template = np.where(pet, (template + model.voice_number) % np.maximum(count, 1), template)
    stays = rng.random(shape) < 0.6
    item = np.where(stays, contexts.item[:, None], (rng.random(shape) * lexicon.n_items).astype(np.int64))
    item = np.where(kind == Kind.ECHO, contexts.item[:, None], item)
    item = np.where(kind == Kind.PAYOFF, np.maximum(contexts.hook, 0)[:, None], item)
    filler = np.where((kind == Kind.PERSONA) | (kind == Kind.BREAK), contexts.character[:, None], item)
    return np.where(kinds < 0, GAP, lexicon.ids(pack, kind, template, filler))


def texts_of(ids: Ints, pack: Ints, lexicon: Lexicon) -> list[str]:
    """The replies `ids` (replies, sentences) written out."""
    joints = [lexicon.packs[p].joint for p in pack]
    return [lexicon.text(row, joint) for row, joint in zip(ids.tolist(), joints, strict=True)]


def broken_off(texts: list[str], chosen: Bools, rng: np.random.Generator) -> list[str]:
    """The texts, the chosen ones cut in the middle of a sentence."""
    place = 0.3 + 0.5 * rng.random(len(texts))
    return [
        text[: max(1, int(len(text) * at))].rstrip(" .!?。！？") if cut else text
        for text, cut, at in zip(texts, chosen.tolist(), place.tolist(), strict=True)
    ]


def say(kind: Ints, pack: Ints, item: Ints, rng: np.random.Generator, lexicon: Lexicon) -> list[str]:
    """One sentence of a user per entry of `kind`, about `item` where the kind has one."""
    template = (rng.random(len(kind)) * lexicon.count[pack, kind]).astype(np.int64)
    return [lexicon.sentences[i] for i in lexicon.ids(pack, kind, template, item).tolist()]


def sample_replies(
    model: ModelSpec, contexts: Contexts, n: int, rng: np.random.Generator, lexicon: Lexicon
) -> list[list[Reply]]:
    """`n` candidates for each prompt of `contexts`, with their true quality at the start of a story."""
    rows = np.repeat(np.arange(len(contexts)), n)
    asked = contexts.take(rows)
    ids = compose(model, asked, rng, lexicon)
    quality = appraise(ids, asked, Story.untold(len(rows), lexicon), lexicon).quality
    replies = [Reply(t, float(q)) for t, q in zip(texts_of(ids, asked.pack, lexicon), quality, strict=True)]
    return [replies[start : start + n] for start in range(0, len(replies), n)]
