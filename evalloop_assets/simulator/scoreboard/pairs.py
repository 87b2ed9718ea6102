"""Whether the side that a pair prefers truly is the better one, and what a pair gives away without its text.

Truly better means, right now, the utility of the reply itself, in a battle its value at a glance; at five turns, the
mean utility of the reply and the five kept replies after it, in a battle, where none follows, its quality. Cross-user
pairs stand beside the tail pairs: both join replies that answer different messages.
"""

from __future__ import annotations

import numpy as np

from evalloop_assets.horizon_labels.leakage import leak
from evalloop_assets.simulator.arrays import Bools, Floats
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, mean_known, numbers, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "horizon_labels"
CROSS_USER = "cross-user pairs"
"""Random pairs of replies of different users, of which the one looked at longer is preferred."""
EVERY_KEPT = "every kept version"
"""Each version that a user kept, preferred to each that it replaced."""
TRULY = "the truly better side"
SOURCES = ("tail", "regeneration", "battle")
HORIZONS = ("immediate", "delayed_5")
LEADS = ("position", "length")

WORTH = """
WITH worth AS (
  SELECT
    event_id,
    utility AS immediate,
    CASE WHEN NOT regenerated THEN AVG(utility) OVER (
      PARTITION BY conversation_id, regenerated ORDER BY turn ROWS BETWEEN CURRENT ROW AND 5 FOLLOWING) END AS delayed_5
  FROM truth_turns
)"""
PAIRS = f"""{WORTH},
-- Which reply is side a of a pair is drawn anew, so that its text tells the side of the battle.
fought AS (
  SELECT
    pairs.pair_id,
    CASE pairs.reply_a WHEN battles.reply_a THEN 1e0 WHEN battles.reply_b THEN -1e0 END AS side,
    truth_battles.value_a - truth_battles.value_b                                       AS value_lead,
    truth_battles.quality_a - truth_battles.quality_b                                   AS quality_lead
  FROM truth_battles
  JOIN battles ON battles.battle_id = truth_battles.battle_id
  JOIN preference_pairs AS pairs ON pairs.pair_id = MD5(CONCAT_WS('|', 'battle', truth_battles.battle_id))
)
SELECT
  pairs.source,
  pairs.horizon_tag,
  CASE pairs.immediate WHEN 'A' THEN 1e0 WHEN 'B' THEN -1e0 END                            AS immediate,
  CASE pairs.delayed_5 WHEN 'A' THEN 1e0 WHEN 'B' THEN -1e0 END                            AS delayed_5,
  COALESCE(fought.side * fought.value_lead, side_a.immediate - side_b.immediate)           AS true_immediate,
  COALESCE(fought.side * fought.quality_lead, side_a.delayed_5 - side_b.delayed_5)         AS true_delayed_5,
  pairs.returned_next_day                                                                  AS came_back,
  pairs.position_a - pairs.position_b                                                      AS position,
  LN(LENGTH(pairs.reply_a) + 1) - LN(LENGTH(pairs.reply_b) + 1)                            AS length
FROM preference_pairs AS pairs
LEFT JOIN worth AS side_a ON side_a.event_id = pairs.event_id_a
LEFT JOIN worth AS side_b ON side_b.event_id = pairs.event_id_b
LEFT JOIN fought ON fought.pair_id = pairs.pair_id
"""
CROSS_USER_PAIRS = f"""{WORTH},
shuffled AS (
  SELECT
    worth.immediate, worth.delayed_5, turns.user_id, turns.dwell_ms, turns.reply_text, horizon_labels.position,
    ROW_NUMBER() OVER (ORDER BY MD5(worth.event_id), worth.event_id) AS place
  FROM worth
  JOIN horizon_labels ON horizon_labels.event_id = worth.event_id
  JOIN turns ON turns.event_id = worth.event_id
)
SELECT
  SIGN(side_a.dwell_ms - side_b.dwell_ms)                                                  AS preferred,
  side_a.immediate - side_b.immediate                                                      AS true_immediate,
  side_a.delayed_5 - side_b.delayed_5                                                      AS true_delayed_5,
  side_a.position - side_b.position                                                        AS position,
  LN(LENGTH(side_a.reply_text) + 1) - LN(LENGTH(side_b.reply_text) + 1)                    AS length
FROM shuffled AS side_a
JOIN shuffled AS side_b ON side_b.place = side_a.place + 1
WHERE side_a.place % 2 = 1 AND side_a.user_id <> side_b.user_id AND side_a.dwell_ms <> side_b.dwell_ms
"""

