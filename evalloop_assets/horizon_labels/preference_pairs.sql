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
  horizon_tag: VARCHAR, the longest horizon that the evidence speaks about, immediate or medium; long where a return preferred one side, which no source tells yet
  session_id: VARCHAR, the session it comes from; NULL where a battle names no logged reply
  conversation_id: VARCHAR, the conversation
  user_id: VARCHAR, whose preference it is
  choice_id: VARCHAR, joins the pairs of one choice among several, the versions of a reply or the sides of a battle
  propensity: DOUBLE, chance with which the comparison came about; of a battle as logged, of a regeneration the share of replies that the user had regenerated on this day; NULL for tail pairs
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
WITH fought AS (
  SELECT
    battles.*,
    -- A battle between replies (of one turn, where the log counts them) speaks about the reply, one between whole
    -- conversations about their course.
    battles.event_id_a IS NOT NULL OR battles.event_id_b IS NOT NULL
      OR (COALESCE(battles.turns_a, 1) <= 1 AND COALESCE(battles.turns_b, 1) <= 1)   AS same_prefix,
    CASE battles.outcome WHEN 'a' THEN 1e0 WHEN 'b' THEN -1e0 ELSE 0e0 END           AS lead
  FROM battles
),
compared AS (
  SELECT
    day, pair_id, 'tail' AS source, user_id, conversation_id, CAST(NULL AS VARCHAR) AS choice_id,
    CAST(NULL AS DOUBLE) AS propensity, FALSE AS same_prefix, CAST(NULL AS DOUBLE) AS lead,
    chosen_event_id AS left_event_id, rejected_event_id AS right_event_id,
    CAST(NULL AS VARCHAR) AS user_text, CAST(NULL AS VARCHAR) AS left_text, CAST(NULL AS VARCHAR) AS right_text,
    CAST(NULL AS TIMESTAMP) AS decided_at
  FROM tail_pairs
  UNION ALL
  SELECT
    day, pair_id, 'regeneration' AS source, user_id, conversation_id, chosen_event_id AS choice_id,
    regeneration_share AS propensity, TRUE AS same_prefix, 1e0 AS lead,
    chosen_event_id AS left_event_id, rejected_event_id AS right_event_id,
    CAST(NULL AS VARCHAR) AS user_text, CAST(NULL AS VARCHAR) AS left_text, CAST(NULL AS VARCHAR) AS right_text,
    CAST(NULL AS TIMESTAMP) AS decided_at
  FROM regeneration_pairs
  UNION ALL
  SELECT
    day, MD5(CONCAT_WS('|', 'battle', battle_id)) AS pair_id, 'battle' AS source, user_id, conversation_id, choice_id,
    propensity, same_prefix, lead,
    event_id_a AS left_event_id, event_id_b AS right_event_id,
    user_text, reply_a AS left_text, reply_b AS right_text,
    decided_at
  FROM fought
),
-- Narrow ids first, so that texts and labels are looked up once, for both sides and all sources together.
sides AS (
  SELECT day, pair_id, 'left' AS side, left_event_id AS event_id FROM compared WHERE left_event_id IS NOT NULL
  UNION ALL
  SELECT day, pair_id, 'right' AS side, right_event_id AS event_id FROM compared WHERE right_event_id IS NOT NULL
),
replies AS (
  SELECT
    sides.day, sides.pair_id, sides.side,
    turns.user_text, turns.reply_text, turns.shown_at,
    reading.session_id, reading.conversation_id, reading.position, reading.chars_per_second,
    labels.immediate, labels.delayed_5, labels.delayed_session
  FROM sides
  JOIN turns ON turns.event_id = sides.event_id AND turns.day BETWEEN sides.day - 1 AND sides.day + 1
  LEFT JOIN reading ON reading.event_id = sides.event_id AND reading.day BETWEEN sides.day - 1 AND sides.day
  LEFT JOIN horizon_labels AS labels
    ON labels.event_id = sides.event_id AND labels.day BETWEEN sides.day - 1 AND sides.day
),
told AS (
  SELECT
    compared.day, compared.pair_id, compared.source, compared.user_id, compared.choice_id, compared.propensity,
    compared.same_prefix, compared.left_event_id, compared.right_event_id,
    COALESCE(left_reply.session_id, right_reply.session_id)                                   AS session_id,
    COALESCE(compared.conversation_id, left_reply.conversation_id, right_reply.conversation_id) AS conversation_id,
    -- A version that was regenerated away stands where the kept one stands.
    COALESCE(left_reply.position, right_reply.position)                                       AS left_position,
    COALESCE(right_reply.position, left_reply.position)                                       AS right_position,
    COALESCE(compared.user_text, left_reply.user_text,
      CASE WHEN compared.source = 'battle' THEN right_reply.user_text END)                    AS left_user_text,
    COALESCE(compared.user_text, right_reply.user_text,
      CASE WHEN compared.source = 'battle' THEN left_reply.user_text END)                     AS right_user_text,
    COALESCE(compared.left_text, left_reply.reply_text)                                       AS left_text,
    COALESCE(compared.right_text, right_reply.reply_text)                                     AS right_text,
    left_reply.chars_per_second                                                               AS left_speed,
    right_reply.chars_per_second                                                              AS right_speed,
    COALESCE(left_reply.delayed_session, right_reply.delayed_session)                         AS outcome,
    COALESCE(compared.decided_at, GREATEST(left_reply.shown_at, right_reply.shown_at))        AS occurred_at,
    CASE
      WHEN compared.source = 'tail' THEN left_reply.immediate - right_reply.immediate
      WHEN compared.same_prefix THEN compared.lead
    END AS immediate_lead,
    -- Nothing followed the version that was replaced: it cannot be preferred, and the kept one only where it led on well.
    CASE
      WHEN compared.source = 'tail' THEN left_reply.delayed_5 - right_reply.delayed_5
      WHEN compared.source = 'regeneration' THEN CASE WHEN left_reply.delayed_5 > settings.tie_margin THEN 1e0 END
      WHEN NOT compared.same_prefix THEN compared.lead
    END AS delayed_lead,
    settings.tie_margin, settings.definition_version
  FROM compared
  LEFT JOIN replies AS left_reply
    ON left_reply.pair_id = compared.pair_id AND left_reply.day = compared.day AND left_reply.side = 'left'
  LEFT JOIN replies AS right_reply
    ON right_reply.pair_id = compared.pair_id AND right_reply.day = compared.day AND right_reply.side = 'right'
  CROSS JOIN settings
),
sided AS (
  SELECT
    *,
    SUBSTRING(MD5(pair_id), 1, 1) >= '8' AS swapped,
    CASE WHEN immediate_lead IS NULL THEN 'censored' WHEN immediate_lead > tie_margin THEN 'left'
      WHEN immediate_lead < -tie_margin THEN 'right' ELSE 'tie' END AS immediate,
    CASE WHEN delayed_lead IS NULL THEN 'censored' WHEN delayed_lead > tie_margin THEN 'left'
      WHEN delayed_lead < -tie_margin THEN 'right' ELSE 'tie' END AS delayed_5
  FROM told
  WHERE COALESCE(left_text <> right_text, source <> 'battle')
)
SELECT
  sided.day,
  sided.pair_id,
  sided.source,
  CASE WHEN sided.source = 'tail' OR sided.delayed_5 <> 'censored' THEN 'medium' ELSE 'immediate' END AS horizon_tag,
  sided.session_id,
  sided.conversation_id,
  sided.user_id,
  sided.choice_id,
  sided.propensity,
  LEAST(sided.left_position, sided.right_position) AS comparison_position,
  CASE WHEN sided.left_position IS NOT NULL THEN CAST(1 AS BIGINT) END AS segment_first,
  GREATEST(sided.left_position, sided.right_position) AS segment_last,
  CASE WHEN swapped THEN sided.right_event_id ELSE sided.left_event_id END AS event_id_a,
  CASE WHEN swapped THEN sided.left_event_id ELSE sided.right_event_id END AS event_id_b,
  CASE WHEN swapped THEN sided.right_user_text ELSE sided.left_user_text END AS user_text_a,
  CASE WHEN swapped THEN sided.left_user_text ELSE sided.right_user_text END AS user_text_b,
  CASE WHEN swapped THEN sided.right_text ELSE sided.left_text END AS reply_a,
  CASE WHEN swapped THEN sided.left_text ELSE sided.right_text END AS reply_b,
  CASE WHEN swapped THEN sided.right_position ELSE sided.left_position END AS position_a,
  CASE WHEN swapped THEN sided.left_position ELSE sided.right_position END AS position_b,
  sided.same_prefix,
  CASE sided.immediate WHEN 'left' THEN CASE WHEN swapped THEN 'B' ELSE 'A' END
    WHEN 'right' THEN CASE WHEN swapped THEN 'A' ELSE 'B' END ELSE sided.immediate END AS immediate,
  CASE sided.delayed_5 WHEN 'left' THEN CASE WHEN swapped THEN 'B' ELSE 'A' END
    WHEN 'right' THEN CASE WHEN swapped THEN 'A' ELSE 'B' END ELSE sided.delayed_5 END AS delayed_5,
  -- One return follows both sides, and it says nothing about which of them it is owed to (docs/labels.md).
  'censored' AS delayed_session,
  sided.occurred_at,
  CASE WHEN swapped THEN sided.right_speed ELSE sided.left_speed END AS read_speed_cps_a,
  CASE WHEN swapped THEN sided.left_speed ELSE sided.right_speed END AS read_speed_cps_b,
  sessions.kept_turns - GREATEST(sided.left_position, sided.right_position) AS continued_turns,
  CASE WHEN sided.outcome IS NOT NULL THEN sided.outcome > 0e0 END AS returned_next_day,
  sided.definition_version
FROM sided
LEFT JOIN sessions
  ON sessions.session_id = sided.session_id AND sessions.day BETWEEN sided.day - 1 AND sided.day
