/*
row: one session of one user in one conversation, cut where no reply was shown for longer than the idle gap; its day is the UTC day it began
key: [session_id]
reads:
  turns: [-1, 1]
settings: [denoise.session_idle_minutes]
clock: true
waits: open
columns:
  session_id: VARCHAR, digest of user, conversation and start
  user_id: VARCHAR, who chatted
  conversation_id: VARCHAR, the conversation it belongs to
  character_id: VARCHAR, persona of its first reply
  model_id: VARCHAR, model of its first reply
  experiment_id: VARCHAR, experiment of its first reply
  arm: VARCHAR, arm of its first reply
  started_at: TIMESTAMP, when its first reply was shown (UTC)
  ended_at: TIMESTAMP, when its last reply was shown (UTC)
  utc_offset_minutes: BIGINT, the user's local time less UTC at its first reply, minutes; NULL where unknown
  local_day: DATE, the user's local day on which it began (UTC where the offset is unknown)
  turns: BIGINT, replies shown, regenerated ones included
  kept_turns: BIGINT, replies shown less those regenerated away
  regenerations: BIGINT, replies that replaced an earlier one of the same session
  complaints: BIGINT, replies complained about
  likes: BIGINT, replies liked
  open: BOOLEAN, the log ends before the idle gap has passed, so that it may yet go on
*/
WITH shown AS (
  SELECT
    turns.day, user_id, conversation_id, event_id, shown_at, replaces_event_id, feedback,
    session_idle_minutes * INTERVAL '1' MINUTE AS idle,
    LAG(shown_at) OVER (PARTITION BY user_id, conversation_id ORDER BY shown_at, event_id) AS previous_at
  FROM turns
  CROSS JOIN settings
),
-- A chat that ran through a whole UTC day without a pause (scripts do, people do not) is cut at the end of that day:
-- so a session lies within two UTC days, and one day of lookback is enough.
full_days AS (
  SELECT user_id, conversation_id, day
  FROM shown
  GROUP BY user_id, conversation_id, day
  HAVING COUNT(CASE WHEN shown_at <= CAST(day AS TIMESTAMP) + idle THEN 1 END) > 0
    AND COUNT(CASE WHEN CAST(previous_at AS DATE) = day AND shown_at > previous_at + idle THEN 1 END) = 0
),
cut AS (
  SELECT
    shown.user_id, shown.conversation_id, shown.event_id, shown.shown_at, shown.replaces_event_id, shown.feedback,
    CASE
      WHEN shown.previous_at IS NULL OR shown.shown_at > shown.previous_at + shown.idle THEN 1
      WHEN CAST(shown.previous_at AS DATE) < shown.day AND full_days.day IS NOT NULL THEN 1
      ELSE 0
    END AS begins
  FROM shown
  LEFT JOIN full_days
    ON full_days.user_id = shown.user_id
    AND full_days.conversation_id = shown.conversation_id
    AND full_days.day = CAST(shown.previous_at AS DATE)
),
placed AS (
  SELECT
    user_id, conversation_id, event_id, shown_at, replaces_event_id, feedback, begins,
    SUM(begins) OVER (
      PARTITION BY user_id, conversation_id ORDER BY shown_at, event_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS number
  FROM cut
),
regenerations AS (
  SELECT again.user_id, again.conversation_id, again.number, COUNT(*) AS replies
  FROM placed AS again
  JOIN placed AS replaced
    ON replaced.event_id = again.replaces_event_id
    AND replaced.user_id = again.user_id
    AND replaced.conversation_id = again.conversation_id
    AND replaced.number = again.number
  WHERE again.replaces_event_id IS NOT NULL
    AND (replaced.shown_at < again.shown_at
      OR (replaced.shown_at = again.shown_at AND replaced.event_id < again.event_id))
  GROUP BY again.user_id, again.conversation_id, again.number
),
sums AS (
  SELECT
    user_id,
    conversation_id,
    number,
    MAX(CASE WHEN begins = 1 THEN event_id END)            AS first_event_id,
    MIN(shown_at)                                          AS started_at,
    MAX(shown_at)                                          AS ended_at,
    COUNT(*)                                               AS turns,
    COUNT(CASE WHEN feedback = 'complaint' THEN 1 END)     AS complaints,
    COUNT(CASE WHEN feedback = 'like' THEN 1 END)          AS likes
  FROM placed
  GROUP BY user_id, conversation_id, number
)
SELECT
  opening.day,
  MD5(CONCAT_WS('|', CAST(LENGTH(sums.user_id) AS VARCHAR), sums.user_id, sums.conversation_id,
    CAST(EPOCH_MS(sums.started_at) AS VARCHAR)))                                               AS session_id,
  sums.user_id,
  sums.conversation_id,
  opening.character_id,
  opening.model_id,
  opening.experiment_id,
  opening.arm,
  sums.started_at,
  sums.ended_at,
  opening.utc_offset_minutes,
  CAST(sums.started_at + COALESCE(opening.utc_offset_minutes, 0) * INTERVAL '1' MINUTE AS DATE) AS local_day,
  sums.turns,
  sums.turns - COALESCE(regenerations.replies, 0)                                               AS kept_turns,
  COALESCE(regenerations.replies, 0)                                                            AS regenerations,
  sums.complaints,
  sums.likes,
  COALESCE(clock.log_end <= sums.ended_at + settings.session_idle_minutes * INTERVAL '1' MINUTE, TRUE) AS open
FROM sums
JOIN turns AS opening
  ON opening.event_id = sums.first_event_id AND opening.day = CAST(sums.started_at AS DATE)
LEFT JOIN regenerations
  ON regenerations.user_id = sums.user_id
  AND regenerations.conversation_id = sums.conversation_id
  AND regenerations.number = sums.number
CROSS JOIN settings
CROSS JOIN clock