EVERY_VERSION = """
WITH versions AS (
  SELECT
    conversation_id, turn, utility, regenerated,
    MIN(CASE WHEN NOT regenerated THEN turn END) OVER (
      PARTITION BY conversation_id ORDER BY turn ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS kept_turn
  FROM truth_turns
)
SELECT kept.utility - replaced.utility AS lead
FROM versions AS replaced
JOIN versions AS kept ON kept.conversation_id = replaced.conversation_id AND kept.turn = replaced.kept_turn
WHERE replaced.regenerated
"""


def measured_pairs(run: Run) -> list[Measured]:
    """Right preferences by source and horizon; how far position and length alone tell the side that is preferred."""
    rows = run.query(PAIRS)
    source, tag = texts(rows, "source"), texts(rows, "horizon_tag")
    sides = {horizon: numbers(rows, horizon) for horizon in HORIZONS}
    truths = {horizon: numbers(rows, f"true_{horizon}") for horizon in HORIZONS}
    spoken = np.where(tag == "immediate", sides["immediate"], sides["delayed_5"])
    at_once = (tag == "immediate") | (source == "regeneration")
    truly = np.sign(np.where(at_once, truths["immediate"], truths["delayed_5"]))
    truly[truly == 0] = np.nan
    length = numbers(rows, "length")
    leads = {lead: spoken * numbers(rows, lead) for lead in LEADS}
    found = []
    for name in SOURCES:
        of: Bools = source == name
        found += [_right(f"{name} pairs", h, LOOP, sides[h][of], truths[h][of]) for h in HORIZONS]
        found += [_given_away(name, lead, LOOP, values[of]) for lead, values in leads.items()]
        found.append(_given_away(name, "length", TRULY, (truly * length)[of]))
    again, came_back = source == "regeneration", numbers(rows, "came_back")
    for whose, of in (("who came back", again & (came_back == 1)), ("who did not", again & (came_back == 0))):
        pairs = f"regeneration pairs of users {whose}"
        found.append(_right(pairs, "immediate", LOOP, sides["immediate"][of], truths["immediate"][of]))
    lead = numbers(run.query(EVERY_VERSION), "lead")
    found.append(_right("regeneration pairs", "immediate", EVERY_KEPT, np.ones(len(lead)), lead))
    crossed = run.query(CROSS_USER_PAIRS)
    longer = numbers(crossed, "preferred")
    found += [_right("tail pairs", h, CROSS_USER, longer, numbers(crossed, f"true_{h}")) for h in HORIZONS]
    return found + [_given_away("tail", lead, CROSS_USER, longer * numbers(crossed, lead)) for lead in LEADS]


def _right(pairs: str, horizon: str, method: str, preferred: Floats, truth: Floats) -> Measured:
    """`preferred` is 1 for side a, -1 for b, NaN undecided; `truth` is side a's lead. Equal sides count half."""
    right = mean_known((1 + np.sign(preferred * truth)) / 2)
    return Measured(STAGE, f"{pairs}, {horizon}, preferred side truly better, share", method, "high", right)


def _given_away(source: str, lead: str, method: str, leads: Floats) -> Measured:
    """`leads` are those of the preferred side; NaN where undecided or unknown."""
    alone = leak(leads[np.isfinite(leads)]).auc
    return Measured(STAGE, f"{source} pairs, preferred side told by {lead} alone, AUC", method, "half", alone)
