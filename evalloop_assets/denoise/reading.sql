/*
row: how one reply was read; its day is that of its session. All about reading is NULL where the log does not tell how long the reply was in front of the user
key: [event_id]
reads:
  turns: [0, 1]
  sessions: [0, 0]
settings: [denoise.slowest_cps, denoise.pause_seconds, denoise.fastest_cps, denoise.background_seconds]
columns:
  event_id: VARCHAR, the reply
  session_id: VARCHAR, its session
  user_id: VARCHAR, who read it
  conversation_id: VARCHAR, the conversation it belongs to
  model_id: VARCHAR, the model that wrote it
  root_event_id: VARCHAR, first version of this reply, followed through its regenerations within the session
  position: BIGINT, place among the session's kept replies counted from 1; NULL where it was regenerated away
  shown_at: TIMESTAMP, when it was fully shown (UTC)
  reply_chars: BIGINT, its length in characters
  script: VARCHAR, script of the reply's text, han, latin or other; NULL where the log does not hold it
  effective_read_s: DOUBLE, seconds of reading, less background and typing, capped at slowest_cps plus a pause; NULL where unknown or in the background
  chars_per_second: DOUBLE, reading speed, at most fastest_cps
  speed_percentile: DOUBLE, mid-rank of the speed among the session's read replies, 0 slowest to 1 fastest
  background: BOOLEAN, the time shown is no reading, since the app was in the background or the user away
  background_score: DOUBLE, evidence from 0 to 1 that part of the time shown was background; NULL where unknown
  reason: VARCHAR, read, skipped, capped, background, error, interpolated or unknown
*/
WITH RECURSIVE placed AS (
  SELECT
    sessions.day, turns.event_id, sessions.session_id, turns.user_id, turns.conversation_id, turns.model_id, turns.shown_at,
    turns.replaces_event_id, turns.error, turns.time_source, turns.dwell_ms, turns.foreground_ms,
    COALESCE(turns.reply_chars, LENGTH(turns.reply_text))                                AS reply_chars,
    SUBSTRING(turns.reply_text, 1, 100)                                                  AS opening,
    GREATEST(
      LEAST(COALESCE(turns.foreground_ms, turns.dwell_ms), turns.dwell_ms) - COALESCE(turns.typing_ms, 0), 0
    ) / 1e3                                                                              AS read_s,
    COALESCE(turns.scrolls, 0) + COALESCE(turns.clicks, 0)                               AS acts
  FROM sessions
  JOIN turns
    ON turns.user_id = sessions.user_id
    AND turns.conversation_id = sessions.conversation_id
    AND turns.shown_at BETWEEN sessions.started_at AND sessions.ended_at
),
replacements AS (
  SELECT again.event_id, replaced.event_id AS replaced_event_id
  FROM placed AS again
  JOIN placed AS replaced
    ON replaced.event_id = again.replaces_event_id AND replaced.session_id = again.session_id
  WHERE again.replaces_event_id IS NOT NULL
    AND (replaced.shown_at < again.shown_at
      OR (replaced.shown_at = again.shown_at AND replaced.event_id < again.event_id))
),
versions AS (
  SELECT replacements.event_id, replacements.replaced_event_id AS root_event_id
  FROM replacements
  LEFT JOIN replacements AS earlier ON earlier.event_id = replacements.replaced_event_id
  WHERE earlier.event_id IS NULL
  UNION ALL
  SELECT replacements.event_id, versions.root_event_id
  FROM replacements
  JOIN versions ON versions.event_id = replacements.replaced_event_id
),
rooted AS (
  SELECT
    placed.*,
    COALESCE(versions.root_event_id, placed.event_id) AS root_event_id
  FROM placed
  LEFT JOIN versions ON versions.event_id = placed.event_id
),
kept AS (
  SELECT
    rooted.*,
    ROW_NUMBER() OVER (
      PARTITION BY rooted.session_id, rooted.root_event_id ORDER BY rooted.shown_at DESC, rooted.event_id DESC
    ) = 1 AS is_kept
  FROM rooted
),
judged AS (
  SELECT
    kept.*,
    CASE
      WHEN kept.error THEN 'error'
      WHEN kept.time_source = 'interpolated' THEN 'interpolated'
      WHEN kept.dwell_ms IS NULL OR kept.reply_chars IS NULL OR kept.reply_chars = 0 THEN 'unknown'
      WHEN kept.foreground_ms = 0 AND kept.dwell_ms > 0 THEN 'background'
      WHEN kept.read_s > settings.background_seconds AND kept.acts = 0 THEN 'background'
      WHEN kept.reply_chars > settings.fastest_cps * kept.read_s THEN 'skipped'
      WHEN kept.read_s > kept.reply_chars / NULLIF(settings.slowest_cps, 0) + settings.pause_seconds THEN 'capped'
      ELSE 'read'
    END AS reason,
    LEAST(kept.read_s, kept.reply_chars / NULLIF(settings.slowest_cps, 0) + settings.pause_seconds) AS capped_s,
    settings.fastest_cps
  FROM kept
  CROSS JOIN settings
),
timed AS (
  SELECT
    judged.*,
    CASE WHEN reason IN ('read', 'skipped', 'capped') THEN capped_s END AS effective_read_s,
    CASE WHEN reason IN ('read', 'skipped', 'capped')
      THEN LEAST(COALESCE(reply_chars / NULLIF(capped_s, 0), fastest_cps), fastest_cps) END AS chars_per_second
  FROM judged
)
SELECT
  day,
  event_id,
  session_id,
  user_id,
  conversation_id,
  model_id,
  root_event_id,
  CASE WHEN is_kept THEN ROW_NUMBER() OVER (PARTITION BY session_id, is_kept ORDER BY shown_at, event_id) END AS position,
  shown_at,
  reply_chars,
  CASE
    WHEN REGEXP_MATCHES(opening, '[ぁ-ヿ가-힣]') THEN 'other'
    WHEN REGEXP_MATCHES(opening, '[一-鿿]') THEN 'han'
    WHEN REGEXP_MATCHES(opening, '[A-Za-z]') THEN 'latin'
    WHEN opening <> '' THEN 'other'
  END AS script,
  effective_read_s,
  chars_per_second,
  CASE WHEN chars_per_second IS NOT NULL THEN (
    RANK() OVER (PARTITION BY session_id, chars_per_second IS NOT NULL ORDER BY chars_per_second)
    + (COUNT(*) OVER (PARTITION BY session_id, chars_per_second) - 1) / 2e0 - 5e-1
  ) / NULLIF(COUNT(chars_per_second) OVER (PARTITION BY session_id), 0) END AS speed_percentile,
  CASE WHEN reason NOT IN ('error', 'interpolated', 'unknown') THEN reason = 'background' END AS background,
  CASE WHEN reason NOT IN ('error', 'interpolated', 'unknown')
    THEN CASE WHEN reason = 'background' THEN 1e0 ELSE 0e0 END END AS background_score,
  reason
FROM timed
