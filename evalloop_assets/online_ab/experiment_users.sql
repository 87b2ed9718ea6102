/*
row: what one user adds on one day to one metric of one arm, experiment_days metric by metric
key: [day, experiment_id, unit, epoch, user_id, arm, metric]
reads:
  experiment_days: [0, 0]
columns:
  experiment_id: VARCHAR, the experiment
  unit: VARCHAR, what was randomised, conversation or user
  epoch: VARCHAR, span of constant weights, see experiment_units
  user_id: VARCHAR, the user
  arm: VARCHAR, control or treatment, of the unit's first exposure
  metric: VARCHAR, what units and total are of; see docs/statistics.md
  units: BIGINT, denominator, what of it is known and mature; conversations, user-days, replies, sessions, sentences or messages; 0 is no known zero
  total: DOUBLE, sum over these units; replies, seconds, characters, US dollars, or how many of the units it holds for; for exposure the units seen in both arms that were not the day before
  eligible: BIGINT, units that would count if everything were known
*/
WITH logged AS (
  SELECT
    day,
    SUM(error_known) > 0     AS error,
    SUM(worded) > 0          AS padding,
    SUM(latency_known) > 0   AS latency
  FROM experiment_days
  GROUP BY day
),
names AS (
  SELECT 'exposure' AS metric
  UNION ALL
  SELECT 'chat_send'
  UNION ALL
  SELECT 'chat_duration'
  UNION ALL
  SELECT 'drop_off'
  UNION ALL
  SELECT 'depth'
  UNION ALL
  SELECT 'regeneration'
  UNION ALL
  SELECT 'like'
  UNION ALL
  SELECT 'complaint'
  UNION ALL
  SELECT 'error'
  UNION ALL
  SELECT 'padding'
  UNION ALL
  SELECT 'repetition'
  UNION ALL
  SELECT 'next_message'
  UNION ALL
  SELECT 'latency'
  UNION ALL
  SELECT 'cost'
  UNION ALL
  SELECT 'next_day_return'
  UNION ALL
  SELECT 'daily_return'
  UNION ALL
  SELECT 'week_return'
),
metrics AS (
  SELECT
    days.day, days.experiment_id, days.unit, days.epoch, days.user_id, days.arm, names.metric,
    CASE names.metric
      WHEN 'exposure' THEN fresh
      WHEN 'chat_send' THEN send_known
      WHEN 'chat_duration' THEN read_known
      WHEN 'drop_off' THEN closed
      WHEN 'depth' THEN closed
      WHEN 'regeneration' THEN regeneration_turns
      WHEN 'like' THEN feedback_turns
      WHEN 'complaint' THEN feedback_turns
      WHEN 'error' THEN error_known
      WHEN 'padding' THEN worded
      WHEN 'repetition' THEN sentences
      WHEN 'next_message' THEN next_messages
      WHEN 'latency' THEN latency_known
      WHEN 'cost' THEN cost_known
      WHEN 'next_day_return' THEN return_known
      WHEN 'daily_return' THEN later_day_known
      WHEN 'week_return' THEN seventh_day * later_day_known
    END AS units,
    CASE names.metric
      WHEN 'exposure' THEN crossed
      WHEN 'chat_send' THEN sent
      WHEN 'chat_duration' THEN read_ms / 1e3
      WHEN 'drop_off' THEN abrupt
      WHEN 'depth' THEN closed_turns
      WHEN 'regeneration' THEN regenerations
      WHEN 'like' THEN likes
      WHEN 'complaint' THEN complaints
      WHEN 'error' THEN errors
      WHEN 'padding' THEN stale
      WHEN 'repetition' THEN repeated
      WHEN 'next_message' THEN next_chars
      WHEN 'latency' THEN latency_ms / 1e3
      WHEN 'cost' THEN cost_micros / 1e6
      WHEN 'next_day_return' THEN returned
      WHEN 'daily_return' THEN came_back
      WHEN 'week_return' THEN seventh_day * came_back
    END AS total,
    CASE names.metric
      WHEN 'exposure' THEN fresh
      WHEN 'chat_send' THEN followed
      WHEN 'chat_duration' THEN followed
      WHEN 'drop_off' THEN sessions
      WHEN 'depth' THEN sessions
      WHEN 'regeneration' THEN turns
      WHEN 'like' THEN turns
      WHEN 'complaint' THEN turns
      WHEN 'error' THEN turns
      WHEN 'padding' THEN turns
      WHEN 'repetition' THEN sentences
      WHEN 'next_message' THEN next_messages
      WHEN 'latency' THEN turns
      WHEN 'cost' THEN priced
      WHEN 'next_day_return' THEN fresh
      WHEN 'daily_return' THEN later_day
      WHEN 'week_return' THEN seventh_day
    END AS eligible
  FROM experiment_days AS days
  CROSS JOIN names
  JOIN logged ON logged.day = days.day
  WHERE (names.metric NOT IN ('daily_return', 'week_return') OR days.unit = 'user')
    -- What a day's log does not hold of anybody needs no row of everybody.
    AND (names.metric <> 'error' OR logged.error)
    AND (names.metric <> 'padding' OR logged.padding)
    AND (names.metric <> 'latency' OR logged.latency)
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
