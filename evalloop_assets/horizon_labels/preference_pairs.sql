/*
row: two replies and which of them is preferred at each horizon; which one is side a is drawn from the pair's id
key: [pair_id]
reads:
  tail_pairs: [0, 0]
  regeneration_pairs: [0, 0]
  battles: [0, 0]
  horizon_labels: [-1, 0]
  reading: [-1, 0]
  sessions: [-1, 0]
  turns: [-1, 1]
settings: [labels.tie_margin, labels.definition_version]
horizons: [1, 2]
columns:
  pair_id: VARCHAR, id of the pair
  source: VARCHAR, tail, regeneration or battle
  horizon_tag: VARCHAR, the horizon that the source speaks about, immediate or medium
  session_id: VARCHAR, the session it comes from; NULL where a battle names no logged reply
  conversation_id: VARCHAR, the conversation
  user_id: VARCHAR, whose preference it is
  comparison_position: BIGINT, position up to which both sides share what came before
  segment_first: BIGINT, first position of the segment that holds both
  segment_last: BIGINT, last position of the segment that holds both
  event_id_a: VARCHAR, reply a; NULL where it is no turn of the log
  event_id_b: VARCHAR, reply b, likewise
  user_text_a: VARCHAR, the message that reply a answers
  user_text_b: VARCHAR, the message that reply b answers
  reply_a: VARCHAR, text of reply a
  reply_b: VARCHAR, text of reply b
  position_a: BIGINT, position of reply a; that of the kept version where it was regenerated away
  position_b: BIGINT, position of reply b, likewise
  same_prefix: BOOLEAN, both answer the same message after the same history
  immediate: VARCHAR, side preferred on the spot, A, B, tie or censored
  delayed_5: VARCHAR, side preferred by the five turns after, A, B, tie or censored
  delayed_session: VARCHAR, side preferred by the return on the next local day, A, B, tie or censored
  occurred_at: TIMESTAMP, when the later of the two was shown, or the battle decided (UTC)
  read_speed_cps_a: DOUBLE, reading speed of reply a, characters per second
  read_speed_cps_b: DOUBLE, reading speed of reply b, characters per second
  continued_turns: BIGINT, kept replies of the session after both
  returned_next_day: BOOLEAN, the user came back on the next local day; NULL until mature
  definition_version: VARCHAR, version of the label definitions
*/
WITH behaved AS (
  SELECT
    day, pair_id, 'tail' AS source, 'medium' AS horizon_tag, session_id, user_id, conversation_id,
    chosen_event_id AS left_event_id, rejected_event_id AS right_event_id,
    chosen_position AS left_position, rejected_position AS right_position, FALSE AS same_prefix
  FROM tail_pairs
  UNION ALL
  SELECT
    day, pair_id, 'regeneration' AS source, 'immediate' AS horizon_tag, session_id, user_id, conversation_id,
    chosen_event_id AS left_event_id, rejected_event_id AS right_event_id,
    position AS left_position, position AS right_position, TRUE AS same_prefix
  FROM regeneration_pairs
),
from_behaviour AS (
  SELECT
    behaved.day, behaved.pair_id, behaved.source, behaved.horizon_tag, behaved.session_id, behaved.user_id,
    behaved.conversation_id, behaved.left_event_id, behaved.right_event_id, behaved.left_position, behaved.right_position,
    behaved.same_prefix,
    left_turns.user_text AS left_user_text, right_turns.user_text AS right_user_text,
    left_turns.reply_text AS left_reply, right_turns.reply_text AS right_reply,
    CASE WHEN behaved.source = 'regeneration' THEN 1e0 ELSE left_labels.immediate - right_labels.immediate END
      AS immediate_lead,
    left_labels.delayed_5 - right_labels.delayed_5 AS delayed_lead,
    GREATEST(left_turns.shown_at, right_turns.shown_at) AS occurred_at
  FROM behaved
  JOIN turns AS left_turns
    ON left_turns.event_id = behaved.left_event_id AND left_turns.day BETWEEN behaved.day AND behaved.day + 1
  JOIN turns AS right_turns
    ON right_turns.event_id = behaved.right_event_id AND right_turns.day BETWEEN behaved.day AND behaved.day + 1
  LEFT JOIN horizon_labels AS left_labels
    ON left_labels.event_id = behaved.left_event_id AND left_labels.day = behaved.day
  LEFT JOIN horizon_labels AS right_labels
    ON right_labels.event_id = behaved.right_event_id AND right_labels.day = behaved.day
),
-- A battle between replies (of one turn, where the log counts them) speaks about the reply, one between whole
-- conversations about their course.
from_battles AS (
  SELECT
    battles.day,
    MD5(CONCAT_WS('|', 'battle', battles.battle_id)) AS pair_id,
    'battle' AS source,
    CASE WHEN battles.event_id_a IS NOT NULL OR battles.event_id_b IS NOT NULL
      OR (COALESCE(battles.turns_a, 1) <= 1 AND COALESCE(battles.turns_b, 1) <= 1)
      THEN 'immediate' ELSE 'medium' END AS horizon_tag,
    COALESCE(left_reading.session_id, right_reading.session_id) AS session_id,
    battles.user_id,
    COALESCE(battles.conversation_id, left_reading.conversation_id, right_reading.conversation_id) AS conversation_id,
    battles.event_id_a AS left_event_id,
    battles.event_id_b AS right_event_id,
    COALESCE(left_reading.position, right_reading.position) AS left_position,
    COALESCE(right_reading.position, left_reading.position) AS right_position,
    battles.event_id_a IS NOT NULL OR battles.event_id_b IS NOT NULL
      OR (COALESCE(battles.turns_a, 1) <= 1 AND COALESCE(battles.turns_b, 1) <= 1) AS same_prefix,
    COALESCE(battles.user_text, left_turns.user_text, right_turns.user_text) AS left_user_text,
    COALESCE(battles.user_text, right_turns.user_text, left_turns.user_text) AS right_user_text,
    COALESCE(battles.reply_a, left_turns.reply_text) AS left_reply,
    COALESCE(battles.reply_b, right_turns.reply_text) AS right_reply,
    CASE battles.outcome WHEN 'a' THEN 1e0 WHEN 'b' THEN -1e0 ELSE 0e0 END AS lead,
    battles.decided_at AS occurred_at
  FROM battles
  LEFT JOIN turns AS left_turns
    ON left_turns.event_id = battles.event_id_a AND left_turns.day BETWEEN battles.day - 1 AND battles.day
  LEFT JOIN turns AS right_turns
    ON right_turns.event_id = battles.event_id_b AND right_turns.day BETWEEN battles.day - 1 AND battles.day
  LEFT JOIN reading AS left_reading
    ON left_reading.event_id = battles.event_id_a AND left_reading.day BETWEEN battles.day - 1 AND battles.day
  LEFT JOIN reading AS right_reading
    ON right_reading.event_id = battles.event_id_b AND right_reading.day BETWEEN battles.day - 1 AND battles.day
),
pairs AS (
  SELECT
    day, pair_id, source, horizon_tag, session_id, user_id, conversation_id, left_event_id, right_event_id,
    left_position, right_position, same_prefix, left_user_text, right_user_text, left_reply, right_reply,
    immediate_lead, delayed_lead, occurred_at
  FROM from_behaviour
  WHERE COALESCE(left_reply <> right_reply, TRUE)
  UNION ALL
  SELECT
    day, pair_id, source, horizon_tag, session_id, user_id, conversation_id, left_event_id, right_event_id,
    left_position, right_position, same_prefix, left_user_text, right_user_text, left_reply, right_reply,
    CASE WHEN horizon_tag = 'immediate' THEN lead END AS immediate_lead,
    CASE WHEN horizon_tag = 'medium' THEN lead END AS delayed_lead,
    occurred_at
  FROM from_battles
  WHERE left_reply IS NOT NULL AND right_reply IS NOT NULL AND left_reply <> right_reply
),
sided AS (
  SELECT
    pairs.*,
    SUBSTRING(MD5(pairs.pair_id), 1, 1) >= '8' AS swapped,
    CASE WHEN immediate_lead IS NULL THEN 'censored' WHEN immediate_lead > settings.tie_margin THEN 'left'
      WHEN immediate_lead < -settings.tie_margin THEN 'right' ELSE 'tie' END AS immediate,
    CASE WHEN delayed_lead IS NULL THEN 'censored' WHEN delayed_lead > settings.tie_margin THEN 'left'
      WHEN delayed_lead < -settings.tie_margin THEN 'right' ELSE 'tie' END AS delayed_5,
    settings.definition_version
  FROM pairs
  CROSS JOIN settings
),
outcomes AS (
  SELECT session_id, day, MAX(delayed_session) AS delayed_session
  FROM horizon_labels
  GROUP BY session_id, day
)
SELECT
  sided.day,
  sided.pair_id,
  sided.source,
  sided.horizon_tag,
  sided.session_id,
  sided.conversation_id,
  sided.user_id,
  LEAST(sided.left_position, sided.right_position) AS comparison_position,
  CASE WHEN sided.left_position IS NOT NULL THEN CAST(1 AS BIGINT) END AS segment_first,
  GREATEST(sided.left_position, sided.right_position) AS segment_last,
  CASE WHEN swapped THEN sided.right_event_id ELSE sided.left_event_id END AS event_id_a,
  CASE WHEN swapped THEN sided.left_event_id ELSE sided.right_event_id END AS event_id_b,
  CASE WHEN swapped THEN sided.right_user_text ELSE sided.left_user_text END AS user_text_a,
  CASE WHEN swapped THEN sided.left_user_text ELSE sided.right_user_text END AS user_text_b,
  CASE WHEN swapped THEN sided.right_reply ELSE sided.left_reply END AS reply_a,
  CASE WHEN swapped THEN sided.left_reply ELSE sided.right_reply END AS reply_b,
  CASE WHEN swapped THEN sided.right_position ELSE sided.left_position END AS position_a,
  CASE WHEN swapped THEN sided.left_position ELSE sided.right_position END AS position_b,
  sided.same_prefix,
  CASE sided.immediate WHEN 'left' THEN CASE WHEN swapped THEN 'B' ELSE 'A' END
    WHEN 'right' THEN CASE WHEN swapped THEN 'A' ELSE 'B' END ELSE sided.immediate END AS immediate,
  CASE sided.delayed_5 WHEN 'left' THEN CASE WHEN swapped THEN 'B' ELSE 'A' END
    WHEN 'right' THEN CASE WHEN swapped THEN 'A' ELSE 'B' END ELSE sided.delayed_5 END AS delayed_5,
  -- Both sides lie in one session and share its one outcome, which therefore prefers neither.
  'censored' AS delayed_session,
  sided.occurred_at,
  CASE WHEN swapped THEN right_reading.chars_per_second ELSE left_reading.chars_per_second END AS read_speed_cps_a,
  CASE WHEN swapped THEN left_reading.chars_per_second ELSE right_reading.chars_per_second END AS read_speed_cps_b,
  sessions.kept_turns - GREATEST(sided.left_position, sided.right_position) AS continued_turns,
  CASE WHEN outcomes.delayed_session IS NOT NULL THEN outcomes.delayed_session > 0e0 END AS returned_next_day,
  sided.definition_version
FROM sided
LEFT JOIN reading AS left_reading
  ON left_reading.event_id = sided.left_event_id AND left_reading.day BETWEEN sided.day - 1 AND sided.day
LEFT JOIN reading AS right_reading
  ON right_reading.event_id = sided.right_event_id AND right_reading.day BETWEEN sided.day - 1 AND sided.day
LEFT JOIN sessions
  ON sessions.session_id = sided.session_id AND sessions.day BETWEEN sided.day - 1 AND sided.day
LEFT JOIN outcomes
  ON outcomes.session_id = sided.session_id AND outcomes.day BETWEEN sided.day - 1 AND sided.day
