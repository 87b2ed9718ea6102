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
SEEDS, USERS, DAYS = (101, 102, 103), 700, 6
"""Seeds of products on which nothing of the study was chosen."""
SHRINK = 3.0
"""Ridge penalty on standardised features, the same for all models."""
SUSTAINED = 3
"""Replies that follow a good one at least, as `labels.sustained_turns` has it for pairs."""
TESTED = 4_000
"""Pairs of held-out users that are drawn a product, of two users and of one session."""

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
    script: NDArray[np.str_]
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


class Model(NamedTuple):
    """A linear score of reply and context; every arm has this form."""

    reply: Floats
    context: Floats

    def score(self, reply: Floats, context: Floats) -> Floats:
        return np.asarray(reply @ self.reply + context @ self.context, np.float64)


class Arm(NamedTuple):
    """One way to learn from reading speed, tested on held-out users."""

    name: str
    across: Estimate
    """Share of random pairs of replies of two users in which it prefers the truly better one."""
    across_gain: Estimate
    """That, less the single-reply classifier's."""
    within: Estimate
    """The same for two replies of one session."""
    within_gain: Estimate
    moved: Estimate
    """By how much the score of a reply moves when only the user's messages are another user's, in SDs of the score."""


def study(logs: list[Log]) -> list[Arm]:
    """The three arms on all products together."""
    hits: dict[str, list[list[Floats]]] = {}
    users: list[list[NDArray[np.str_]]] = [[], [], []]
    for number, log in enumerate(logs):
        draw = np.random.default_rng(number)
        out = is_held_out(log.user.tolist())
        tests = [_pairs(log, out, draw, of_one_session) for of_one_session in (False, True)]
        other = _others(log, out, draw)
        for part, rows in zip(users, [*(first for first, _ in tests), np.flatnonzero(out)], strict=True):
            part.append(np.char.add(log.user[rows], f"/{number}"))
        for name, model in _arms(log, ~out, draw).items():
            score = model.score(log.reply, log.context)
            moved = np.abs(model.score(log.reply[out], log.context[other]) - score[out]) / score[out].std()
            agreed = [
                0.5 + 0.5 * np.sign(score[a] - score[b]) * np.sign(log.quality[a] - log.quality[b]) for a, b in tests
            ]
            for part, values in zip(hits.setdefault(name, [[], [], []]), [*agreed, moved], strict=True):
                part.append(values)
    across, within, all_replies = (np.concatenate(part) for part in users)
    found = {name: [np.concatenate(part) for part in parts] for name, parts in hits.items()}
    first = next(iter(found.values()))
    return [
        Arm(
            name,
            share_over_users(one, across),
            mean_over_users(one - first[0], across),
            share_over_users(two, within),
            mean_over_users(two - first[1], within),
            mean_over_users(moved, all_replies),
        )
        for name, (one, two, moved) in found.items()
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


def _pairs(log: Log, out: Bools, draw: np.random.Generator, of_one_session: bool) -> tuple[Ints, Ints]:
    """Rows of two random replies of held-out users in the same script, of which one is truly better."""
    a = draw.choice(np.flatnonzero(out), TESTED)
    if of_one_session:
        first, size = np.unique(log.session, return_index=True, return_counts=True)[1:]
        b = first[log.session[a]] + (draw.random(TESTED) * size[log.session[a]]).astype(np.int64)
        told = np.full(TESTED, True)
    else:
        b = draw.choice(np.flatnonzero(out), TESTED)
        told = (log.user[a] != log.user[b]) & (log.script[a] == log.script[b])
    told &= np.abs(log.quality[a] - log.quality[b]) > 1e-9
    return a[told], b[told]


def _others(log: Log, out: Bools, draw: np.random.Generator) -> Ints:
    """For each held-out reply another held-out one in the same script, whose context it is given."""
    other = np.arange(len(out))
    for script in np.unique(log.script):
        rows = np.flatnonzero(out & (log.script == script))
        other[rows] = draw.permutation(rows)
    return other[out]


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
        np.array(column["script"]),
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
    for seed in SEEDS:
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
    across, within = arms[0].across, arms[0].within
    yield (
        f"{len(found)} products of {USERS} users and {DAYS} days: {replies:,} kept replies, "
        f"{pairs:,} pairs of one session."
    )
    yield (
        f"Tested on random pairs of replies of {across.users} held-out users: {across.n:,} of two users, "
        f"{within.n:,} of one session."
    )
    yield ""
    titles = (
        "learned from", "better of two users' replies", "gain", "better of one session's", "gain",
        "moved by others' words",
    )  # fmt: skip
    yield f"| {' | '.join(titles)} |"
    yield "|---|---|---|---|---|---|"
    for arm in arms:
        gains = ["" if arm is arms[0] else _told(gain, 100, 1) for gain in (arm.across_gain, arm.within_gain)]
        shares = [f"{_told(share, 100, 1)} %" for share in (arm.across, arm.within)]
        yield f"| {arm.name} | {shares[0]} | {gains[0]} | {shares[1]} | {gains[1]} | {_told(arm.moved, 1, 2)} SD |"


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

What counts as good and bad, how much is learned from, and both measures were chosen on products of other seeds, after
several tries; these products were looked at once, with all of that fixed. Gains are points over the classifier.
Intervals are 95%%, clustered by user.

**Context contamination** is in the last column: by how much the score of one and the same reply moves when nothing but
what the user had written is exchanged for what another user had, in standard deviations of the score. A model of
replies would say 0. The classifier gives in part what its reader was like, to whatever reply comes next, and pairs
across users learn no less of that. For pairs of one session it is 0 by construction; what remains is the reply. So the
gain is largest where replies of different users are compared, as in every comparison of models: within a session most
of the context is shared, and misleads little.

The loop's reward model never sees the context but through its likeness to the reply
(`reward_model/features.py`). What it reaches is in [the scoreboard](scoreboard.md).
"""


if __name__ == "__main__":
    told = []
    for line in lines(list(logs())):
        print(line, flush=True)
        told.append(line)
    PAGE.write_text(TEXT % "\n".join(told))
