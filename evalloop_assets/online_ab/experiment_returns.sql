/*
row: what one user adds to one metric of coming back that matures late; its day is that of the first exposure, for re-engagement that on which the user had been away long enough
key: [day, experiment_id, unit, epoch, user_id, arm, metric]
reads:
  experiment_units: [0, 0]
  returns: [-1, 1]
  absences: [0, 0]
horizons: [1, 2, 4, 5, 7, 8, 9]
columns:
  experiment_id: VARCHAR, the experiment
  unit: VARCHAR, what was randomised, conversation or user
  epoch: VARCHAR, span of constant weights, see experiment_units
  user_id: VARCHAR, the user
  arm: VARCHAR, control or treatment, of the unit's first exposure
  metric: VARCHAR, return_24h of everybody; d1, d3 and d7 of users who were new on the local day of the exposure; reengagement after an absence that began with the assignment or later, where users are randomised
  units: BIGINT, units of which it is mature
  total: DOUBLE, those whose user came back
  eligible: BIGINT, units that will count once mature
*/
WITH seen AS (
  SELECT
    units.day, units.experiment_id, units.unit, units.epoch, units.user_id, units.arm,
    returns.new_user, returns.returned_24h, returns.d1, returns.d3, returns.d7
  FROM experiment_units AS units
  JOIN returns ON returns.user_id = units.user_id AND returns.local_day = units.assigned_local_day
  WHERE units.fresh
),
away AS (
  SELECT
    units.day, units.experiment_id, units.unit, units.epoch, units.user_id, units.arm,
    absences.reengaged AS came
  FROM experiment_units AS units
  JOIN absences
    ON absences.user_id = units.user_id
    AND absences.day = units.day
    AND absences.last_local_day >= units.assigned_local_day
  WHERE units.unit = 'user'
),
outcomes AS (
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'return_24h' AS metric, returned_24h AS came FROM seen
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'd1' AS metric, d1 AS came FROM seen WHERE new_user
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'd3' AS metric, d3 AS came FROM seen WHERE new_user
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'd7' AS metric, d7 AS came FROM seen WHERE new_user
  UNION ALL
  SELECT day, experiment_id, unit, epoch, user_id, arm, 'reengagement' AS metric, came FROM away
)
SELECT
  day,
  experiment_id,
  unit,
  epoch,
  user_id,
  arm,
  metric,
  COUNT(came)                                            AS units,
  CAST(COUNT(CASE WHEN came THEN 1 END) AS DOUBLE)       AS total,
  COUNT(*)                                               AS eligible
FROM outcomes
GROUP BY day, experiment_id, unit, epoch, user_id, arm, metric
