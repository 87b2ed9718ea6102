"""The champion reward model against what replies truly did, on users from whom it has not learned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalloop_assets.reward_model.calibration import Anchors
from evalloop_assets.reward_model.encoder import find_encoder
from evalloop_assets.reward_model.features import features
from evalloop_assets.reward_model.logged import EXCHANGES, NO_LOG, SPOKEN, VERSIONS, log_of, logged_situations
from evalloop_assets.reward_model.model import CONFIG_FILE, HORIZONS, RewardModel, load, save
from evalloop_assets.reward_model.options import mix, training
from evalloop_assets.reward_model.pairs import PAIR_COLUMNS, is_held_out, read_pairs
from evalloop_assets.reward_model.registry import find_champion
from evalloop_assets.reward_model.training import Skipped, train
from evalloop_assets.simulator.conversations import DIMENSIONS
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.scoreboard.reward_ceiling import ceiling_leads

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Ints = NDArray[np.int64]

STAGE = "reward_model"
SINGLE_TURN, DWELL, LENGTH = "single-turn reward", "raw dwell", "length"
CEILING = "ceiling, told the true dimensions"
PLACE = ("event_id", "user_text", "reply_text")
PAIRS = 4_000
BINS = 10

REPLIES = f"""
    SELECT
        truth.event_id,
        truth.user_id,
        truth.conversation_id,
        logged.user_text,
        logged.reply_text,
        CAST(logged.dwell_ms AS DOUBLE) AS dwell,
        0.9 * truth.instant + 0.3 * truth.momentum + 0.1 * truth.payoff + 0.3 * truth.consistency
            - 0.2 * truth.hollow AS immediate,
        avg(truth.utility) OVER (
            PARTITION BY truth.conversation_id ORDER BY truth.turn ROWS BETWEEN CURRENT ROW AND 5 FOLLOWING
        ) AS delayed_5,
        truth.quality AS delayed_session,
        {", ".join(f"truth.{name}" for name in DIMENSIONS)}
    FROM truth_turns AS truth
    JOIN turns AS logged ON logged.event_id = truth.event_id
    WHERE NOT truth.regenerated AND trim(logged.reply_text) <> ''
    ORDER BY truth.conversation_id, truth.turn
