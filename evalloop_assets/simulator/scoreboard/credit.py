"""Whom the loop blames for a session that was left after a contradiction of the persona.

Beside the loop stand the printed form of the weight, what credit would do if every break were known, and three naive
ways: blame read from `delayed_5`, which a failure lowers for the replies before it (max(0, -delayed_5)); the last reply
alone; equal shares.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evalloop_assets.reward_model.credit import blame
from evalloop_assets.reward_model.failures import charging
from evalloop_assets.simulator.arrays import Bools, Floats, Ints
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, mean_known, numbers, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "reward_model"
PRINTED = "printed form"
TRUE_BREAKS = "credit with every break known"
FROM_DELAYED = "blame read from delayed_5"
LAST_TURN = "last turn"
EQUAL_SHARES = "equal shares"
FEW = 5
"""Replies before the last one among which a break counts as the cause."""

LEFT = f"""
WITH placed AS (
  SELECT
    horizon_labels.session_id, truth_turns.fate, truth_turns.broke, credit.break_score, credit.drift, credit.blame,
    GREATEST(0e0, -COALESCE(horizon_labels.delayed_5, 0e0))                                 AS from_delayed,
    MAX(horizon_labels.position) OVER (PARTITION BY horizon_labels.session_id)
      - horizon_labels.position                                                             AS replies_after
  FROM horizon_labels
  JOIN truth_turns ON truth_turns.event_id = horizon_labels.event_id
  LEFT JOIN credit ON credit.event_id = horizon_labels.event_id
)
SELECT *
FROM placed
WHERE replies_after <= {FEW}
QUALIFY bool_or(replies_after = 0 AND fate = 'abrupt') OVER (PARTITION BY session_id)
ORDER BY session_id, replies_after
"""

PAIRS = f"""
WITH placed AS (
  SELECT
    horizon_labels.event_id, truth_turns.quality, truth_turns.broke,
    MAX(horizon_labels.position) OVER (PARTITION BY horizon_labels.session_id) - horizon_labels.position < {FEW}
      AND exits.kind = 'abrupt'                                                             AS before_failure
  FROM horizon_labels
  JOIN truth_turns ON truth_turns.event_id = horizon_labels.event_id
  JOIN exits ON exits.session_id = horizon_labels.session_id
)
SELECT rejected.before_failure AND NOT rejected.broke AS innocent, chosen.quality > rejected.quality AS right
FROM tail_pairs
JOIN placed AS chosen ON chosen.event_id = tail_pairs.chosen_event_id
JOIN placed AS rejected ON rejected.event_id = tail_pairs.rejected_event_id
"""


def measured_credit(run: Run) -> list[Measured]:
    """Sessions truly left abruptly, by their last kept replies.

    Where a reply broke something: who gets the most blame, ties shared, and how much of it falls on replies that broke
    nothing; a session without any blame counts in the first figure alone. Where none did: how much blame there is.
    """
    rows = run.query(LEFT)
    session, broke = texts(rows, "session_id"), numbers(rows, "broke") == 1
    of = np.unique(session, return_inverse=True)[1] if len(session) else np.zeros(0, np.int64)
    lag, drift = numbers(rows, "replies_after"), numbers(rows, "drift")
    by = charging(run.settings.reward)
    blames: Mapping[str, Floats] = {
        LOOP: np.nan_to_num(numbers(rows, "blame")),
        PRINTED: blame(of, lag, numbers(rows, "break_score"), drift, by._replace(form="printed")).blame,
        TRUE_BREAKS: blame(of, lag, broke.astype(float), np.where(np.isnan(drift), 1.0, drift), by).blame,
        FROM_DELAYED: numbers(rows, "from_delayed"),
        LAST_TURN: (lag == 0).astype(float),
        EQUAL_SHARES: np.ones(len(lag)),
    }
    return [one for method, given in blames.items() for one in _figures(method, of, broke, given)] + _innocent(run)


def _figures(method: str, of: Ints, broke: Bools, given: Floats) -> list[Measured]:
    count = int(of.max()) + 1 if len(of) else 0

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(of, values, minlength=count), np.float64)

    total, most = summed(given), np.zeros(count)
    np.maximum.at(most, of, given)
    first = np.where((given == most[of]) & (most[of] > 0), 1.0, 0.0)
    shared = summed(first * broke) / np.maximum(summed(first), 1)
    on_innocent = summed(given * ~broke) / np.where(total > 0, total, np.nan)
    caused = summed(broke.astype(float)) > 0
    on_broken, on_others = mean_known(shared[caused]), mean_known(on_innocent[caused])
    found = [
        Measured(STAGE, "most blame on the broken reply, share of sessions", method, "high", on_broken),
        Measured(STAGE, "blame on replies that broke nothing, mean share", method, "low", on_others),
    ]
    if method in (LOOP, PRINTED):
        figure = "blame in sessions where nothing broke, mean"
        found.append(Measured(STAGE, figure, method, "low", mean_known(total[~caused])))
    return found


def _innocent(run: Run) -> list[Measured]:
    """Whether a failure makes negatives of the replies before it that broke nothing.

    If so, pairs that reject them would be right less often than the others.
    """
    rows = run.query(PAIRS)
    innocent, right = numbers(rows, "innocent") == 1, numbers(rows, "right")
    figure = "tail pairs right by true quality, share"
    return [
        Measured(STAGE, f"{figure} where a failure followed and the rejected reply broke nothing", LOOP, "high",
                 mean_known(right[innocent])),
        Measured(STAGE, f"{figure} elsewhere", LOOP, "high", mean_known(right[~innocent])),
    ]  # fmt: skip
