/*
row: two versions of one reply to one message, of which the user kept one and went on from it
key: [pair_id]
reads:
  reading: [0, 0]
  sessions: [0, 0]
  exits: [0, 0]
  turns: [0, 1]
columns:
  pair_id: VARCHAR, digest of the two replies
  session_id: VARCHAR, their session
  user_id: VARCHAR, who asked for another version
  conversation_id: VARCHAR, the conversation they belong to
  chosen_event_id: VARCHAR, the version kept
  rejected_event_id: VARCHAR, a version that was replaced
  position: BIGINT, place of the kept version among the session's kept replies
*/
WITH versions AS (
  SELECT
    reading.day, reading.session_id, reading.user_id, reading.conversation_id, reading.event_id, reading.root_event_id,
    reading.position, turns.user_text, turns.feedback, COALESCE(turns.error, FALSE) AS error
  FROM reading
  JOIN turns ON turns.event_id = reading.event_id
)
SELECT
  kept.day,
  MD5(CONCAT_WS('|', 'regeneration', CAST(LENGTH(kept.event_id) AS VARCHAR), kept.event_id, replaced.event_id)) AS pair_id,
  kept.session_id,
  kept.user_id,
  kept.conversation_id,
  kept.event_id     AS chosen_event_id,
  replaced.event_id AS rejected_event_id,
  kept.position
FROM versions AS kept
JOIN versions AS replaced
  ON replaced.session_id = kept.session_id
  AND replaced.root_event_id = kept.root_event_id
  AND replaced.position IS NULL
JOIN sessions ON sessions.session_id = kept.session_id
JOIN exits ON exits.session_id = kept.session_id
WHERE kept.position IS NOT NULL
  -- A version replaced because it failed says nothing of its text, and an edited message is another prefix.
  AND NOT kept.error
  AND NOT replaced.error
  AND COALESCE(kept.user_text = replaced.user_text, TRUE)
  -- Who tried again and then left, or complained, preferred neither.
  AND (kept.position < sessions.kept_turns OR exits.kind IN ('natural', 'interrupted') OR kept.feedback = 'like')
  AND COALESCE(kept.feedback NOT IN ('dislike', 'complaint'), TRUE)
