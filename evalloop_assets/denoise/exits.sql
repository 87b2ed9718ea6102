/*
row: how one session ended; a natural, interrupted or open end is no failure
key: [session_id]
reads:
  sessions: [0, 0]
  reading: [0, 0]
  closures: [0, 0]
  turns: [0, 1]
columns:
  session_id: VARCHAR, the session
  user_id: VARCHAR, who chatted
  conversation_id: VARCHAR, the conversation it belongs to
  model_id: VARCHAR, model of its last reply
  ended_at: TIMESTAMP, when its last reply was shown (UTC)
  kind: VARCHAR, natural (closed by itself, see closures), interrupted (from outside or by an error), open (the log ends too early to tell) or abrupt
  reason: VARCHAR, what showed it, and for an abrupt end what was known of the last reply's reading
*/
WITH placed AS (
  SELECT
    session_id, event_id, reason AS read_as,
    ROW_NUMBER() OVER (PARTITION BY session_id ORDER BY shown_at DESC, event_id DESC) AS from_end
  FROM reading
),
endings AS (
  SELECT
    sessions.day, sessions.session_id, sessions.user_id, sessions.conversation_id, sessions.ended_at,
    turns.model_id, placed.read_as, closures.marker,
    CASE
      WHEN sessions.open THEN 'open'
      WHEN closures.closed AND closures.marker <> 'quiet' THEN 'natural'
      WHEN turns.interrupted OR turns.error THEN 'interrupted'
      WHEN closures.closed THEN 'natural'
      ELSE 'abrupt'
    END AS kind,
    turns.interrupted
  FROM sessions
  JOIN placed ON placed.session_id = sessions.session_id AND placed.from_end = 1
  JOIN turns ON turns.event_id = placed.event_id
  JOIN closures ON closures.session_id = sessions.session_id
)
SELECT
  day,
  session_id,
  user_id,
  conversation_id,
  model_id,
  ended_at,
  kind,
  CASE kind
    WHEN 'open' THEN 'the log ends within the idle gap'
    WHEN 'interrupted' THEN CASE WHEN interrupted THEN 'cut from outside' ELSE 'the last reply failed' END
    WHEN 'natural' THEN CASE marker
      WHEN 'goal' THEN 'goal reached'
      WHEN 'resolved' THEN 'end of the story'
      WHEN 'quiet' THEN 'no closing words, last reply read to its end'
      ELSE marker
    END
    ELSE CASE
      WHEN read_as = 'background' THEN 'no closing words, away during the last reply'
      WHEN read_as IN ('unknown', 'interpolated', 'error') THEN 'no closing words, time on the last reply unknown'
      ELSE 'no closing words, last reply left early'
    END
  END AS reason
FROM endings
