"""Reading speed as a reward, from single replies to pairs of one session.

`003_c9bb702ef28bd78d.txt`, section 6.

    python -m benchmarks.worked_example

Simulated products whose truth is known go through the loop as far as the pairs. Three models of one form learn from
reading speed, with as much data each, and are tested on users that none of them has seen. docs/worked-example.md is
written by this and holds what it prints.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users, share_over_users
from evalloop_assets.reward_model.pairs import is_held_out

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

PAGE = Path(__file__).parent.parent / "docs" / "worked-example.md"
SEEDS, USERS, DAYS = 3, 700, 6
SHRINK = 3.0
"""Ridge penalty on standardised features, the same for all models."""
SUSTAINED = 3
"""Replies that follow a good one at least, as `labels.sustained_turns` has it for pairs."""
TESTED = 4_000
"""Random pairs of one session, of held-out users, a product."""

REPLIES = """
    SELECT
        reading.event_id, reading.user_id, reading.session_id, reading.position,
        reading.chars_per_second, COALESCE(reading.script, 'unknown') AS script,
        CASE WHEN horizon_labels.delayed_5 IS NOT NULL THEN horizon_labels.following_turns END AS following_turns,
        COALESCE(turns.user_text, '') AS message, turns.reply_text AS reply, truth_turns.quality
    FROM reading
    JOIN turns ON turns.event_id = reading.event_id
    JOIN truth_turns ON truth_turns.event_id = reading.event_id
    LEFT JOIN horizon_labels ON horizon_labels.event_id = reading.event_id
    WHERE reading.position IS NOT NULL AND trim(turns.reply_text) <> ''
    ORDER BY reading.session_id, reading.position
"""
TAIL_PAIRS = "SELECT chosen_event_id, rejected_event_id FROM tail_pairs WHERE evidence = 'reading' ORDER BY pair_id"


class Log(NamedTuple):
    """Kept replies of one product, in order of session and position; arrays are [n]."""

    event: NDArray[np.str_]
    user: NDArray[np.str_]
    session: Ints
    good: Bools
    """Read slowly, and the user went on: both against everybody's."""
    bad: Bools
    """Read fast, and the user soon left."""
    reply: Floats
    """Embedding [n, d]."""
    context: Floats
    """What the user had written in the session so far [n, d + 1]: mean embedding, and mean log length of a message."""
    quality: Floats
    """True quality of the reply in its place."""
    pairs: Ints
    """Rows of the chosen and the rejected reply of each tail pair [p, 2]."""

    @property
    def features(self) -> Floats:
        """[n, 2 d + 1]: reply, then context."""
        return np.concatenate([self.reply, self.context], axis=1)

    @property
    def engagement(self) -> Floats:
        """Mean log length of the user's messages in the session so far."""
        return self.context[:, -1]


class Model(NamedTuple):
    """A linear score of reply and context; every arm has this form."""

    reply: Floats
    context: Floats

    def score(self, reply: Floats, context: Floats) -> Floats:
        return np.asarray(reply @ self.reply + context @ self.context, np.float64)


class Arm(NamedTuple):
    """One way to learn from reading speed, tested on held-out users."""

    name: str
    accuracy: Estimate
    """Share of random pairs of one session in which it prefers the truly better reply."""
    gain: Estimate
    """That, less the single-reply classifier's, in points of a share."""
    swap: Estimate
    """The same reply after an engaged user's messages, less after a disengaged one's, in SDs of the score."""


def study(logs: list[Log]) -> list[Arm]:
    """The three arms on all products together."""
    tests = [_test_pairs(log, np.random.default_rng(number)) for number, log in enumerate(logs)]
    hits: dict[str, Floats] = {}
    swaps: dict[str, Floats] = {}
    users = np.concatenate(
        [np.char.add(log.user[rows[:, 0]], f"/{at}") for at, (log, rows) in enumerate(zip(logs, tests, strict=True))]
    )
    readers = []
    for number, (log, pairs) in enumerate(zip(logs, tests, strict=True)):
        out = is_held_out(log.user.tolist())
        readers.append(np.char.add(log.user[out], f"/{number}"))
        better = np.sign(log.quality[pairs[:, 0]] - log.quality[pairs[:, 1]])
        for name, model in _arms(log, ~out, np.random.default_rng(100 + number)).items():
            scores = model.score(log.reply, log.context)
            agreed = 0.5 + 0.5 * np.sign(scores[pairs[:, 0]] - scores[pairs[:, 1]]) * better
            hits[name] = np.append(hits.get(name, np.zeros(0)), agreed)
            swaps[name] = np.append(swaps.get(name, np.zeros(0)), _swapped(model, log, out))
    who = np.concatenate(readers)
    first = next(iter(hits))
    return [
        Arm(
            name,
            share_over_users(hits[name], users),
            mean_over_users(hits[name] - hits[first], users),
            mean_over_users(swaps[name], who),
        )
        for name in hits
    ]


