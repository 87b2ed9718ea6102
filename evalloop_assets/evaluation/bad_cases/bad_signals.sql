/*
row: one reply that went wrong by what its user did, by the rules about breaks, or because behaviour and reward model disagree about it; people only, and no failures of the service. Its day is that of its session
key: [event_id]
reads:
  reading: [0, 0]
  turns: [0, 1]
  sessions: [0, 0]
  traffic: [0, 0]
  credit: [0, 0]
  breaks: [0, 0]
  preference_pairs: [0, 0]
  pair_scores: [0, 0]
settings: [evaluation.bad_cases.sure_margin]
columns:
  event_id: VARCHAR, the reply
  session_id: VARCHAR, its session
  user_id: VARCHAR, who read it
  conversation_id: VARCHAR, its conversation
  model_id: VARCHAR, the model that wrote it
  character_id: VARCHAR, the persona that spoke
  role_type: VARCHAR, kind of persona
  kind: VARCHAR, contradiction, promise or rupture where the rules found a break, else the first of the reasons
  reasons: VARCHAR, comma separated, of complaint, dislike, exit (blamed for an abrupt end), break, regeneration (replaced at the user's wish) and disagreement (the reward model surely prefers it to what behaviour preferred)
  by_behaviour: BOOLEAN, something else than the disagreement with the reward model speaks against it
  certainty: DOUBLE, how surely it was bad, in (0, 1], one less the product of the doubts that the reasons leave, that of a disagreement counting where it is the only one (docs/evaluation/bad-cases.md)
  cost: DOUBLE, what it cost, in replies, 1 for itself and its blame times the mean length of a session of the day
  pair_id: VARCHAR, a preference pair in which behaviour rejected it, one of two answers to one message where there is one; NULL where there is none
  same_prefix: BOOLEAN, both replies of that pair answer the same message after the same history
  better_reply: VARCHAR, the reply that behaviour preferred
  margin: DOUBLE, by how much the reward model rates that reply above this one, anchor SDs; NULL where it says nothing
  user_text: VARCHAR, the message that it answers
  reply_text: VARCHAR, the reply
*/
WITH decided AS (
  SELECT
    pair_id, same_prefix, event_id_a, event_id_b, reply_a, reply_b,
    CASE
      WHEN immediate IN ('A', 'B') AND delayed_5 IN ('A', 'B') AND immediate <> delayed_5 THEN NULL
      WHEN immediate IN ('A', 'B') THEN immediate
      WHEN delayed_5 IN ('A', 'B') THEN delayed_5
    END AS preferred
  FROM preference_pairs
),
rejected AS (
  SELECT
    decided.pair_id,
    decided.same_prefix,
    CASE decided.preferred WHEN 'A' THEN decided.event_id_b ELSE decided.event_id_a END       AS event_id,
    CASE decided.preferred WHEN 'A' THEN decided.reply_a ELSE decided.reply_b END             AS better_reply,
    CASE decided.preferred WHEN 'A' THEN pair_scores.margin ELSE -pair_scores.margin END      AS margin
  FROM decided
  LEFT JOIN pair_scores ON pair_scores.pair_id = decided.pair_id
  WHERE decided.preferred IS NOT NULL
),
-- One pair a reply, chosen whatever the reward model makes of it: the slice must not be picked by whom it examines.
compared AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY CASE WHEN same_prefix THEN 0 ELSE 1 END, pair_id) AS place
  FROM rejected
  WHERE event_id IS NOT NULL
),
lengths AS (
  SELECT day, AVG(CAST(kept_turns AS DOUBLE)) AS session_replies
  FROM sessions
  GROUP BY day
),
weighed AS (
  SELECT
    reading.day, reading.event_id, reading.session_id, reading.user_id, reading.conversation_id, reading.model_id,
    turns.character_id, turns.role_type, turns.user_text, turns.reply_text,
    compared.pair_id, compared.same_prefix, compared.better_reply, compared.margin,
    breaks.kind                                                                               AS break_kind,
    lengths.session_replies,
    CASE turns.feedback WHEN 'complaint' THEN 9e-1 ELSE 0e0 END                               AS complaint,
    CASE turns.feedback WHEN 'dislike' THEN 7e-1 ELSE 0e0 END                                 AS dislike,
    COALESCE(credit.blame, 0e0)                                                               AS blame,
    CASE WHEN breaks.score >= 5e-1 THEN breaks.score ELSE 0e0 END                             AS broken,
    CASE WHEN reading.position IS NULL THEN 5e-1 ELSE 0e0 END                                 AS replaced,
    CASE WHEN compared.margin <= -settings.sure_margin THEN 5e-1 ELSE 0e0 END                 AS disagreement
  FROM reading
  JOIN traffic ON traffic.session_id = reading.session_id AND traffic.kind = 'people'
  JOIN turns ON turns.event_id = reading.event_id
  JOIN lengths ON lengths.day = reading.day
  CROSS JOIN settings
  LEFT JOIN credit ON credit.event_id = reading.event_id
  LEFT JOIN breaks ON breaks.event_id = reading.event_id
  LEFT JOIN compared ON compared.event_id = reading.event_id AND compared.place = 1
  WHERE TRIM(turns.reply_text) <> '' AND NOT COALESCE(turns.error, FALSE)
),
reasoned AS (
  SELECT
    *,
    CONCAT_WS(', ',
      CASE WHEN complaint > 0e0 THEN 'complaint' END,
      CASE WHEN dislike > 0e0 THEN 'dislike' END,
      CASE WHEN blame > 0e0 THEN 'exit' END,
      CASE WHEN broken > 0e0 THEN 'break' END,
      CASE WHEN replaced > 0e0 THEN 'regeneration' END,
      CASE WHEN disagreement > 0e0 THEN 'disagreement' END)                                   AS reasons,
    CASE
      WHEN broken > 0e0 THEN break_kind
      WHEN complaint > 0e0 THEN 'complaint'
      WHEN dislike > 0e0 THEN 'dislike'
      WHEN blame > 0e0 THEN 'exit'
      WHEN replaced > 0e0 THEN 'regeneration'
      WHEN disagreement > 0e0 THEN 'disagreement'
    END                                                                                       AS kind
  FROM weighed
)
SELECT
  day,
  event_id,
  session_id,
  user_id,
  conversation_id,
  model_id,
  character_id,
  role_type,
  kind,
  reasons,
  reasons <> 'disagreement'                                                                   AS by_behaviour,
  -- What behaviour speaks against is ranked by behaviour alone: the slice must not be picked by whom it examines.
  CASE WHEN reasons = 'disagreement' THEN disagreement
    ELSE 1e0 - (1e0 - complaint) * (1e0 - dislike) * (1e0 - blame) * (1e0 - broken) * (1e0 - replaced)
  END                                                                                         AS certainty,
  1e0 + blame * session_replies                                                               AS cost,
  pair_id,
  same_prefix,
  better_reply,
  margin,
  user_text,
  reply_text
FROM reasoned
WHERE reasons <> ''
