/*
row: the first sight of one user; its day is the UTC day of that sight
key: [user_id]
reads:
  user_days: [0, 0]
  signups: [0, 0]
  first_seen: before
columns:
  user_id: VARCHAR, the user
  first_at: TIMESTAMP, when the user was first seen (UTC)
  first_local_day: DATE, the user's local day of that time
  source: VARCHAR, signup where the sign-up was logged on that day, first_sight where not
*/
WITH sights AS (
  SELECT
    day, user_id, local_day, first_at,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY first_at, local_day) AS place
  FROM user_days
),
signed AS (
  SELECT DISTINCT user_id, day
  FROM signups
)
SELECT
  sights.day,
  sights.user_id,
  sights.first_at,
  sights.local_day AS first_local_day,
  CASE WHEN signed.user_id IS NOT NULL THEN 'signup' ELSE 'first_sight' END AS source
FROM sights
LEFT JOIN signed ON signed.user_id = sights.user_id AND signed.day = sights.day
LEFT JOIN first_seen ON first_seen.user_id = sights.user_id
WHERE sights.place = 1 AND first_seen.user_id IS NULL
