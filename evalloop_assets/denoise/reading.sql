/*
row: how one reply was read; its day is that of its session. All about reading is NULL where the log does not tell how long the reply was in front of the user
key: [event_id]
reads:
  turns: [0, 1]
  sessions: [0, 0]
settings: [denoise.slowest_cps, denoise.typical_cps, denoise.fastest_cps, denoise.han_pace, denoise.other_pace, denoise.typing_cps, denoise.thinking_seconds, denoise.pause_seconds, denoise.pace_spread, denoise.away_deviations, denoise.idle_deviations, denoise.away_seconds, denoise.background_seconds, denoise.pace_replies, denoise.imputed_replies]
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
  effective_read_s: DOUBLE, seconds of reading, less background and typing, capped at the slowest reading of the script plus a pause; NULL where unknown
  chars_per_second: DOUBLE, reading speed, at most the fastest of the script
  speed_percentile: DOUBLE, mid-rank of the speed among the session's read replies, 0 slowest to 1 fastest
  background: BOOLEAN, part of the time shown is no reading, since the app was in the background or the user away; background_score is at least one half
  background_score: DOUBLE, evidence from 0 to 1 that part of the time shown was background; NULL where unknown
  reason: VARCHAR, read, skipped, capped, partial (away for a part, the rest was read), shared (typing was not logged, its usual share is taken off), background (it cannot be told how much of the time was reading), error, interpolated, imputed (a constant of the log, no time of reading) or unknown
*/
WITH RECURSIVE opened AS (
  SELECT
    sessions.day, turns.event_id, sessions.session_id, turns.user_id, turns.conversation_id, turns.model_id,
    turns.shown_at, turns.replaces_event_id,
    turns.dwell_ms, turns.foreground_ms, turns.typing_ms,
    COALESCE(turns.reply_chars, LENGTH(turns.reply_text))                                AS reply_chars,
    COALESCE(turns.user_chars, LENGTH(turns.user_text))                                  AS user_chars,
    SUBSTRING(turns.reply_text, 1, 60)                                                   AS opening,
    CASE WHEN turns.scrolls IS NOT NULL OR turns.clicks IS NOT NULL
      THEN COALESCE(turns.scrolls, 0) + COALESCE(turns.clicks, 0) END                    AS acts,
    CASE
      WHEN turns.error THEN 'error'
      WHEN turns.time_source = 'interpolated' THEN 'interpolated'
      WHEN turns.dwell_ms IS NULL OR COALESCE(turns.reply_chars, LENGTH(turns.reply_text), 0) = 0 THEN 'unknown'
    END                                                                                  AS untold
  FROM sessions
  JOIN turns
    ON turns.user_id = sessions.user_id
    AND turns.conversation_id = sessions.conversation_id
    AND turns.shown_at BETWEEN sessions.started_at AND sessions.ended_at
),
placed AS (
  SELECT
    day, event_id, session_id, user_id, conversation_id, model_id, shown_at, replaces_event_id,
    dwell_ms, foreground_ms, typing_ms, reply_chars, user_chars, acts, untold,
    CASE
      WHEN opening IS NULL OR opening = '' THEN NULL
      WHEN BIT_LENGTH(opening) < 12 * LENGTH(opening) THEN 'latin'
      WHEN REGEXP_MATCHES(opening, '[ぁ-ヿ가-힣]')
        AND LENGTH(REGEXP_REPLACE(opening, '[ぁ-ヿ가-힣]+', '', 'g')) < 9e-1 * LENGTH(opening) THEN 'other'
      WHEN REGEXP_MATCHES(opening, '[㐀-鿿]') THEN 'han'
      ELSE 'other'
    END                                                                                  AS script
  FROM opened
),
replacements AS (
  SELECT again.event_id, again.shown_at, replaced.event_id AS replaced_event_id, replaced.shown_at AS replaced_at
  FROM placed AS again
  JOIN placed AS replaced
    ON replaced.event_id = again.replaces_event_id AND replaced.session_id = again.session_id
  WHERE again.replaces_event_id IS NOT NULL
    AND (replaced.shown_at < again.shown_at
      OR (replaced.shown_at = again.shown_at AND replaced.event_id < again.event_id))
),
versions AS (
  SELECT replacements.event_id, replacements.shown_at, replacements.replaced_event_id AS root_event_id
  FROM replacements
  LEFT JOIN replacements AS earlier ON earlier.event_id = replacements.replaced_event_id
  WHERE earlier.event_id IS NULL
  UNION ALL
  SELECT replacements.event_id, replacements.shown_at, versions.root_event_id
  FROM replacements
  JOIN versions ON versions.event_id = replacements.replaced_event_id
),
regenerated AS (
  SELECT
    event_id,
    root_event_id,
    ROW_NUMBER() OVER (PARTITION BY root_event_id ORDER BY shown_at DESC, event_id DESC) = 1 AS is_kept
  FROM (
    SELECT event_id, shown_at, root_event_id FROM versions
    UNION ALL
    SELECT DISTINCT replacements.replaced_event_id, replacements.replaced_at, replacements.replaced_event_id
    FROM replacements
    JOIN versions ON versions.root_event_id = replacements.replaced_event_id
  ) AS members
),
-- A value that stands out from those about it on the same grid of rounding is a time-out or a heartbeat.
round_dwells AS (
  SELECT
    day, user_id, dwell_ms,
    COUNT(*)                                          AS replies,
    CASE WHEN dwell_ms % 1000 = 0 THEN 1000 ELSE 100 END AS grid
  FROM placed
  WHERE untold IS NULL AND dwell_ms % 100 = 0
  GROUP BY day, user_id, dwell_ms
),
dwells AS (
  SELECT day, dwell_ms, grid, CAST(SUM(replies) AS BIGINT) AS replies
  FROM round_dwells
  GROUP BY day, dwell_ms, grid
),
day_replies AS (
  SELECT day, COUNT(*) AS replies
  FROM placed
  WHERE untold IS NULL
  GROUP BY day
),
constants_of_days AS (
  SELECT often.day, often.dwell_ms
  FROM dwells AS often
  CROSS JOIN settings
  JOIN day_replies ON day_replies.day = often.day
  LEFT JOIN dwells AS near
    ON near.day = often.day
    AND near.dwell_ms % often.grid = 0
    AND near.dwell_ms <> often.dwell_ms
    AND near.dwell_ms BETWEEN often.dwell_ms / 2e0 AND 2 * GREATEST(often.dwell_ms, 1000)
  WHERE often.replies >= settings.imputed_replies AND often.replies >= 1e-3 * day_replies.replies
  GROUP BY often.day, often.dwell_ms, often.replies
  HAVING often.replies >= 10 * COALESCE(AVG(near.replies), 0)
),
constants_of_users AS (
  SELECT often.day, often.user_id, often.dwell_ms
  FROM round_dwells AS often
  CROSS JOIN settings
  LEFT JOIN round_dwells AS near
    ON near.day = often.day
    AND near.user_id = often.user_id
    AND near.dwell_ms % often.grid = 0
    AND near.dwell_ms <> often.dwell_ms
    AND near.dwell_ms BETWEEN often.dwell_ms / 2e0 AND 2 * GREATEST(often.dwell_ms, 1000)
  WHERE often.replies >= settings.imputed_replies
  GROUP BY often.day, often.user_id, often.dwell_ms, often.replies
  HAVING often.replies >= 10 * COALESCE(AVG(near.replies), 0)
),
ordered AS (
  SELECT
    placed.day, placed.event_id, placed.session_id, placed.user_id, placed.conversation_id, placed.model_id,
    placed.shown_at, placed.reply_chars, placed.acts, placed.dwell_ms, placed.typing_ms, placed.foreground_ms,
    COALESCE(regenerated.root_event_id, placed.event_id)                                 AS root_event_id,
    COALESCE(regenerated.is_kept, TRUE)                                                  AS is_kept,
    SUM(CASE WHEN COALESCE(regenerated.is_kept, TRUE) THEN 1 ELSE 0 END) OVER (
      PARTITION BY placed.session_id ORDER BY placed.shown_at, placed.event_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)                                  AS kept_so_far,
    -- A regeneration repeats the message, nobody types it again.
    LEAD(CASE WHEN placed.replaces_event_id IS NULL THEN placed.user_chars END) OVER (
      PARTITION BY placed.session_id ORDER BY placed.shown_at, placed.event_id)          AS next_chars,
    CASE
      WHEN placed.untold IS NOT NULL THEN placed.untold
      WHEN constants_of_days.dwell_ms IS NOT NULL OR constants_of_users.dwell_ms IS NOT NULL THEN 'imputed'
    END                                                                                  AS untold,
    placed.script
  FROM placed
  LEFT JOIN regenerated ON regenerated.event_id = placed.event_id
  LEFT JOIN constants_of_days
    ON constants_of_days.day = placed.day AND constants_of_days.dwell_ms = placed.dwell_ms
  LEFT JOIN constants_of_users
    ON constants_of_users.day = placed.day
    AND constants_of_users.user_id = placed.user_id
    AND constants_of_users.dwell_ms = placed.dwell_ms
),
paced AS (
  SELECT
    ordered.*,
    CASE script WHEN 'han' THEN settings.han_pace WHEN 'other' THEN settings.other_pace ELSE 1e0 END AS pace
  FROM ordered
  CROSS JOIN settings
),
-- Seconds that reading the reply, and typing the answer where that is not logged, take a typical person.
needed AS (
  SELECT
    paced.*,
    reply_chars / NULLIF(settings.typical_cps * pace, 0)                                 AS needed_s,
    CASE WHEN typing_ms IS NULL THEN COALESCE(next_chars, 0) / NULLIF(settings.typing_cps * pace, 0) ELSE 0e0 END
      AS typing_s,
    (LEAST(COALESCE(foreground_ms, dwell_ms), dwell_ms) - COALESCE(typing_ms, 0)) / 1e3  AS active_s,
    (dwell_ms - foreground_ms) / 1e3                                                     AS away_s,
    settings.thinking_seconds
  FROM paced
  CROSS JOIN settings
),
timed AS (
  SELECT
    needed.*,
    CASE WHEN untold IS NULL
      THEN LN((GREATEST(active_s, 0) + thinking_seconds) / NULLIF(needed_s + typing_s + thinking_seconds, 0))
    END                                                                                  AS log_time
  FROM needed
),
-- The mean of speeds, in which absences count for almost nothing, finds a reader's pace; the times about it tell more.
-- Sums are of whole millionths, so that their order does not matter.
readers AS (
  SELECT
    day, user_id, COALESCE(script, '')                                                   AS script,
    -LN(AVG(CAST(ROUND(1e6 * LEAST(EXP(-log_time), 4e0)) AS BIGINT)) / 1e6)              AS about
  FROM timed
  WHERE log_time IS NOT NULL
  GROUP BY day, user_id, COALESCE(script, '')
),
compared AS (
  SELECT
    readers.day, readers.user_id, readers.script, readers.about, timed.acts,
    timed.log_time BETWEEN readers.about - 12e-1 AND readers.about + 8e-1                AS is_near,
    CAST(ROUND(1e6 * timed.log_time) AS BIGINT)                                          AS log_time,
    CASE WHEN timed.log_time < readers.about
      THEN CAST(ROUND(1e6 * (readers.about - timed.log_time) * (readers.about - timed.log_time)) AS BIGINT)
    END                                                                                  AS square,
    CASE WHEN timed.acts IS NOT NULL
      THEN CAST(ROUND(1e3 * EXP(timed.log_time) * (timed.needed_s + timed.typing_s + timed.thinking_seconds)) AS BIGINT)
    END                                                                                  AS acting_ms
  FROM timed
  JOIN readers
    ON readers.day = timed.day
    AND readers.user_id = timed.user_id
    AND readers.script = COALESCE(timed.script, '')
  WHERE timed.log_time IS NOT NULL
),
-- The spread is that of the faster half, which no absence has touched.
habits AS (
  SELECT
    day, user_id, script,
    GREATEST(COUNT(CASE WHEN is_near THEN 1 END), 1)                                     AS replies,
    COALESCE(AVG(CASE WHEN is_near THEN log_time END) / 1e6, MIN(about))                 AS middle,
    SQRT(AVG(CASE WHEN is_near THEN square END) / 1e6)                                   AS spread,
    1e3 * SUM(CASE WHEN is_near THEN acts END) / NULLIF(SUM(CASE WHEN is_near THEN acting_ms END), 0) AS act_rate
  FROM compared
  GROUP BY day, user_id, script
),
-- Each reader has one voice, so that a script with a million replies is one among many.
usual AS (
  SELECT
    habits.day, habits.script,
    SUM(replies)                                                                         AS replies,
    COUNT(*)                                                                             AS readers,
    PERCENTILE_CONT(5e-1) WITHIN GROUP (ORDER BY middle)                                 AS middle,
    COUNT(CASE WHEN replies >= 5 THEN 1 END)                                             AS spread_readers,
    PERCENTILE_CONT(5e-1) WITHIN GROUP (ORDER BY CASE WHEN replies >= 5 THEN spread END) AS spread
  FROM habits
  GROUP BY habits.day, habits.script
),
expected AS (
  SELECT
    habits.day, habits.user_id, habits.script, habits.act_rate, habits.replies, habits.middle, habits.spread,
    usual.replies >= settings.pace_replies                                               AS is_known,
    usual.readers * usual.middle / NULLIF(usual.readers + 5, 0)                          AS usual_middle,
    (usual.spread_readers * COALESCE(usual.spread, 0) + 5 * settings.pace_spread)
      / NULLIF(usual.spread_readers + 5, 0)                                              AS usual_spread,
    LN(settings.typical_cps / NULLIF(settings.slowest_cps, 0))                           AS slowest
  FROM habits
  JOIN usual ON usual.day = habits.day AND usual.script = habits.script
  CROSS JOIN settings
),
shrunk AS (
  SELECT
    day, user_id, script, act_rate, replies, is_known,
    LEAST(((replies - 1) * middle + 5e-1 * usual_middle) / NULLIF(replies - 5e-1, 0), slowest) AS middle,
    GREATEST((replies * COALESCE(spread, usual_spread) + 20 * usual_spread) / NULLIF(replies + 20, 0), 15e-2)
                                                                                         AS spread
  FROM expected
),
-- Acts tell how long somebody was there: each more, or less, than usual moves the time that is to be expected.
weighed AS (
  SELECT
    timed.*,
    shrunk.is_known,
    shrunk.middle,
    shrunk.spread * SQRT(1 + 1 / NULLIF(shrunk.replies - 5e-1, 0))                       AS spread,
    shrunk.act_rate * (timed.needed_s + timed.typing_s + timed.thinking_seconds) * EXP(shrunk.middle) AS usual_acts
  FROM timed
  LEFT JOIN shrunk
    ON shrunk.day = timed.day
    AND shrunk.user_id = timed.user_id
    AND shrunk.script = COALESCE(timed.script, '')
    AND timed.log_time IS NOT NULL
),
compared_to_habit AS (
  SELECT
    weighed.*,
    (log_time - middle - COALESCE((acts - usual_acts) / NULLIF(usual_acts + 1 / NULLIF(spread * spread, 0), 0), 0e0))
      / NULLIF(spread, 0)                                                                AS z,
    GREATEST(active_s, 0) * CASE WHEN is_known AND typing_s > 0
      THEN (needed_s + thinking_seconds) / NULLIF(needed_s + typing_s + thinking_seconds, 0) ELSE 1e0
    END                                                                                  AS read_s
  FROM weighed
),
bounded AS (
  SELECT
    compared_to_habit.*,
    (z * ABS(z)
      - POWER(CASE WHEN foreground_ms IS NULL THEN settings.away_deviations ELSE settings.idle_deviations END, 2)
    ) / 2                                                                                AS log_odds,
    reply_chars / NULLIF(settings.slowest_cps * pace, 0) + settings.pause_seconds        AS longest_s,
    settings.fastest_cps * pace                                                          AS fastest_cps,
    settings.background_seconds,
    settings.away_seconds
  FROM compared_to_habit
  CROSS JOIN settings
),
scored AS (
  SELECT
    bounded.*,
    1 / NULLIF(1 + EXP(-LEAST(GREATEST(log_odds, -50e0), 50e0)), 0)                      AS slowness,
    read_s > GREATEST(background_seconds, longest_s) AND COALESCE(acts, 0) = 0           AS is_endless
  FROM bounded
),
-- While a day's log is too small to tell what is usual, only a time without end is an absence.
absent AS (
  SELECT
    scored.*,
    CASE WHEN is_known THEN slowness ELSE slowness / 2 + CASE WHEN is_endless THEN 5e-1 ELSE 0e0 END END AS absence,
    CASE WHEN away_s > 0 THEN away_s / NULLIF(away_s + away_seconds, 0) ELSE 0e0 END     AS away
  FROM scored
),
judged AS (
  SELECT
    absent.*,
    CASE WHEN untold IS NULL THEN GREATEST(absence, away) END                            AS background_score,
    absence >= 5e-1 OR COALESCE(foreground_ms = 0 AND dwell_ms > 0, FALSE)               AS is_lost
  FROM absent
),
told AS (
  SELECT
    judged.*,
    background_score >= 5e-1                                                             AS background,
    CASE
      WHEN untold IS NOT NULL THEN untold
      WHEN is_lost THEN 'background'
      WHEN reply_chars > fastest_cps * read_s THEN 'skipped'
      WHEN read_s > longest_s THEN 'capped'
      WHEN background_score >= 5e-1 THEN 'partial'
      WHEN is_known AND typing_s > 0 THEN 'shared'
      ELSE 'read'
    END                                                                                  AS reason,
    CASE WHEN untold IS NULL AND NOT is_lost THEN LEAST(read_s, longest_s) END           AS effective_read_s
  FROM judged
),
clocked AS (
  SELECT
    told.*,
    CASE WHEN effective_read_s IS NOT NULL
      THEN LEAST(COALESCE(reply_chars / NULLIF(effective_read_s, 0), fastest_cps), fastest_cps) END AS chars_per_second
  FROM told
)
SELECT
  day,
  event_id,
  session_id,
  user_id,
  conversation_id,
  model_id,
  root_event_id,
  CASE WHEN is_kept THEN CAST(kept_so_far AS BIGINT) END AS position,
  shown_at,
  reply_chars,
  script,
  effective_read_s,
  chars_per_second,
  CASE WHEN chars_per_second IS NOT NULL THEN (
    RANK() OVER (PARTITION BY session_id ORDER BY chars_per_second) - 1
    + COUNT(*) OVER (
      PARTITION BY session_id ORDER BY chars_per_second RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
  ) / NULLIF(2 * COUNT(chars_per_second) OVER (
      PARTITION BY session_id ORDER BY chars_per_second ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), 0)
  END AS speed_percentile,
  background,
  background_score,
  reason
FROM clocked
