/*
row: one user on one local day with one model, what the sessions were like and whether the user came back; its day is that of the user's row in `returns`. A session belongs to the model of its first reply
key: [day, user_id, local_day, model_id]
reads:
  returns: [0, 0]
  sessions: [0, 1]
  exits: [0, 1]
  rewards: [0, 2]
horizons: [1, 2, 7, 8, 9]
columns:
  user_id: VARCHAR, who chatted
  local_day: DATE, the user's local day (UTC where the offset is unknown)
  model_id: VARCHAR, the model
  share: DOUBLE, share of the user's sessions of that day that were with the model, so that a day with two models counts once
  returned_next_day: BOOLEAN, a new start on the next local day; NULL until mature
  d1: BOOLEAN, the same of a new user; NULL for others and until mature
  d7: BOOLEAN, a new start on the seventh local day after, of a new user; NULL for others and until mature
  next_day_matures_on: DATE, UTC day that must be complete to tell returned_next_day and d1
  d7_matures_on: DATE, UTC day that must be complete to tell d7; NULL where the user is not new
  ended_sessions: BIGINT, sessions with the model that are over
  minutes: DOUBLE, from first to last reply of these, summed
  abrupt_exits: BIGINT, those of them that ended abruptly
  rewarded_replies: BIGINT, replies of the model in these sessions that have a reward
  reward: DOUBLE, sum of these rewards
*/
WITH told AS (
  SELECT
    sessions.user_id, sessions.local_day, sessions.model_id, sessions.session_id,
    CASE WHEN exits.kind <> 'open' THEN 1 ELSE 0 END                                                  AS ended,
    CASE WHEN exits.kind <> 'open'
      THEN (EPOCH_MS(sessions.ended_at) - EPOCH_MS(sessions.started_at)) / 6e4 ELSE 0e0 END           AS minutes,
    CASE WHEN exits.kind = 'abrupt' THEN 1 ELSE 0 END                                                 AS abrupt
  FROM sessions
  JOIN exits ON exits.session_id = sessions.session_id
),
valued AS (
  SELECT session_id, model_id, COUNT(reward) AS replies, SUM(reward) AS reward
  FROM rewards
  WHERE reward IS NOT NULL
  GROUP BY session_id, model_id
),
summed AS (
  SELECT
    told.user_id, told.local_day, told.model_id,
    COUNT(*)                                    AS sessions,
    CAST(SUM(told.ended) AS BIGINT)             AS ended_sessions,
    SUM(told.minutes)                           AS minutes,
    CAST(SUM(told.abrupt) AS BIGINT)            AS abrupt_exits,
    CAST(SUM(COALESCE(valued.replies, 0)) AS BIGINT) AS rewarded_replies,
    SUM(valued.reward)                          AS reward
  FROM told
  LEFT JOIN valued ON valued.session_id = told.session_id AND valued.model_id = told.model_id
  GROUP BY told.user_id, told.local_day, told.model_id
),
shared AS (
  SELECT *, SUM(sessions) OVER (PARTITION BY user_id, local_day) AS all_sessions
  FROM summed
)
SELECT
  returns.day,
  shared.user_id,
  shared.local_day,
  shared.model_id,
  CAST(shared.sessions AS DOUBLE) / NULLIF(CAST(shared.all_sessions AS DOUBLE), 0) AS share,
  returns.returned_next_day,
  returns.d1,
  returns.d7,
  returns.next_day_matures_on,
  returns.d7_matures_on,
  shared.ended_sessions,
  shared.minutes,
  shared.abrupt_exits,
  shared.rewarded_replies,
  shared.reward
FROM shared
JOIN returns ON returns.user_id = shared.user_id AND returns.local_day = shared.local_day
