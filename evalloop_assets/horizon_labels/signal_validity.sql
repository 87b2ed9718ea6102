/*
row: how far one signal of behaviour goes with coming back on the next local day, over the seven days up to this one, and whether it does so less than over the 28 days before them. Correlations are within days; intervals are at 95%, clustered by user over all the days, through the groups of signal_sums
key: [day, signal]
reads:
  signal_sums: [-34, 0]
settings: [labels.validity_user_days]
horizons: [1, 2]
columns:
  signal: VARCHAR, as in signal_sums
  units: BIGINT, users and local days in the seven days
  correlation: DOUBLE, of the user's mean of the signal on a local day with the return; NULL where one of them does not vary
  low: DOUBLE, lower bound; NULL where the days are too thin to tell
  high: DOUBLE, upper bound, likewise
  units_before: BIGINT, users and local days in the 28 days before
  correlation_before: DOUBLE, over those days
  low_before: DOUBLE, lower bound, likewise
  high_before: DOUBLE, upper bound, likewise
  stopped: BOOLEAN, it predicted in the 28 days before, does no longer in the seven, and the fall itself is beyond chance (99%); NULL where either is too thin to tell
  reason: VARCHAR, predicts, did not predict before, weaker (no longer clear of zero, but the fall may be chance), stopped, reversed or thin
*/
WITH day_sums AS (
  SELECT
    day, signal, user_group, units, returned, x, xx, xy,
    SUM(x) OVER (PARTITION BY day, signal) / NULLIF(SUM(units) OVER (PARTITION BY day, signal), 0)        AS mean_x,
    SUM(returned) OVER (PARTITION BY day, signal) / NULLIF(SUM(units) OVER (PARTITION BY day, signal), 0) AS mean_y
  FROM signal_sums
),
centred AS (
  SELECT
    day, signal, user_group, units,
    xx - 2 * mean_x * x + units * mean_x * mean_x                          AS sxx,
    returned - 2 * mean_y * returned + units * mean_y * mean_y             AS syy,
    xy - mean_x * returned - mean_y * x + units * mean_x * mean_y          AS sxy
  FROM day_sums
),
groups AS (
  SELECT
    days.day, centred.signal, centred.user_group,
    SUM(CASE WHEN centred.day > days.day - 7 THEN centred.units ELSE 0 END)      AS units,
    SUM(CASE WHEN centred.day > days.day - 7 THEN centred.sxx ELSE 0e0 END)      AS sxx,
    SUM(CASE WHEN centred.day > days.day - 7 THEN centred.syy ELSE 0e0 END)      AS syy,
    SUM(CASE WHEN centred.day > days.day - 7 THEN centred.sxy ELSE 0e0 END)      AS sxy,
    SUM(CASE WHEN centred.day <= days.day - 7 THEN centred.units ELSE 0 END)     AS units_before,
    SUM(CASE WHEN centred.day <= days.day - 7 THEN centred.sxx ELSE 0e0 END)     AS sxx_before,
    SUM(CASE WHEN centred.day <= days.day - 7 THEN centred.syy ELSE 0e0 END)     AS syy_before,
    SUM(CASE WHEN centred.day <= days.day - 7 THEN centred.sxy ELSE 0e0 END)     AS sxy_before
  FROM (SELECT DISTINCT day, signal FROM signal_sums) AS days
  JOIN centred ON centred.signal = days.signal AND centred.day BETWEEN days.day - 34 AND days.day
  GROUP BY days.day, centred.signal, centred.user_group
),
-- Two units that differ by one step give a sum of squares of a half; what is smaller is rounding.
totals AS (
  SELECT
    day, signal,
    COUNT(*)                                                             AS user_groups,
    SUM(units)                                                           AS units,
    SUM(units_before)                                                    AS units_before,
    CASE WHEN SUM(sxx) > 1e-1 THEN SQRT(SUM(sxx)) END                                          AS x_length,
    CASE WHEN SUM(syy) > 1e-1 THEN SQRT(SUM(syy)) END                                          AS y_length,
    SUM(sxy)                                                             AS sxy,
    CASE WHEN SUM(sxx_before) > 1e-1 THEN SQRT(SUM(sxx_before)) END                                   AS x_length_before,
    CASE WHEN SUM(syy_before) > 1e-1 THEN SQRT(SUM(syy_before)) END                                   AS y_length_before,
    SUM(sxy_before)                                                      AS sxy_before
  FROM groups
  GROUP BY day, signal
),
correlations AS (
  SELECT
    *,
    sxy / NULLIF(x_length * y_length, 0)                                 AS correlation,
    sxy_before / NULLIF(x_length_before * y_length_before, 0)            AS correlation_before
  FROM totals
),
-- By how much each group of users moves the correlation, to first order: their squares add up to its variance.
influences AS (
  SELECT
    groups.day, groups.signal,
    (groups.sxy - correlations.correlation / 2e0 * (
      groups.sxx * correlations.y_length / NULLIF(correlations.x_length, 0)
      + groups.syy * correlations.x_length / NULLIF(correlations.y_length, 0)
    )) / NULLIF(correlations.x_length * correlations.y_length, 0)        AS now,
    (groups.sxy_before - correlations.correlation_before / 2e0 * (
      groups.sxx_before * correlations.y_length_before / NULLIF(correlations.x_length_before, 0)
      + groups.syy_before * correlations.x_length_before / NULLIF(correlations.y_length_before, 0)
    )) / NULLIF(correlations.x_length_before * correlations.y_length_before, 0) AS earlier
  FROM groups
  JOIN correlations ON correlations.day = groups.day AND correlations.signal = groups.signal
),
errors AS (
  SELECT
    day, signal,
    SQRT(SUM(now * now) * COUNT(*) / NULLIF(COUNT(*) - 1, 0))                                     AS error,
    SQRT(SUM(earlier * earlier) * COUNT(*) / NULLIF(COUNT(*) - 1, 0))                             AS error_before,
    SQRT(SUM((now - earlier) * (now - earlier)) * COUNT(*) / NULLIF(COUNT(*) - 1, 0))             AS error_of_change
  FROM influences
  GROUP BY day, signal
),
-- Fisher's transformation keeps the bounds within -1 and 1.
bounded AS (
  SELECT
    correlations.day, correlations.signal, correlations.units, correlations.units_before,
    correlations.correlation, correlations.correlation_before, errors.error_of_change,
    CASE WHEN correlations.units >= settings.validity_user_days AND correlations.user_groups >= 30
      AND ABS(correlations.correlation) < 1e0 THEN ATANH(correlations.correlation) END                                              AS z,
    CASE WHEN correlations.units_before >= settings.validity_user_days AND correlations.user_groups >= 30
      AND ABS(correlations.correlation_before) < 1e0 THEN ATANH(correlations.correlation_before) END AS z_before,
    1.96e0 * errors.error / NULLIF(1e0 - correlations.correlation * correlations.correlation, 0)  AS reach,
    1.96e0 * errors.error_before
      / NULLIF(1e0 - correlations.correlation_before * correlations.correlation_before, 0)        AS reach_before
  FROM correlations
  JOIN errors ON errors.day = correlations.day AND errors.signal = correlations.signal
  CROSS JOIN settings
),
directed AS (
  SELECT *, CASE WHEN correlation_before < 0e0 THEN -1e0 ELSE 1e0 END AS direction
  FROM bounded
),
turned AS (
  SELECT
    *,
    direction * z                                          AS ahead,
    direction * (correlation_before - correlation)         AS fall
  FROM directed
),
named AS (
  SELECT
    *,
    CASE
      WHEN z - reach IS NULL OR z_before - reach_before IS NULL THEN 'thin'
      WHEN ABS(z_before) <= reach_before THEN 'did not predict before'
      WHEN ahead > reach THEN 'predicts'
      WHEN fall <= 2.576e0 * error_of_change THEN 'weaker'
      WHEN -ahead > reach THEN 'reversed'
      ELSE 'stopped'
    END AS reason
  FROM turned
)
SELECT
  day,
  signal,
  CAST(units AS BIGINT)           AS units,
  correlation,
  TANH(z - reach)                 AS low,
  TANH(z + reach)                 AS high,
  CAST(units_before AS BIGINT)    AS units_before,
  correlation_before,
  TANH(z_before - reach_before)   AS low_before,
  TANH(z_before + reach_before)   AS high_before,
  CASE WHEN reason <> 'thin' THEN reason IN ('stopped', 'reversed') END AS stopped,
  reason
FROM named
