"""How sessions truly ended against what the loop says, one session a row.

A session ends at its last reply in the log. How it truly ended is what became of that reply, or of those after it that
never reached the log: a lost goodbye is a natural end all the same. A call or crash is an interruption whether the
conversation went on later or not, and so is any silence that cuts a conversation which goes on in the log. An end is
open where the conversation goes on after the log, or where half an hour has not passed when the log ends.
"""

from __future__ import annotations

import numpy as np

from evalloop_assets.simulator.arrays import Bools
from evalloop_assets.simulator.behaviour import CLOSURES
from evalloop_assets.simulator.packs import HELD_OUT
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "denoise"
ALL_FAIL = "every end is a failure"
KINDS = ("natural", "abrupt", "interrupted", "open")

ENDS = """
WITH withheld AS (
  SELECT DISTINCT row_id AS event_id
  FROM truth_dirt
  WHERE table_name = 'turns' AND kind IN ('lost', 'lost_treatment', 'silent', 'late')
),
told AS (
  SELECT
    truth_turns.conversation_id, truth_turns.turn, truth_turns.event_id, turns.shown_at, turns.locale,
    turns.event_id IS NOT NULL AS logged,
    CASE
      WHEN turns.event_id IS NULL AND withheld.event_id IS NULL THEN 'open'
      WHEN truth_turns.fate <> 'goes_on' THEN truth_turns.fate
      WHEN truth_turns.interrupted THEN 'interrupted'
    END AS became
  FROM truth_turns
  LEFT JOIN turns ON turns.event_id = truth_turns.event_id
  LEFT JOIN withheld ON withheld.event_id = truth_turns.event_id
),
-- A stretch is a reply of the log and those after it that the log lacks.
placed AS (
  SELECT *, COUNT(CASE WHEN logged THEN 1 END) OVER (PARTITION BY conversation_id ORDER BY turn) AS stretch
  FROM told
),
stretches AS (
  SELECT
    conversation_id,
    MAX(CASE WHEN logged THEN event_id END)                                              AS event_id,
    MAX(shown_at)                                                                        AS shown_at,
    MAX(locale)                                                                          AS locale,
    COALESCE(ARG_MIN(became, CASE WHEN became IS NOT NULL THEN turn END), 'interrupted') AS became
  FROM placed
  GROUP BY conversation_id, stretch
),
last_replies AS (
  SELECT
    session_id, event_id, ROW_NUMBER() OVER (PARTITION BY session_id ORDER BY shown_at DESC, event_id DESC) AS place
  FROM reading
),
log_end AS (
  SELECT CAST(CAST(MAX(shown_at) AS DATE) + 1 AS TIMESTAMP) AS ends_at
  FROM turns
)
SELECT
  exits.kind AS said,
  CASE WHEN stretches.shown_at >= log_end.ends_at - INTERVAL '30' MINUTE THEN 'open' ELSE stretches.became END AS truly,
  truth_conversations.closure,
  stretches.locale
FROM exits
JOIN last_replies ON last_replies.session_id = exits.session_id AND last_replies.place = 1
JOIN stretches ON stretches.event_id = last_replies.event_id
JOIN truth_conversations ON truth_conversations.conversation_id = stretches.conversation_id
CROSS JOIN log_end
"""


def measured_exits(run: Run) -> list[Measured]:
    """Precision, recall and F1 of each kind of end; recall of natural ends by how they showed and by language."""
    rows = run.query(ENDS)
    said, truly, closure, locale = (texts(rows, name) for name in ("said", "truly", "closure", "locale"))
    found = [one for kind in KINDS for one in _detected(kind, truly == kind, said == kind, LOOP)]
    natural = truly == "natural"
    shown = [(f"by {name}", closure == name) for name in CLOSURES.values() if name]
    spoken = [(f"in {pack.locale}", locale == pack.locale) for pack in HELD_OUT.packs]
    for words, among in shown + spoken:
        hits = _share(natural & among & (said == "natural"), natural & among)
        found.append(Measured(STAGE, f"natural ends {words}, recall", LOOP, "high", hits))
    return found + _detected("abrupt", truly == "abrupt", np.ones(len(truly), dtype=np.bool_), ALL_FAIL)


def _detected(kind: str, truly: Bools, said: Bools, method: str) -> list[Measured]:
    hits, either = truly & said, int(truly.sum()) + int(said.sum())
    scores = {
        "precision": _share(hits, said),
        "recall": _share(hits, truly),
        "F1": 2 * int(hits.sum()) / either if either else np.nan,
    }
    return [Measured(STAGE, f"{kind} ends, {name}", method, "high", value) for name, value in scores.items()]


def _share(hits: Bools, of: Bools) -> float:
    n = int(of.sum())
    return int(hits.sum()) / n if n else np.nan
