"""What the gate makes of padding and of true quality."""

from __future__ import annotations

import numpy as np

from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, numbers, rank_correlation, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "reward_model"
UNGATED, DWELL, LENGTH = "reward without the gate", "logarithm of dwell", "length"

REPLIES = """
SELECT
  rewards.model_id, rewards.q, rewards.gate, rewards.reward, rewards.r_temporal, truth_turns.quality,
  LN(GREATEST(turns.dwell_ms, 1)) AS dwell, CAST(LENGTH(turns.reply_text) AS DOUBLE) AS chars
FROM rewards
JOIN truth_turns ON truth_turns.event_id = rewards.event_id
JOIN turns ON turns.event_id = rewards.event_id
"""


def measured_gate(run: Run) -> list[Measured]:
    """By how much a model that pads is rewarded beside the champion, and what the gate sees of true quality.

    The first is the difference in means, in standard deviations of the champion's replies, of the model of the scenario
    that pads most; not measured where none pads more than the champion does.
    """
    rows = run.query(REPLIES)
    quality = numbers(rows, "quality")
    found = [
        Measured(STAGE, "rank correlation with true quality of a reply", method, "high",
                 rank_correlation(numbers(rows, column), quality))
        for method, column in ((LOOP, "reward"), (UNGATED, "r_temporal"), ("gate alone", "gate"), (LENGTH, "chars"))
    ]  # fmt: skip
    padding = {model.model_id: model.padding for model in run.scenario.cast}
    most = max(padding, key=lambda name: padding[name])
    if padding[most] <= padding[run.scenario.champion]:
        return found
    model = texts(rows, "model_id")
    for method, column in ((LOOP, "reward"), (UNGATED, "r_temporal"), (DWELL, "dwell")):
        values = numbers(rows, column)
        padded, plain = (values[(model == name) & np.isfinite(values)] for name in (most, run.scenario.champion))
        if len(padded) and len(plain) > 1:
            lead = float((padded.mean() - plain.mean()) / plain.std())
            found.append(Measured(STAGE, "lead of the model that pads, champion's SDs", method, "low", lead))
    return found
