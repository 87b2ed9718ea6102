/*
row: one user on one local day with a start of its own, and whether the user came back soon; its day is the first UTC day of that local day with a start
key: [user_id, local_day]
reads:
  user_days: [-2, 2]
clock: true
horizons: [1, 2]
columns:
  user_id: VARCHAR, who was active
  local_day: DATE, the user's local day (UTC where the offset is unknown)
  utc_offset_minutes: BIGINT, the user's local time less UTC, minutes; 0 where unknown
  first_at: TIMESTAMP, first start of the local day (UTC)
  last_at: TIMESTAMP, last sign of the user in what began on the local day (UTC)
  returned_24h: BOOLEAN, a new start on a later local day within 24 hours of last_at; NULL until mature
  returned_next_day: BOOLEAN, a new start on the next local day; NULL until mature
  returned_24h_matures_on: DATE, UTC day that must be complete to tell returned_24h
  next_day_matures_on: DATE, UTC day that must be complete to tell returned_next_day
*/
WITH local_days AS (
  SELECT
    user_id,
    local_day,
    MIN(CASE WHEN starts > 0 THEN day END)       AS day,
    MIN(utc_offset_minutes)                      AS utc_offset_minutes,
    MIN(CASE WHEN starts > 0 THEN first_at END)  AS first_at,
    MAX(last_at)                                 AS last_at
  FROM user_days
  GROUP BY user_id, local_day
  HAVING MAX(starts) > 0
),
later AS (
  SELECT
    local_days.user_id,
    local_days.local_day,
    MIN(again.first_at)                                                              AS returned_at,
    COUNT(CASE WHEN again.local_day = local_days.local_day + 1 THEN 1 END)           AS next_day_starts
  FROM local_days
  JOIN user_days AS again
    ON again.user_id = local_days.user_id
    AND again.local_day > local_days.local_day
    AND again.day BETWEEN local_days.day AND local_days.day + 2
    AND again.starts > 0
  GROUP BY local_days.user_id, local_days.local_day
),
dated AS (
  SELECT
    local_days.day,
    local_days.user_id,
    local_days.local_day,
    local_days.utc_offset_minutes,
    local_days.first_at,
    local_days.last_at,
    COALESCE(later.returned_at <= local_days.last_at + INTERVAL '24' HOUR, FALSE)    AS within_24h,
    COALESCE(later.next_day_starts > 0, FALSE)                                       AS on_next_day,
    CAST(local_days.last_at + INTERVAL '24' HOUR AS DATE)                            AS returned_24h_matures_on,
    CAST(
      CAST(local_days.local_day + 2 AS TIMESTAMP) - local_days.utc_offset_minutes * INTERVAL '1' MINUTE
      - INTERVAL '1' SECOND AS DATE)                                                 AS next_day_matures_on,
    LEAST(clock.watermark, local_days.day + 2)                                       AS known_through,
    clock.watermark IS NOT NULL                                                      AS clock_runs
  FROM local_days
  LEFT JOIN later ON later.user_id = local_days.user_id AND later.local_day = local_days.local_day
  CROSS JOIN clock
)
SELECT
  day,
  user_id,
  local_day,
  utc_offset_minutes,
  first_at,
  last_at,
  CASE WHEN clock_runs AND returned_24h_matures_on <= known_through THEN within_24h END AS returned_24h,
  CASE WHEN clock_runs AND next_day_matures_on <= known_through THEN on_next_day END AS returned_next_day,
  returned_24h_matures_on,
  next_day_matures_on
FROM dated
