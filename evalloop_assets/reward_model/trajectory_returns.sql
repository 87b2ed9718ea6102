/*
row: one kept reply with what it and the replies after it were worth to its user's trajectory, within three days
key: [event_id]
reads:
  rewards: [0, 3]
  reading: [0, 3]
  credit: [0, 0]
settings: [reward.intra_minutes, reward.inter_hours, reward.kappa, reward.failure_penalty]
clock: true
horizons: [3]
columns:
  event_id: VARCHAR, the reply
  session_id: VARCHAR, its session
  user_id: VARCHAR, who read it
  conversation_id: VARCHAR, its conversation
  model_id: VARCHAR, the model that wrote it
  reward: DOUBLE, its own, gated; NULL without text
  blame: DOUBLE, its share in the failure of its session; 0 where that did not fail, or nothing speaks against it
  trajectory_return: DOUBLE, rewards of its user from this reply on, each less the mean of its day and discounted by real time, less the penalty for blame; NULL until mature, and without text
  matures_on: DATE, UTC day that must be complete to tell it
  reward_version: VARCHAR, the reward model that gave its reward
*/
WITH placed AS (
  SELECT
    rewards.day, rewards.event_id, rewards.session_id, rewards.user_id, rewards.conversation_id, rewards.model_id,
    rewards.reward, rewards.reward_version,
    -- The gate takes from the good and leaves the bad, so rewards count from their mean of the day: from 0, going on
    -- would cost by itself.
    rewards.reward - AVG(rewards.reward) OVER (PARTITION BY rewards.day, rewards.reward_version) AS gain,
    EPOCH_MS(reading.shown_at)                                                       AS at_ms
  FROM rewards
  JOIN reading ON reading.event_id = rewards.event_id AND reading.day = rewards.day
),
aged AS (
  SELECT
    placed.*,
    -- In units of tau, since the session and since the user's trajectory began: exponents stay where doubles reach.
    LEAST((at_ms - MIN(at_ms) OVER (PARTITION BY session_id)) / NULLIF(intra_minutes * 6e4, 0e0), 6e2) AS session_age,
    (at_ms - MIN(at_ms) OVER (PARTITION BY user_id)) / NULLIF(inter_hours * 3.6e6, 0e0) AS age,
    intra_minutes, inter_hours, kappa, failure_penalty
  FROM placed
  CROSS JOIN settings
),
summed AS (
  SELECT
    *,
    EXP(session_age) * SUM(EXP(-session_age) * gain) OVER (
      PARTITION BY session_id ORDER BY at_ms RANGE BETWEEN CURRENT ROW AND 259200000 FOLLOWING) AS within_session,
    EXP(age) * SUM(EXP(-age) * gain) OVER (
      PARTITION BY session_id ORDER BY at_ms RANGE BETWEEN CURRENT ROW AND 259200000 FOLLOWING) AS faded_session,
    EXP(age) * SUM(EXP(-age) * gain) OVER (
      PARTITION BY user_id ORDER BY at_ms RANGE BETWEEN CURRENT ROW AND 259200000 FOLLOWING)    AS faded
  FROM aged
)
SELECT
  summed.day,
  summed.event_id,
  summed.session_id,
  summed.user_id,
  summed.conversation_id,
  summed.model_id,
  summed.reward,
  COALESCE(credit.blame, 0e0)                                                        AS blame,
  CASE WHEN summed.reward IS NOT NULL AND summed.day + 3 <= clock.watermark THEN
    summed.within_session + summed.kappa * (summed.faded - summed.faded_session)
      - summed.failure_penalty * COALESCE(credit.blame, 0e0)
  END                                                                                AS trajectory_return,
  summed.day + 3                                                                     AS matures_on,
  summed.reward_version
FROM summed
CROSS JOIN clock
LEFT JOIN credit ON credit.event_id = summed.event_id