"""

BATTLES = f"SELECT {', '.join(PAIR_COLUMNS)} FROM preference_pairs WHERE source = 'battle'"


class Choices(NamedTuple):
    """Pairs of kept replies of one conversation."""

    a: pa.Table
    """Rows of REPLIES, the first reply of each pair."""
    b: pa.Table


def measured_reward(run: Run) -> list[Measured]:
    """Accuracy per horizon, and calibration of each head that counts, on random pairs of held-out users.

    What is truly preferred: immediately the reply that is worth more at a glance (`oracle.Appraisal.at_a_glance`), by
    delayed_5 the one with the higher mean utility of itself and the next five kept replies, by delayed_session the one
    of higher true quality, which is what remains in memory and brings people back. Ties are left out. A reply is judged
    by the value of that horizon, and by the reward where it was not learned.

    A head states a probability; its calibration error is the mean distance between what it states and how often the
    reply is truly preferred, over ten bins of stated probability. Labels are noisy and the truth is not, so a head that
    is right about labels states too little here. A head that was not learned states nothing.
    """
    choices = held_out_choices(run.query(REPLIES), np.random.default_rng([run.seed, 0]))
    champion, single = find_champion(run.settings), single_turn_reward(run)
    difference = differences(champion, run, choices)
    alone = differences(single, None, choices)
    ceiling = ceiling_leads(run, *choices)
    naive = {DWELL: true_lead(choices, "dwell"), LENGTH: _length(choices.a) - _length(choices.b)}
    accuracies = [
        Measured(
            STAGE, f"accuracy on true preferences, {name}", method, "high", accuracy(lead, true_lead(choices, name))
        )
        for at, name in enumerate(HORIZONS)
        for method, lead in {
            LOOP: value_lead(champion, difference, at),
            CEILING: ceiling[name],
            SINGLE_TURN: value_lead(single, alone, at),
            **naive,
        }.items()
    ]
    stated = stated_probabilities(champion, difference)
    return accuracies + [
        Measured(STAGE, f"calibration error, {name}", LOOP, "low", calibration_error(chance, true_lead(choices, name)))
        for name, chance in stated.items()
    ]


def single_turn_reward(run: Run) -> RewardModel | None:
    """The naive reward model: the same training on battles alone, choices between replies seen by themselves.

    It is trained once a run and kept beside it. None where there are too few battles.
    """
    folder = run.settings.home / "scoreboard" / "single_turn_reward"
    if not (folder / CONFIG_FILE).exists():
        options = run.settings.reward
        pairs = read_pairs(run.query(BATTLES), find_encoder(options.encoder))
        anchors = Anchors.of(pairs.difference[: options.anchors])
        found = train(pairs, anchors, training(options), mix(options), options.encoder, "battles")
        if isinstance(found, Skipped):
            return None
        save(found.model, folder)
    return load(folder)


def held_out_choices(replies: pa.Table, rng: np.random.Generator, pairs: int = PAIRS) -> Choices:
    """Random replies of held-out users, each with another one of its conversation; `replies` are in its order."""
    users, of = np.unique(replies.column("user_id").to_numpy(zero_copy_only=False), return_inverse=True)
    replies = replies.filter(pa.array(is_held_out(users.tolist())[of], pa.bool_()))
    chat = replies.column("conversation_id").to_numpy(zero_copy_only=False)
    _, first, of, size = np.unique(chat, return_index=True, return_inverse=True, return_counts=True)
    able = np.flatnonzero(size[of] > 1) if len(chat) else np.zeros(0, np.int64)
    a = rng.choice(able, pairs) if len(able) else able
    begin, room = first[of[a]], size[of[a]]
    b = begin + (a - begin + 1 + rng.integers(0, np.maximum(room - 1, 1))) % np.maximum(room, 1)
    return Choices(replies.take(a), replies.take(b))


def true_lead(choices: Choices, name: str) -> Floats:
    """Column of the first reply less that of the second."""
    a, b = (side.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for side in choices)
    return np.asarray(a - b, np.float64)


def accuracy(lead: Floats, truth: Floats) -> float:
    """Share of the pairs with a true preference that `lead` has the same sign in; a lead of 0 is half right."""
    counted = np.isfinite(lead) & np.isfinite(truth) & (np.abs(truth) > 1e-9)
    if not counted.any():
        return float("nan")
    return float(np.mean(0.5 + 0.5 * np.sign(lead[counted]) * np.sign(truth[counted])))


def calibration_error(stated: Floats, truth: Floats) -> float:
    """Mean over the pairs of |stated probability - share truly preferred| of their bin; NaN without pairs."""
    counted = np.isfinite(stated) & (np.abs(truth) > 1e-9)
    n = int(counted.sum())
    if n == 0:
        return float("nan")
    place = np.minimum((stated[counted] * BINS).astype(np.int64), BINS - 1)
    distance = np.bincount(place, stated[counted] - (truth[counted] > 0), BINS)
    return float(np.abs(distance).sum() / n)


def stated_probabilities(model: RewardModel | None, difference: Matrix) -> dict[str, Floats]:
    """Per horizon, the probability that the first reply is preferred; NaN where the head does not count."""
    unknown = np.full(len(difference), np.nan)
    if model is None:
        return dict.fromkeys(HORIZONS, unknown)
    values = model.values(difference)
    return {
        head.horizon: 1 / (1 + np.exp(-values[:, at] / head.temperature)) if head.weight > 0 else unknown
        for at, head in enumerate(model.config.heads)
    }


def value_lead(model: RewardModel | None, difference: Matrix, horizon: int) -> Floats:
    """Q_h of the first reply less that of the second; the reward's where the horizon was not learned."""
    if model is None:
        return np.full(len(difference), np.nan)
    learned = model.config.heads[horizon].weight > 0
    return model.values(difference)[:, horizon] if learned else model.margin(difference)


def differences(model: RewardModel | None, run: Run | None, choices: Choices) -> Matrix:
    """Features of the first replies less those of the second; without a run each reply stands at a start."""
    if model is None or not choices.a.num_rows:
        return np.zeros((choices.a.num_rows, 0), np.float32)
    log = NO_LOG
    if run is not None:
        spoken = SPOKEN.format(conversations="SELECT conversation_id FROM turns")
        log = log_of(run.query(spoken + EXCHANGES), run.query(spoken + VERSIONS))
    encoder = find_encoder(model.config.encoder)
    a, b = (
        features(logged_situations(log, *(side.column(name).to_pylist() for name in PLACE)), encoder)
        for side in choices
    )
    return a - b


def _length(replies: pa.Table) -> Floats:
    return pc.utf8_length(replies.column("reply_text")).to_numpy().astype(np.float64)  # type: ignore[no-any-return]
