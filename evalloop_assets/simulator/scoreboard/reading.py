"""How long replies were truly read against what the loop takes for reading, and whose reading counts at all."""

from __future__ import annotations

import numpy as np

from evalloop_assets.simulator.arrays import Floats
from evalloop_assets.simulator.scoreboard.figures import LOOP, Best
from evalloop_assets.simulator.scoreboard.measure import Measured, auc, mean_known, numbers, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "denoise"
LONG_DWELL = "long dwell"
RAW_DWELL = "raw dwell"
BACKGROUND = "time in the background found where the app does not tell it, AUC"

READ = """
SELECT
  truth_turns.background_s,
  truth_turns.read_s,
  reading.effective_read_s,
  turns.dwell_ms / 1e3 AS dwell_s,
  turns.foreground_ms IS NULL AS untold,
  CASE WHEN reading.background IS NOT NULL
    THEN (turns.dwell_ms - COALESCE(turns.typing_ms, 0)) / 1e3 - COALESCE(reading.effective_read_s, 0e0)
  END AS taken_off_s
FROM truth_turns
JOIN turns ON turns.event_id = truth_turns.event_id
LEFT JOIN reading ON reading.event_id = truth_turns.event_id
"""
SET_APART = """
WITH shown AS (
  SELECT DISTINCT kind, row_id AS event_id
  FROM truth_dirt
  WHERE table_name = 'turns' AND kind IN ('bot', 'whale')
  UNION ALL
  SELECT 'people' AS kind, event_id
  FROM truth_turns
  WHERE NOT regenerated
)
SELECT shown.kind, 1e0 - COUNT(horizon_labels.event_id) / CAST(COUNT(*) AS DOUBLE) AS set_apart
FROM shown
JOIN turns ON turns.event_id = shown.event_id
LEFT JOIN horizon_labels ON horizon_labels.event_id = shown.event_id
GROUP BY shown.kind
"""


def measured_reading(run: Run) -> list[Measured]:
    """Time in the background found, time of reading told, and the share of turns kept out of the labels by reader.

    What the loop takes off a reply's dwell, all of it where it says `background`, is its sign of the background. It is
    measured where the log does not hold the time in front, which would give it away.
    """
    rows = run.query(READ)
    untold = numbers(rows, "untold") > 0
    away = numbers(rows, "background_s")[untold] > 0
    truly, told, dwell, taken_off = (
        numbers(rows, name) for name in ("read_s", "effective_read_s", "dwell_s", "taken_off_s")
    )
    both = np.where(np.isfinite(told), dwell, np.nan)
    coverage = mean_known(np.isfinite(told).astype(np.float64))
    found = [
        Measured(STAGE, BACKGROUND, LOOP, "high", auc(taken_off[untold], away)),
        Measured(STAGE, BACKGROUND, LONG_DWELL, "high", auc(dwell[untold], away)),
        Measured(STAGE, "seconds read, median relative error", LOOP, "low", _error(told, truly)),
        Measured(STAGE, "seconds read, median relative error", RAW_DWELL, "low", _error(both, truly)),
        Measured(STAGE, "replies with known reading, share", LOOP, "high", coverage),
    ]
    apart = run.query(SET_APART)
    share = dict(zip(texts(apart, "kind"), numbers(apart, "set_apart"), strict=True))
    readers: tuple[tuple[str, Best], ...] = (("bot", "high"), ("whale", "high"), ("people", "low"))
    for kind, best in readers:
        value = float(share.get(kind, np.nan))
        found.append(Measured(STAGE, f"turns kept out of the labels, {kind}, share", LOOP, best, value))
    return found


def _error(told: Floats, truly: Floats) -> float:
    known = np.isfinite(told) & (truly > 0)
    return float(np.median(np.abs(told[known] - truly[known]) / truly[known])) if known.any() else np.nan
