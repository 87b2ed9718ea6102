/*
row: one model on one day, and how the mean reward that each of its users was given goes with the return on the next local day; the model `all` joins every reply of a user
key: [model_id]
reads:
  rewards: [0, 0]
  horizon_labels: [0, 0]
horizons: [1, 2]
columns:
  model_id: VARCHAR, the model that served, or all
  users: BIGINT, users with a reward and a return that has matured, the unit of variance
  correlation: DOUBLE, of mean reward and return over these users; NULL for fewer than 10 users or where one of them does not vary
  low: DOUBLE, lower 95% bound by Fisher's z
  high: DOUBLE, upper 95% bound
*/
WITH valued AS (
  SELECT
    rewards.day, rewards.model_id, rewards.user_id,
    SUM(rewards.reward)             AS reward,
    COUNT(rewards.reward)           AS replies,
    MAX(labels.delayed_session)     AS came
  FROM rewards
  JOIN horizon_labels AS labels ON labels.event_id = rewards.event_id
  WHERE rewards.reward IS NOT NULL AND labels.delayed_session IS NOT NULL
  GROUP BY rewards.day, rewards.model_id, rewards.user_id
),
served AS (
  SELECT day, model_id, reward / NULLIF(replies, 0) AS reward, came
  FROM valued
  UNION ALL
  SELECT day, 'all' AS model_id, SUM(reward) / NULLIF(SUM(replies), 0) AS reward, MAX(came) AS came
  FROM valued
  GROUP BY day, user_id
),
centred AS (
  SELECT
    day, model_id,
    reward - AVG(reward) OVER (PARTITION BY day, model_id) AS reward,
    came - AVG(came) OVER (PARTITION BY day, model_id)     AS came
  FROM served
),
summed AS (
  SELECT
    day, model_id,
    COUNT(reward)                                                              AS users,
    SUM(reward * came) / NULLIF(SQRT(SUM(reward * reward) * SUM(came * came)), 0) AS correlation
  FROM centred
  GROUP BY day, model_id
),
known AS (
  SELECT
    day, model_id, users,
    CASE WHEN users >= 10 THEN GREATEST(-999999e-6, LEAST(999999e-6, correlation)) END AS correlation
  FROM summed
),
transformed AS (
  SELECT
    *,
    LN((1e0 + correlation) / NULLIF(1e0 - correlation, 0)) AS twice_z,
    392e-2 / NULLIF(SQRT(GREATEST(users - 3, 1)), 0)      AS twice_reach
  FROM known
)
SELECT
  day,
  model_id,
  users,
  correlation,
  (EXP(twice_z - twice_reach) - 1e0) / NULLIF(EXP(twice_z - twice_reach) + 1e0, 0) AS low,
  (EXP(twice_z + twice_reach) - 1e0) / NULLIF(EXP(twice_z + twice_reach) + 1e0, 0) AS high
FROM transformed
