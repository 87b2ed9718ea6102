/*
row: what one user adds on one day to one metric of one arm. Randomised by conversation, these are the conversations first exposed on that day, followed to the end of the next day; randomised by user, it is the day itself of every user assigned within 14 days, absent or not
key: [day, experiment_id, unit, epoch, user_id, arm, metric]
reads:
  assignments: [-13, 0]
  sessions: [0, 1]
  reading: [0, 1]
  exits: [0, 1]
  returns: [-1, 1]
  user_days: [-13, 1]
clock: true
horizons: [1, 2]
columns:
  experiment_id: VARCHAR, the experiment
  unit: VARCHAR, what was randomised, conversation or user
  epoch: VARCHAR, span of constant weights; weight_02500 is 25% treatment by the logged propensity, day_… the day of exposure where there is none
  user_id: VARCHAR, the user
  arm: VARCHAR, control or treatment, of the unit's first exposure
  metric: VARCHAR, what units and total are of; see docs/statistics.md
  units: BIGINT, denominator, what of it is known and mature; conversations, user-days, replies or sessions; 0 is no known zero
  total: DOUBLE, sum over these units; replies, seconds, exits, returns, regenerations, complaints, or units seen in both arms that were not the day before
  eligible: BIGINT, units that would count if everything were known
*/
WITH days AS (
  SELECT DISTINCT day FROM sessions
),
exposures AS (
  SELECT
    days.day,
    assignments.experiment_id,
    assignments.unit,
    assignments.unit_id,
    assignments.user_id,
    assignments.arm,
    assignments.assigned_at,
    assignments.day AS assigned_day,
    CASE
      WHEN assignments.propensity IS NULL THEN CONCAT('day_', CAST(assignments.day AS VARCHAR))
      ELSE CONCAT('weight_', LPAD(CAST(CAST(ROUND(1e4 * CASE
        WHEN assignments.arm = 'treatment' THEN assignments.propensity
        ELSE 1e0 - assignments.propensity
      END) AS BIGINT) AS VARCHAR), 5, '0'))
    END AS epoch,
    ROW_NUMBER() OVER (
      PARTITION BY days.day, assignments.experiment_id, assignments.unit, assignments.unit_id
      ORDER BY assignments.assigned_at, assignments.arm
    ) AS place,
    MIN(assignments.arm) OVER seen <> MAX(assignments.arm) OVER seen AS both_arms,
    COALESCE(
      MIN(CASE WHEN assignments.day < days.day THEN assignments.arm END) OVER seen
      <> MAX(CASE WHEN assignments.day < days.day THEN assignments.arm END) OVER seen,
      FALSE
    ) AS both_arms_before
  FROM days
  JOIN assignments ON assignments.day BETWEEN days.day - 13 AND days.day
  WHERE assignments.arm IN ('control', 'treatment')
  WINDOW seen AS (PARTITION BY days.day, assignments.experiment_id, assignments.unit, assignments.unit_id)
),
-- A unit is exposed on its first day, and seen in both arms on the day on which the second arm appears, be it a later one.
exposure AS (
  SELECT
    day, experiment_id, unit, epoch, user_id, arm,
    SUM(CASE WHEN assigned_day = day THEN 1 ELSE 0 END)                   AS units,
    SUM(CASE WHEN both_arms AND NOT both_arms_before THEN 1 ELSE 0 END)   AS crossed
  FROM exposures
  WHERE place = 1
  GROUP BY day, experiment_id, unit, epoch, user_id, arm
),
-- Where a user's offset varies, the smallest makes its days end last.
offsets AS (
  SELECT days.day, user_days.user_id, MIN(user_days.utc_offset_minutes) AS utc_offset_minutes
  FROM days
  JOIN user_days ON user_days.day BETWEEN days.day - 13 AND days.day + 1
  GROUP BY days.day, user_days.user_id
),
exposed AS (
  SELECT
    exposures.day,
    exposures.experiment_id,
    exposures.unit,
    exposures.unit_id,
    exposures.user_id,
    exposures.arm,
    exposures.epoch,
    exposures.assigned_day = exposures.day AS fresh,
    CAST(
      exposures.assigned_at + COALESCE(offsets.utc_offset_minutes, 0) * INTERVAL '1' MINUTE AS DATE
    ) AS assigned_local_day,
    CAST(
      CAST(exposures.day + 1 AS TIMESTAMP)
      - COALESCE(offsets.utc_offset_minutes, 0) * INTERVAL '1' MINUTE
      - INTERVAL '1' SECOND AS DATE
    ) AS local_day_matures_on
  FROM exposures
  LEFT JOIN offsets ON offsets.day = exposures.day AND offsets.user_id = exposures.user_id
  WHERE exposures.place = 1
    AND (exposures.unit = 'user' OR exposures.assigned_day = exposures.day)
),
read AS (
  SELECT
    session_id,
    CAST(SUM(CAST(ROUND(COALESCE(effective_read_s, 0) * 1e3) AS BIGINT)) AS BIGINT) AS read_ms,
    COUNT(CASE WHEN effective_read_s IS NOT NULL OR background THEN 1 END)          AS read_known
  FROM reading
  GROUP BY session_id
),
-- Feedback that nobody gave and regenerations that nobody asked for, all day long, are not logged rather than zero.
logged AS (
  SELECT
    day,
    CASE WHEN SUM(likes + complaints) > 0 THEN 1 ELSE 0 END AS feedback,
    CASE WHEN SUM(regenerations) > 0 THEN 1 ELSE 0 END      AS regenerations
  FROM sessions
  GROUP BY day
),
chats AS (
  SELECT
    sessions.day,
    sessions.user_id,
    sessions.conversation_id,
    sessions.turns,
    sessions.regenerations,
    sessions.complaints,
    sessions.turns * logged.feedback                   AS feedback_turns,
    sessions.turns * logged.regenerations              AS regeneration_turns,
    CASE WHEN exits.kind <> 'open' THEN 1 ELSE 0 END   AS closed,
    CASE WHEN exits.kind = 'abrupt' THEN 1 ELSE 0 END  AS abrupt,
    COALESCE(read.read_known, 0)                       AS read_known,
    COALESCE(read.read_ms, 0)                          AS read_ms
  FROM sessions
  JOIN logged ON logged.day = sessions.day
  LEFT JOIN exits ON exits.session_id = sessions.session_id
  LEFT JOIN read ON read.session_id = sessions.session_id
),
units AS (
  SELECT
    exposed.day,
    exposed.experiment_id,
    exposed.unit,
    exposed.unit_id,
    exposed.user_id,
    exposed.arm,
    exposed.epoch,
    exposed.fresh,
    exposed.assigned_local_day,
    exposed.local_day_matures_on,
    COUNT(chats.turns)                         AS sessions,
    COALESCE(SUM(chats.turns), 0)              AS turns,
    COALESCE(SUM(chats.regenerations), 0)      AS regenerations,
    COALESCE(SUM(chats.complaints), 0)         AS complaints,
    COALESCE(SUM(chats.feedback_turns), 0)     AS feedback_turns,
    COALESCE(SUM(chats.regeneration_turns), 0) AS regeneration_turns,
    COALESCE(SUM(chats.closed), 0)             AS closed,
    COALESCE(SUM(chats.abrupt), 0)             AS abrupt,
    COALESCE(SUM(chats.read_known), 0)         AS read_known,
    COALESCE(SUM(chats.read_ms), 0)            AS read_ms
  FROM exposed
  LEFT JOIN chats
    ON chats.user_id = exposed.user_id
    AND (
      (exposed.unit = 'user' AND chats.day = exposed.day)
      OR (exposed.unit = 'conversation' AND chats.conversation_id = exposed.unit_id
        AND chats.day BETWEEN exposed.day AND exposed.day + 1)
    )
  GROUP BY
    exposed.day, exposed.experiment_id, exposed.unit, exposed.unit_id, exposed.user_id, exposed.arm, exposed.epoch,
    exposed.fresh, exposed.assigned_local_day, exposed.local_day_matures_on
),
starts AS (
  SELECT user_id, local_day
  FROM user_days
  WHERE starts > 0
  GROUP BY user_id, local_day
),
known AS (
  SELECT
    units.day,
    units.experiment_id,
    units.unit,
    units.user_id,
    units.arm,
    units.epoch,
    units.fresh,
    units.sessions,
    units.turns,
    units.regenerations,
    units.complaints,
    units.feedback_turns,
    units.regeneration_turns,
    units.closed,
    units.abrupt,
    units.read_known,
    units.read_ms,
    returns.returned_next_day,
    starts.user_id IS NOT NULL                                     AS started,
    units.day > units.assigned_local_day                           AS later_day,
    units.day >= units.assigned_local_day + 7                      AS seventh_day,
    COALESCE(units.local_day_matures_on <= clock.watermark, FALSE) AS local_day_over,
    -- An assigned user who stays away on a later day has sent nothing, once the day is complete: until then a mean over
    -- who has come so far would leave out who has not. A unit just exposed without a session is unknown.
    CASE
      WHEN units.fresh THEN units.sessions > 0
      ELSE COALESCE(units.day <= clock.watermark, FALSE)
    END                                                            AS countable
  FROM units
  CROSS JOIN clock
  LEFT JOIN returns ON returns.user_id = units.user_id AND returns.local_day = units.assigned_local_day
  LEFT JOIN starts ON starts.user_id = units.user_id AND starts.local_day = units.day
),
facts AS (
  SELECT
    day,
    experiment_id,
    unit,
    user_id,
    arm,
    epoch,
    CASE WHEN fresh THEN 1 ELSE 0 END                                             AS fresh,
    sessions,
    turns,
    regenerations,
    complaints,
    feedback_turns,
    regeneration_turns,
    closed,
    abrupt,
    CASE WHEN countable THEN 1 ELSE 0 END                                         AS send_known,
    CASE WHEN countable THEN turns ELSE 0 END                                     AS sent,
    CASE WHEN countable AND (sessions = 0 OR read_known > 0) THEN 1 ELSE 0 END    AS read_known,
    CASE WHEN countable THEN read_ms ELSE 0 END                                   AS read_ms,
    CASE WHEN fresh AND returned_next_day IS NOT NULL THEN 1 ELSE 0 END           AS return_known,
    CASE WHEN fresh AND returned_next_day THEN 1 ELSE 0 END                       AS returned,
    CASE WHEN later_day THEN 1 ELSE 0 END                                         AS later_day,
    CASE WHEN later_day AND local_day_over THEN 1 ELSE 0 END                      AS later_day_known,
    CASE WHEN seventh_day THEN 1 ELSE 0 END                                       AS seventh_day,
    CASE WHEN started THEN 1 ELSE 0 END                                           AS started
  FROM known
),
sums AS (
  SELECT
    day, experiment_id, unit, epoch, user_id, arm,
    COUNT(*)                                AS rows_of_user,
    SUM(fresh)                              AS fresh,
    SUM(sessions)                           AS sessions,
    SUM(turns)                              AS turns,
    SUM(sent)                               AS sent,
    SUM(regenerations)                      AS regenerations,
    SUM(complaints)                         AS complaints,
    SUM(feedback_turns)                     AS feedback_turns,
    SUM(regeneration_turns)                 AS regeneration_turns,
    SUM(closed)                             AS closed,
    SUM(abrupt)                             AS abrupt,
    SUM(send_known)                         AS send_known,
    SUM(read_known)                         AS read_known,
    SUM(read_ms)                            AS read_ms,
    SUM(return_known)                       AS return_known,
    SUM(returned)                           AS returned,
    SUM(later_day)                          AS later_day,
    SUM(later_day_known)                    AS later_day_known,
    SUM(later_day_known * started)          AS came_back,
    SUM(seventh_day)                        AS seventh_day,
    SUM(seventh_day * later_day_known)      AS seventh_day_known,
    SUM(seventh_day * later_day_known * started) AS came_seventh_day
  FROM facts
  GROUP BY day, experiment_id, unit, epoch, user_id, arm
),
metrics AS (
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'exposure' AS metric,
    units, crossed AS total, units AS eligible
  FROM exposure
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'chat_send' AS metric,
    send_known AS units, sent AS total, rows_of_user AS eligible
  FROM sums
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'chat_duration' AS metric,
    read_known AS units, read_ms / 1e3 AS total, rows_of_user AS eligible
  FROM sums
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'drop_off' AS metric,
    closed AS units, abrupt AS total, sessions AS eligible
  FROM sums
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'regeneration' AS metric,
    regeneration_turns AS units, regenerations AS total, turns AS eligible
  FROM sums
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'complaint' AS metric,
    feedback_turns AS units, complaints AS total, turns AS eligible
  FROM sums
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'next_day_return' AS metric,
    return_known AS units, returned AS total, fresh AS eligible
  FROM sums
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'daily_return' AS metric,
    later_day_known AS units, came_back AS total, later_day AS eligible
  FROM sums
  WHERE unit = 'user'
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'week_return' AS metric,
    seventh_day_known AS units, came_seventh_day AS total, seventh_day AS eligible
  FROM sums
  WHERE unit = 'user'
)
SELECT
  day,
  experiment_id,
  unit,
  epoch,
  user_id,
  arm,
  metric,
  CAST(units AS BIGINT)    AS units,
  CAST(total AS DOUBLE)    AS total,
  CAST(eligible AS BIGINT) AS eligible
FROM metrics
WHERE eligible > 0 OR total > 0
