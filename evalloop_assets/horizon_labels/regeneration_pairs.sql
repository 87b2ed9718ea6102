/*
row: two versions of one reply to one message, of which the user kept one, read it with care and went on from it
key: [pair_id]
reads:
  reading: [0, 0]
  sessions: [0, 0]
  exits: [0, 0]
  horizon_labels: [0, 0]
  turns: [0, 1]
settings: [labels.regeneration_pairs_per_reply, labels.regeneration_pairs_per_session]
columns:
  pair_id: VARCHAR, digest of the two replies
  session_id: VARCHAR, their session
  user_id: VARCHAR, who asked for another version
  conversation_id: VARCHAR, the conversation they belong to
  chosen_event_id: VARCHAR, the version kept
  rejected_event_id: VARCHAR, a version that was replaced
  position: BIGINT, place of the kept version among the session's kept replies
  evidence: VARCHAR, what speaks for the kept version, liked, reading, or continued where its reading is unknown
  versions: BIGINT, versions of this reply that were shown
  regeneration_share: DOUBLE, replies that the user had regenerated among all shown to the user on this day; pairs come from those who do so
*/
WITH roots AS (
  SELECT session_id, root_event_id, COUNT(*) + 1 AS versions
  FROM reading
  WHERE position IS NULL
  GROUP BY session_id, root_event_id
),
-- Few rows, made distinct so that they are found before the texts of all turns are looked at.
versioned AS (
  SELECT DISTINCT
    reading.day, reading.session_id, reading.user_id, reading.conversation_id, reading.event_id, reading.root_event_id,
    reading.position, reading.shown_at, reading.chars_per_second, roots.versions
  FROM roots
  JOIN reading ON reading.session_id = roots.session_id AND reading.root_event_id = roots.root_event_id
),
shown AS (
  SELECT
    versioned.*, turns.user_text, turns.feedback, COALESCE(turns.error, FALSE) AS error,
    COALESCE(turns.reply_text, turns.event_id) AS reply
  FROM versioned
  JOIN turns ON turns.event_id = versioned.event_id AND turns.day BETWEEN versioned.day AND versioned.day + 1
),
-- Who tried again and then left, complained, or hurried through the last version, preferred none.
kept AS (
  SELECT
    shown.*,
    labels.speed_percentile,
    COALESCE(shown.feedback = 'like', FALSE) AS liked
  FROM shown
  JOIN sessions ON sessions.session_id = shown.session_id
  JOIN exits ON exits.session_id = shown.session_id
  LEFT JOIN horizon_labels AS labels ON labels.event_id = shown.event_id
  WHERE shown.position IS NOT NULL
    AND NOT shown.error
    AND COALESCE(shown.feedback NOT IN ('dislike', 'complaint'), TRUE)
    AND (shown.position < sessions.kept_turns OR exits.kind IN ('natural', 'interrupted') OR shown.feedback = 'like')
    AND (COALESCE(labels.speed_percentile <= 5e-1, TRUE) OR shown.feedback = 'like')
),
-- A version replaced because it failed says nothing of its text, and an edited message is another prefix.
met AS (
  SELECT
    kept.day, kept.session_id, kept.user_id, kept.conversation_id, kept.position, kept.versions,
    kept.event_id     AS chosen_event_id,
    replaced.event_id AS rejected_event_id,
    CASE WHEN kept.liked THEN 'liked'
      WHEN kept.speed_percentile IS NOT NULL
        OR (kept.chars_per_second IS NOT NULL AND replaced.chars_per_second IS NOT NULL) THEN 'reading'
      ELSE 'continued' END AS evidence,
    MD5(CONCAT_WS('|', 'regeneration', CAST(LENGTH(kept.event_id) AS VARCHAR), kept.event_id, replaced.event_id)) AS pair_id,
    replaced.shown_at,
    ROW_NUMBER() OVER (
      PARTITION BY kept.event_id, replaced.reply ORDER BY replaced.shown_at DESC, replaced.event_id) AS copy
  FROM kept
  JOIN shown AS replaced
    ON replaced.session_id = kept.session_id
    AND replaced.root_event_id = kept.root_event_id
    AND replaced.position IS NULL
  WHERE NOT replaced.error
    AND COALESCE(kept.user_text = replaced.user_text, TRUE)
    AND kept.reply <> replaced.reply
    AND (kept.liked OR COALESCE(kept.chars_per_second <= replaced.chars_per_second, TRUE))
),
placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY chosen_event_id ORDER BY shown_at DESC, rejected_event_id) AS place_in_reply
  FROM met
  WHERE copy = 1
),
bounded AS (
  SELECT
    placed.*,
    settings.regeneration_pairs_per_session,
    ROW_NUMBER() OVER (PARTITION BY placed.session_id ORDER BY placed.pair_id) AS place_in_session
  FROM placed
  CROSS JOIN settings
  WHERE placed.place_in_reply <= settings.regeneration_pairs_per_reply
),
habits AS (
  SELECT day, user_id, SUM(regenerations) / NULLIF(SUM(turns), 0) AS regeneration_share
  FROM sessions
  GROUP BY day, user_id
)
SELECT
  bounded.day,
  bounded.pair_id,
  bounded.session_id,
  bounded.user_id,
  bounded.conversation_id,
  bounded.chosen_event_id,
  bounded.rejected_event_id,
  bounded.position,
  bounded.evidence,
  bounded.versions,
  habits.regeneration_share
FROM bounded
JOIN habits ON habits.day = bounded.day AND habits.user_id = bounded.user_id
WHERE bounded.place_in_session <= bounded.regeneration_pairs_per_session