def _arms(log: Log, fit: Bools, rng: np.random.Generator) -> dict[str, Model]:
    """Each learns from as many good and as many bad replies as there are tail pairs of the users it may learn from."""
    chosen, rejected = log.pairs[fit[log.pairs].all(axis=1)].T
    good, bad = (rng.choice(np.flatnonzero(fit & one), len(chosen)) for one in (log.good, log.bad))
    apart = log.user[good] != log.user[bad]
    return {
        "single replies, classified": _classified(log, good, bad),
        "pairs across users": _paired(log, good[apart], bad[apart], shared=False),
        "pairs of one session": _paired(log, chosen, rejected, shared=True),
    }


def _classified(log: Log, good: Ints, bad: Ints) -> Model:
    rows = np.concatenate([good, bad])
    features = log.features[rows]
    return _fit(log, features - features.mean(axis=0), np.repeat([1.0, 0.0], [len(good), len(bad)]))


def _paired(log: Log, chosen: Ints, rejected: Ints, shared: bool) -> Model:
    """What came before the earlier reply of one session is shared by both, and is no difference between them."""
    margin = log.features[chosen] - log.features[rejected]
    if shared:
        margin[:, log.reply.shape[1] :] = 0.0
    return _fit(log, np.concatenate([margin, -margin]), np.repeat([1.0, 0.0], len(chosen)))


def _fit(log: Log, inputs: Floats, label: Floats) -> Model:
    """Logistic regression without intercept, with a ridge penalty on standardised features, by Newton's steps."""
    spread = log.features.std(axis=0)
    inputs = inputs / np.where(spread > 1e-9, spread, 1.0)
    weight = np.zeros(inputs.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weight, -30, 30)))
        slope = inputs.T @ (label - chance) - SHRINK * weight
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + SHRINK * np.eye(len(weight))
        weight = weight + np.linalg.solve(bend, slope)
    weight = weight / np.where(spread > 1e-9, spread, 1.0)
    return Model(weight[: log.reply.shape[1]], weight[log.reply.shape[1] :])


def _test_pairs(log: Log, rng: np.random.Generator) -> Ints:
    """Rows of two random replies of one session of a held-out user, of which one is truly better [k, 2]."""
    rows = np.flatnonzero(is_held_out(log.user.tolist()))
    a = rng.choice(rows, TESTED)
    first, size = np.unique(log.session, return_index=True, return_counts=True)[1:]
    b = first[log.session[a]] + (rng.random(TESTED) * size[log.session[a]]).astype(np.int64)
    told = np.abs(log.quality[a] - log.quality[b]) > 1e-9
    return np.stack([a[told], b[told]], axis=1)


def _swapped(model: Model, log: Log, out: Bools) -> Floats:
    """For each held-out reply: its score after the mean context of the most engaged third less after the least engaged.

    In standard deviations of the scores of held-out replies where they stand.
    """
    low, high = np.quantile(log.engagement[out], [1 / 3, 2 / 3])
    engaged, idle = out & (log.engagement >= high), out & (log.engagement <= low)
    spread = model.score(log.reply[out], log.context[out]).std()
    # By user, so that the interval knows how much contexts differ among them.
    effect = log.context[out] @ model.context
    share = np.where(engaged[out], out.sum() / engaged.sum(), 0.0) - np.where(idle[out], out.sum() / idle.sum(), 0.0)
    return np.asarray(effect * share / spread, np.float64)


def read_log(replies: pa.Table, pairs: pa.Table) -> Log:
    """From rows of REPLIES and TAIL_PAIRS."""
    encoder = HashedNgrams()
    column = {name: replies.column(name).to_pylist() for name in replies.column_names}
    session = np.unique(np.array(column["session_id"]), return_inverse=True)[1].astype(np.int64)
    speed = np.array(column["chars_per_second"], np.float64)
    went_on = np.array(column["following_turns"], np.float64)
    slow, fast = np.zeros(len(speed), bool), np.zeros(len(speed), bool)
    for script in set(column["script"]):
        rows = np.array(column["script"]) == script
        low, high = np.nanquantile(speed[rows], [1 / 3, 2 / 3])
        slow |= rows & (speed <= low)
        fast |= rows & (speed >= high)
    messages = encoder.encode(column["message"]).astype(np.float64)
    length = np.log1p([len(text) for text in column["message"]])
    event = np.array(column["event_id"])
    place = {name: at for at, name in enumerate(column["event_id"])}
    rows = [[place[one] for one in pair.values()] for pair in pairs.to_pylist() if set(pair.values()) <= place.keys()]
    return Log(
        event,
        np.array(column["user_id"]),
        session,
        slow & (went_on >= SUSTAINED),
        fast & (went_on < 5),
        encoder.encode(column["reply"]).astype(np.float64),
        _means_so_far(session, np.concatenate([messages, length[:, None]], axis=1)),
        np.array(column["quality"], np.float64),
        np.array(rows, np.int64).reshape(-1, 2),
    )


