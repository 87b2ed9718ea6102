/*
row: one user on one local day with a start of its own, how long the user was away before, and whether it came back; its day is the first UTC day of that local day with a start
key: [user_id, local_day]
reads:
  next_day_returns: [0, 0]
  first_seen: [0, 0]
  user_days: [-30, 9]
settings: [labels.absence_days]
clock: true
horizons: [1, 2, 3, 4, 5, 7, 8, 9]
columns:
  user_id: VARCHAR, who was active
  local_day: DATE, the user's local day (UTC where the offset is unknown)
  new_user: BOOLEAN, this was the user's first local day
  absent_days: BIGINT, whole local days without a start since the user's last one, at most 28; NULL for new users
  reengaged: BOOLEAN, absent_days is absence_days or more; NULL for new users
  returned_24h: BOOLEAN, a new start on a later local day within 24 hours of the last sign on this one; NULL until mature
  returned_next_day: BOOLEAN, a new start on the next local day; NULL until mature
  d1: BOOLEAN, returned_next_day of a new user; NULL for others and until mature
  d3: BOOLEAN, a new start on the third local day after, new users only; NULL for others and until mature
  d7: BOOLEAN, a new start on the seventh local day after, new users only; NULL for others and until mature
  returned_24h_matures_on: DATE, UTC day that must be complete to tell returned_24h
  next_day_matures_on: DATE, UTC day that must be complete to tell returned_next_day and d1
  d3_matures_on: DATE, UTC day that must be complete to tell d3; NULL where the user is not new
  d7_matures_on: DATE, UTC day that must be complete to tell d7; NULL where the user is not new
*/
WITH days AS (
  SELECT
    active.day,
    active.user_id,
    active.local_day,
    active.returned_24h,
    active.returned_next_day,
    active.returned_24h_matures_on,
    active.next_day_matures_on,
    first_seen.user_id IS NOT NULL AS new_user,
    CAST(active.local_day + 4 AS TIMESTAMP) - active.utc_offset_minutes * INTERVAL '1' MINUTE AS third_day_ends_at,
    CAST(active.local_day + 8 AS TIMESTAMP) - active.utc_offset_minutes * INTERVAL '1' MINUTE AS seventh_day_ends_at
  FROM next_day_returns AS active
  LEFT JOIN first_seen
    ON first_seen.user_id = active.user_id
    AND first_seen.day = active.day
    AND first_seen.first_local_day = active.local_day
),
later AS (
  SELECT
    days.user_id,
    days.local_day,
    COUNT(CASE WHEN again.local_day = days.local_day + 3 THEN 1 END) AS third_day_rows,
    COUNT(CASE WHEN again.local_day = days.local_day + 7 THEN 1 END) AS seventh_day_rows
  FROM days
  JOIN user_days AS again
    ON again.user_id = days.user_id
    AND again.day BETWEEN days.day AND days.day + 9
    AND again.starts > 0
  WHERE days.new_user
  GROUP BY days.user_id, days.local_day
),
-- What lies further back than 28 days is not in the window of every run, so it may not tell.
before AS (
  SELECT user_id, local_day, LAG(local_day) OVER (PARTITION BY user_id ORDER BY local_day) AS last_local_day
  FROM user_days
  WHERE starts > 0
  GROUP BY user_id, local_day
),
dated AS (
  SELECT
    days.day,
    days.user_id,
    days.local_day,
    days.new_user,
    CASE WHEN NOT days.new_user
      THEN LEAST(COALESCE(CAST(ROUND((EPOCH_MS(CAST(days.local_day AS TIMESTAMP))
        - EPOCH_MS(CAST(before.last_local_day AS TIMESTAMP))) / 864e5) AS BIGINT) - 1, 28), 28) END AS absent_days,
    days.returned_24h,
    days.returned_next_day,
    days.returned_24h_matures_on,
    days.next_day_matures_on,
    COALESCE(later.third_day_rows > 0, FALSE) AS on_third_day,
    COALESCE(later.seventh_day_rows > 0, FALSE) AS on_seventh_day,
    CASE WHEN days.new_user THEN CAST(days.third_day_ends_at - INTERVAL '1' SECOND AS DATE) END AS d3_matures_on,
    CASE WHEN days.new_user THEN CAST(days.seventh_day_ends_at - INTERVAL '1' SECOND AS DATE) END AS d7_matures_on
  FROM days
  LEFT JOIN later ON later.user_id = days.user_id AND later.local_day = days.local_day
  LEFT JOIN before ON before.user_id = days.user_id AND before.local_day = days.local_day
)
SELECT
  dated.day,
  dated.user_id,
  dated.local_day,
  dated.new_user,
  dated.absent_days,
  dated.absent_days >= settings.absence_days AS reengaged,
  dated.returned_24h,
  dated.returned_next_day,
  CASE WHEN dated.new_user THEN dated.returned_next_day END AS d1,
  CASE WHEN dated.d3_matures_on <= clock.watermark THEN dated.on_third_day END AS d3,
  CASE WHEN dated.d7_matures_on <= clock.watermark THEN dated.on_seventh_day END AS d7,
  dated.returned_24h_matures_on,
  dated.next_day_matures_on,
  dated.d3_matures_on,
  dated.d7_matures_on
FROM dated
CROSS JOIN clock
CROSS JOIN settings
