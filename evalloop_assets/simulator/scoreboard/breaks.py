"""How many planted contradictions of a persona the table `breaks` finds, and how much else it takes for one."""

from __future__ import annotations

import numpy as np

from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, auc, mean_known, numbers
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "reward_model"
FOUND = "planted breaks found, recall"
RIGHT = "replies taken for a break that are one, precision"
RANKED = "breaks told from other replies by their score, AUC"
SHORT = "shortest reply"

JUDGED = """
SELECT breaks.score, truth_turns.broke, -LENGTH(turns.reply_text) AS brevity
FROM breaks
JOIN truth_turns ON truth_turns.event_id = breaks.event_id
JOIN turns ON turns.event_id = breaks.event_id
WHERE NOT truth_turns.cut
"""


def measured_breaks(run: Run) -> list[Measured]:
    """Recall and precision at a score of 0.5, and the AUC of the score beside that of the reply's brevity; a reply
    whose text breaks off is left out, since its contradiction may not be in it."""
    rows = run.query(JUDGED)
    score, brevity, broke = (numbers(rows, name) for name in ("score", "brevity", "broke"))
    taken, truly = score >= 0.5, broke > 0
    return [
        Measured(STAGE, FOUND, LOOP, "high", mean_known(taken[truly].astype(np.float64))),
        Measured(STAGE, RIGHT, LOOP, "high", mean_known(truly[taken].astype(np.float64))),
        Measured(STAGE, RANKED, LOOP, "high", auc(score, truly)),
        Measured(STAGE, RANKED, SHORT, "high", auc(brevity, truly)),
    ]
