"""Choices of users between two replies to one prompt, with a position effect and tastes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.behaviour import Habits
from evalloop_assets.simulator.conversations import DIMENSIONS
from evalloop_assets.simulator.lexicon import Kind, Lexicon
from evalloop_assets.simulator.oracle import appraise
from evalloop_assets.simulator.policies import Policy, replies
from evalloop_assets.simulator.story import NO_HOOK, Contexts, Story
from evalloop_assets.simulator.text import say
from evalloop_assets.simulator.users import Population, voice

TIE_WITHIN = 0.25
"""Two replies whose value differs by less look equal."""
BOTH_BAD_BELOW = -0.1
"""Value at a glance below which two equal replies are both bad."""
NOISE = 0.6
"""Standard deviation of the difference in value that has no cause."""


class Choices(NamedTuple):
    """Arrays of shape (battles,); `reply_*`, `user_text`, `model_*`, `outcome`, `shown_first` hold str."""

    user: Ints
    model_a: np.ndarray
    model_b: np.ndarray
    user_text: np.ndarray
    reply_a: np.ndarray
    reply_b: np.ndarray
    outcome: np.ndarray
    shown_first: np.ndarray
    propensity: float
    """Probability of the unordered pair: pairs are drawn uniformly."""
    value_a: Floats
    """True value at a glance to this user."""
    value_b: Floats
    quality_a: Floats
    """True quality of reply a, for what a single reply to a single message can show of it."""
    quality_b: Floats
    dimensions_a: Floats
    """(battles, 7) of reply a, in the order of DIMENSIONS."""
    dimensions_b: Floats


def choices(
    users: Ints,
    people: Population,
    policies: Mapping[str, Policy],
    habits: Habits,
    rng: np.random.Generator,
    lexicon: Lexicon,
) -> Choices:
    """One battle per entry of `users` between two of at least two models, drawn uniformly."""
    names = sorted(policies)
    n = len(users)
    first = rng.integers(0, len(names), n)
    second = (first + 1 + rng.integers(0, max(len(names) - 1, 1), n)) % len(names)
    pack = people.pack[users]
    item = rng.integers(0, lexicon.n_items, n)
    kind = np.where(rng.random(n) < 0.6, Kind.SAY_ACT, Kind.SAY_ASK)
    asked = Contexts(
        pack=pack,
        character=people.character[users],
        item=item,
        hook=np.full(n, NO_HOOK),
        closing=np.zeros(n, dtype=np.int64),
        ease=0.5 * rng.standard_normal(n),
        prompts=say(kind, pack, item, rng, lexicon),
    )
    sides = [_side(side, users, asked, names, people, policies, habits, rng, lexicon) for side in (first, second)]
    (text_a, value_a, quality_a, dimensions_a), (text_b, value_b, quality_b, dimensions_b) = sides
    a_first = rng.random(n) < 0.5
    lead = value_a - value_b + np.where(a_first, 1, -1) * people.position_bias[users] + NOISE * rng.standard_normal(n)
    tie = np.where(value_a + value_b < 2 * BOTH_BAD_BELOW, "both_bad", "tie")
    return Choices(
        user=users,
        model_a=np.array(names, dtype=object)[first],
        model_b=np.array(names, dtype=object)[second],
        user_text=np.array(asked.prompts, dtype=object),
        reply_a=text_a,
        reply_b=text_b,
        outcome=np.select([lead > TIE_WITHIN, lead < -TIE_WITHIN], ["a", "b"], tie).astype(object),
        shown_first=np.where(a_first, "a", "b").astype(object),
        propensity=2.0 / max(len(names) * (len(names) - 1), 1),
        value_a=value_a,
        value_b=value_b,
        quality_a=quality_a,
        quality_b=quality_b,
        dimensions_a=dimensions_a,
        dimensions_b=dimensions_b,
    )


def _side(
    model: Ints,
    users: Ints,
    asked: Contexts,
    names: list[str],
    people: Population,
    policies: Mapping[str, Policy],
    habits: Habits,
    rng: np.random.Generator,
    lexicon: Lexicon,
) -> tuple[np.ndarray, Floats, Floats, Floats]:
    """Replies of one side, what they are worth at a glance and their true quality, tastes included; dimensions."""
    texts = np.empty(len(asked), dtype=object)
    liking = np.zeros(len(asked))
    for number, name in enumerate(names):
        rows = np.flatnonzero(model == number)
        if len(rows):
            texts[rows] = replies(policies, name, asked.take(rows), rng, lexicon)[0]
            liking[rows] = people.taste[users[rows]] @ voice(policies[name].spec.family)
    ids = lexicon.read_batch(texts.tolist())
    truth = appraise(ids, asked, Story.untold(len(asked), lexicon), lexicon, habits.values)
    own = habits.taste * liking
    dimensions = np.stack([getattr(truth, name) for name in DIMENSIONS], axis=1)
    return texts, np.asarray(truth.at_a_glance + own), np.asarray(truth.quality + own), dimensions
