/*
row: one user who stayed away for absence_days whole local days, and whether the user came back in the week after them; its day is the UTC day in which the last of the days away ended
key: [user_id, last_local_day]
reads:
  user_days: [-30, 7]
settings: [labels.absence_days]
clock: true
horizons: [0, 7]
columns:
  user_id: VARCHAR, who stayed away
  last_local_day: DATE, the user's last local day with a start before (UTC where the offset is unknown)
  reengaged: BOOLEAN, a new start on one of the seven local days after the days away; NULL until mature
  reengaged_matures_on: DATE, UTC day that must be complete to tell reengaged
*/
WITH local_days AS (
  SELECT user_id, local_day, MIN(utc_offset_minutes) AS utc_offset_minutes
  FROM user_days
  WHERE starts > 0
  GROUP BY user_id, local_day
),
followed AS (
  SELECT
    user_id, local_day, utc_offset_minutes,
    CAST(local_day + absence_days * INTERVAL '1' DAY AS DATE)      AS last_day_away,
    LEAD(local_day) OVER (PARTITION BY user_id ORDER BY local_day) AS next_local_day
  FROM local_days
  CROSS JOIN settings
),
absent AS (
  SELECT
    user_id,
    local_day AS last_local_day,
    next_local_day <= last_day_away + 7 AS came_back,
    CAST(
      CAST(last_day_away + 1 AS TIMESTAMP) - utc_offset_minutes * INTERVAL '1' MINUTE
      - INTERVAL '1' SECOND AS DATE) AS day
  FROM followed
  WHERE next_local_day IS NULL OR next_local_day > last_day_away
)
SELECT
  absent.day,
  absent.user_id,
  absent.last_local_day,
  CASE WHEN absent.day + 7 <= clock.watermark THEN COALESCE(absent.came_back, FALSE) END AS reengaged,
  absent.day + 7 AS reengaged_matures_on
FROM absent
CROSS JOIN clock
WHERE absent.day <= clock.watermark
