/*
row: labels of one table, day and horizon that mature on one date; what is not mature is censored and is computed anew then. A label without a date, such as the return of a session that only continued the evening before, never matures and is left out
key: [table_name, label_day, horizon, matures_on]
reads:
  returns: [0, 0]
  absences: [0, 0]
  horizon_labels: [0, 0]
  decisions: [0, 0]
clock: true
horizons: [1, 2, 3, 4, 5, 7, 8, 9]
columns:
  table_name: VARCHAR, the table that holds the label
  label_day: DATE, its day
  horizon: VARCHAR, which label
  matures_on: DATE, last UTC day whose logs it needs
  mature: BOOLEAN, the logs of that day are complete
  rows: BIGINT, rows that may carry the label
  censored: BIGINT, of these, rows in which it is NULL
*/
WITH labels AS (
  SELECT 'returns' AS table_name, day, 'returned_24h' AS horizon, returned_24h_matures_on AS matures_on,
    CASE WHEN returned_24h IS NULL THEN 1 ELSE 0 END AS is_null
  FROM returns
  UNION ALL
  SELECT 'returns' AS table_name, day, 'next_day' AS horizon, next_day_matures_on AS matures_on,
    CASE WHEN returned_next_day IS NULL THEN 1 ELSE 0 END AS is_null
  FROM returns
  UNION ALL
  SELECT 'returns' AS table_name, day, 'd1' AS horizon, next_day_matures_on AS matures_on,
    CASE WHEN d1 IS NULL THEN 1 ELSE 0 END AS is_null
  FROM returns
  WHERE new_user
  UNION ALL
  SELECT 'returns' AS table_name, day, 'd3' AS horizon, d3_matures_on AS matures_on,
    CASE WHEN d3 IS NULL THEN 1 ELSE 0 END AS is_null
  FROM returns
  WHERE new_user
  UNION ALL
  SELECT 'returns' AS table_name, day, 'd7' AS horizon, d7_matures_on AS matures_on,
    CASE WHEN d7 IS NULL THEN 1 ELSE 0 END AS is_null
  FROM returns
  WHERE new_user
  UNION ALL
  SELECT 'absences' AS table_name, day, 'reengaged' AS horizon, reengaged_matures_on AS matures_on,
    CASE WHEN reengaged IS NULL THEN 1 ELSE 0 END AS is_null
  FROM absences
  UNION ALL
  SELECT 'horizon_labels' AS table_name, day, 'immediate' AS horizon, day + 1 AS matures_on,
    CASE WHEN immediate IS NULL THEN 1 ELSE 0 END AS is_null
  FROM horizon_labels
  UNION ALL
  SELECT 'horizon_labels' AS table_name, day, 'delayed_5' AS horizon, day + 1 AS matures_on,
    CASE WHEN delayed_5 IS NULL THEN 1 ELSE 0 END AS is_null
  FROM horizon_labels
  UNION ALL
  SELECT 'horizon_labels' AS table_name, day, 'delayed_session' AS horizon, delayed_session_matures_on AS matures_on,
    CASE WHEN delayed_session IS NULL THEN 1 ELSE 0 END AS is_null
  FROM horizon_labels
  UNION ALL
  -- What a decision could not know yet: whether those who came on its day return on their next local day.
  SELECT 'decisions' AS table_name, day, 'next_day' AS horizon, day + 2 AS matures_on,
    CASE WHEN clock.watermark >= day + 2 THEN 0 ELSE 1 END AS is_null
  FROM decisions
  CROSS JOIN clock
)
SELECT
  labels.day,
  labels.table_name,
  labels.day AS label_day,
  labels.horizon,
  labels.matures_on,
  COALESCE(labels.matures_on <= clock.watermark, FALSE) AS mature,
  COUNT(*) AS rows,
  CAST(SUM(labels.is_null) AS BIGINT) AS censored
FROM labels
CROSS JOIN clock
WHERE labels.matures_on IS NOT NULL
GROUP BY labels.day, labels.table_name, labels.horizon, labels.matures_on, clock.watermark
