/*
row: one unit of an experiment on one day, that is a conversation on the day of its first exposure, a user on each of the 14 days from the assignment on; and any unit on the day on which it is first seen in both arms
key: [day, experiment_id, unit, unit_id]
reads:
  sessions: [0, 0]
  assignments: [-13, 0]
  user_days: [-13, 1]
columns:
  experiment_id: VARCHAR, the experiment
  unit: VARCHAR, what was randomised, conversation or user
  unit_id: VARCHAR, the conversation or user
  user_id: VARCHAR, the user
  arm: VARCHAR, control or treatment, of the unit's first exposure
  epoch: VARCHAR, span of constant weights; weight_02500 is 25% treatment by the logged propensity, day_… the day of exposure where there is none
  assigned_at: TIMESTAMP, the first exposure (UTC)
  fresh: BOOLEAN, it was exposed on this day for the first time
  followed: BOOLEAN, what it does on this day counts; false for a conversation of before that is only seen in both arms
  crossed: BOOLEAN, it was seen in both arms by this day and not by the day before
  assigned_local_day: DATE, the user's local day of the exposure
  local_day_matures_on: DATE, UTC day that must be complete for this local day of the user to be over
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
-- Where a user's offset varies, the smallest makes its days end last.
offsets AS (
  SELECT days.day, user_days.user_id, MIN(user_days.utc_offset_minutes) AS utc_offset_minutes
  FROM days
  JOIN user_days ON user_days.day BETWEEN days.day - 13 AND days.day + 1
  GROUP BY days.day, user_days.user_id
)
SELECT
  exposures.day,
  exposures.experiment_id,
  exposures.unit,
  exposures.unit_id,
  exposures.user_id,
  exposures.arm,
  exposures.epoch,
  exposures.assigned_at,
  exposures.assigned_day = exposures.day                                 AS fresh,
  exposures.unit = 'user' OR exposures.assigned_day = exposures.day      AS followed,
  exposures.both_arms AND NOT exposures.both_arms_before                 AS crossed,
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
  AND (
    exposures.unit = 'user'
    OR exposures.assigned_day = exposures.day
    OR (exposures.both_arms AND NOT exposures.both_arms_before)
  )