def _means_so_far(session: Ints, values: Floats) -> Floats:
    """Mean of the rows of the same session up to each row [n, d]; rows of a session stand together, in order."""
    total = np.cumsum(values, axis=0)
    first = np.unique(session, return_index=True)[1][session]
    before = np.where(first[:, None] > 0, total[first - 1], 0.0)
    return np.asarray((total - before) / (np.arange(len(session)) - first + 1)[:, None], np.float64)


def logs() -> Iterator[Log]:
    """Products of the scenario `healthy`, through the loop as far as the pairs."""
    from benchmarks.chain import chain_order
    from evalloop_assets.days import Days
    from evalloop_assets.lake.assets import TRANSFORMS, run_transform
    from evalloop_assets.lake.resource import open_lake
    from evalloop_assets.logs.landing import deliver_landing
    from evalloop_assets.settings import Settings
    from evalloop_assets.simulator.scenarios import find_scenario, resized
    from evalloop_assets.simulator.scoreboard.pipeline import Run
    from evalloop_assets.simulator.serve import FIRST_DAY, serve

    needed, left = set(), ["tail_pairs"]
    while left:
        table = left.pop()
        if table in TRANSFORMS and table not in needed:
            needed.add(table)
            left += TRANSFORMS[table].reads
    for seed in range(SEEDS):
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(home=Path(home), first_day=FIRST_DAY)
            scenario = resized(find_scenario("healthy"), USERS)
            serve(scenario, settings, seed, days=DAYS)
            lake = open_lake(settings)
            days = Days(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS - 1))
            now = datetime.combine(days.last, time()) + timedelta(days=7)
            deliver_landing(lake, settings.landing, now=now, tolerance=timedelta(0), batch_rows=50_000)
            for table in chain_order():
                if table in needed:
                    run_transform(lake, TRANSFORMS[table], days, settings)
            run = Run(scenario, seed, settings, lake)
            yield read_log(run.query(REPLIES), run.query(TAIL_PAIRS))


def lines(found: list[Log]) -> Iterator[str]:
    """A Markdown table of the arms, and what it was made from."""
    arms = study(found)
    replies, pairs = (sum(map(len, parts)) for parts in ([log.event for log in found], [log.pairs for log in found]))
    tested = arms[0].accuracy
    yield (
        f"{len(found)} products of {USERS} users and {DAYS} days: {replies:,} kept replies, "
        f"{pairs:,} pairs of one session."
    )
    yield f"Tested on {tested.n:,} random pairs of one session of {tested.users} held-out users."
    yield ""
    yield "| learned from | prefers the truly better reply | gain over the classifier | same reply, engaged user |"
    yield "|---|---|---|---|"
    for arm in arms:
        gain = "" if arm is arms[0] else f"{_told(arm.gain, 100, 1)} points"
        yield f"| {arm.name} | {_told(arm.accuracy, 100, 1)} % | {gain} | {_told(arm.swap, 1, 2)} SD |"


def _told(found: Estimate, scale: float, digits: int) -> str:
    value, low, high = (scale * one for one in found[:3])
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


TEXT = """# The worked example: from reading speed to a temporal reward

`python -m benchmarks.worked_example` makes this page. It is section 6 of the paper on temporal preference learning, on
simulated products whose truth is known. Three linear models see the same: the embedding of the reply, and of what the
user had written in the session so far, with the length of those messages. They differ in what they learn from, and have
as much of it each.

1. **Single replies, classified.** Good is a reply that was read slowly and after which the user went on, bad one that
   was read fast by a user who soon left. This is where one starts: the signal is there, but nothing is compared.
2. **Pairs across users.** The same good and bad replies, in pairs of two users. Being pairs alone does not help much:
   the difference holds all that sets two users apart.
3. **Pairs of one session.** The table `tail_pairs`: the same criteria within one session, relative to how this user
   reads in it. User, character and what was written before are shared, so they are no difference to learn from.

%s

Intervals are 95%%, clustered by user.

**Context contamination** is in the last column: the same reply, scored after the messages of the most engaged third of
held-out sessions, and of the least engaged third, in standard deviations of the score. A model of replies would say 0.
What the classifier learned is in part who is engaged, and it gives that to whatever reply comes next. For pairs of one
session it is 0 by construction; what remains is the reply.

The loop's reward model never sees the context but through its likeness to the reply (`pair_features` in
`reward_model/model.py`). What it reaches is in [the scoreboard](scoreboard.md).
"""


if __name__ == "__main__":
    told = []
    for line in lines(list(logs())):
        print(line, flush=True)
        told.append(line)
    PAGE.write_text(TEXT % "\n".join(told))
