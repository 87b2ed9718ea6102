/*
row: one user on one local day, as far as it was active within one UTC day; a local day that spans two UTC days has a row in each
key: [day, user_id, local_day]
reads:
  sessions: [-2, 1]
  visits: [-2, 1]
  signups: [-2, 0]
settings: [denoise.session_idle_minutes]
columns:
  user_id: VARCHAR, who was active
  local_day: DATE, the user's local day (UTC where no offset is known of that day or the two before)
  utc_offset_minutes: BIGINT, the user's local time less UTC, minutes; 0 where unknown
  sessions: BIGINT, sessions that began
  turns: BIGINT, replies shown in the sessions that began
  visits: BIGINT, openings of the app
  starts: BIGINT, sessions, openings and sign-ups that began after a silence of this user longer than the idle gap
  first_at: TIMESTAMP, first of these starts, or of the sessions and openings where there is none (UTC)
  last_start_at: TIMESTAMP, last of these starts (UTC); NULL where there is none
  last_at: TIMESTAMP, last sign of the user in what began (UTC)
  source: VARCHAR, visits (openings were logged), turns (only chats tell) or signup (nothing but the sign-up)
*/
WITH seen AS (
  SELECT day, user_id, 'session' AS kind, started_at, ended_at, utc_offset_minutes, turns
  FROM sessions
  UNION ALL
  SELECT day, user_id, 'visit' AS kind, opened_at AS started_at, opened_at AS ended_at, utc_offset_minutes, 0 AS turns
  FROM visits
),
-- What carries no offset takes the nearest one that is known of the user on its UTC day or the two before: a later day
-- must not move it, since labels have matured by then.
borrowed AS (
  SELECT
    unknown.user_id,
    unknown.started_at,
    seen.utc_offset_minutes,
    ROW_NUMBER() OVER (
      PARTITION BY unknown.user_id, unknown.started_at
      ORDER BY ABS(EPOCH_MS(seen.started_at) - EPOCH_MS(unknown.started_at)), seen.started_at, seen.utc_offset_minutes
    ) AS place
  FROM (SELECT DISTINCT day, user_id, started_at FROM seen WHERE utc_offset_minutes IS NULL) AS unknown
  JOIN seen
    ON seen.user_id = unknown.user_id
    AND seen.utc_offset_minutes IS NOT NULL
    AND seen.day BETWEEN unknown.day - 2 AND unknown.day
),
-- A sign-up carries none either: it takes that of the user's first activity within the two days from it.
signup_offsets AS (
  SELECT
    signups.user_id,
    signups.signed_up_at,
    seen.utc_offset_minutes,
    ROW_NUMBER() OVER (PARTITION BY signups.user_id ORDER BY seen.started_at, seen.kind, seen.utc_offset_minutes) AS place
  FROM signups
  LEFT JOIN seen
    ON seen.user_id = signups.user_id
    AND seen.utc_offset_minutes IS NOT NULL
    AND seen.day BETWEEN signups.day AND signups.day + 1
),
activity AS (
  SELECT
    seen.day, seen.user_id, seen.kind, seen.started_at, seen.ended_at,
    COALESCE(seen.utc_offset_minutes, borrowed.utc_offset_minutes) AS utc_offset_minutes, seen.turns
  FROM seen
  LEFT JOIN borrowed
    ON borrowed.user_id = seen.user_id AND borrowed.started_at = seen.started_at AND borrowed.place = 1
  UNION ALL
  SELECT
    CAST(signed_up_at AS DATE) AS day, user_id, 'signup' AS kind, signed_up_at AS started_at, signed_up_at AS ended_at,
    utc_offset_minutes, 0 AS turns
  FROM signup_offsets
  WHERE place = 1
),
ordered AS (
  SELECT
    day, user_id, kind, started_at, ended_at, turns,
    COALESCE(utc_offset_minutes, 0) AS utc_offset_minutes,
    MAX(ended_at) OVER (
      PARTITION BY user_id ORDER BY started_at, kind, ended_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS busy_until
  FROM activity
),
local_activity AS (
  SELECT
    day, user_id, kind, started_at, ended_at, turns, utc_offset_minutes,
    CAST(started_at + utc_offset_minutes * INTERVAL '1' MINUTE AS DATE)                              AS local_day,
    CASE WHEN busy_until IS NULL OR started_at > busy_until + session_idle_minutes * INTERVAL '1' MINUTE
      THEN started_at END                                                                            AS fresh_at
  FROM ordered
  CROSS JOIN settings
)
SELECT
  day,
  user_id,
  local_day,
  MIN(utc_offset_minutes)                             AS utc_offset_minutes,
  COUNT(CASE WHEN kind = 'session' THEN 1 END)        AS sessions,
  CAST(SUM(turns) AS BIGINT)                          AS turns,
  COUNT(CASE WHEN kind = 'visit' THEN 1 END)          AS visits,
  COUNT(fresh_at)                                     AS starts,
  COALESCE(MIN(fresh_at), MIN(started_at))            AS first_at,
  MAX(fresh_at)                                       AS last_start_at,
  MAX(ended_at)                                       AS last_at,
  CASE
    WHEN COUNT(CASE WHEN kind = 'visit' THEN 1 END) > 0 THEN 'visits'
    WHEN COUNT(CASE WHEN kind = 'session' THEN 1 END) > 0 THEN 'turns'
    ELSE 'signup'
  END AS source
FROM local_activity
GROUP BY day, user_id, local_day
