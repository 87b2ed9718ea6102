/*
row: sums over the users of one group and day, for one signal of their behaviour and whether they came back on the next local day. One unit is one user on one local day, people only; x is the mean of the signal on it, in ten-thousandths, so that sums are exact. Groups are by digest of the user, and a user is always in the same one
key: [day, signal, user_group]
reads:
  next_day_returns: [0, 0]
  sessions: [0, 1]
  horizon_labels: [0, 1]
  battles: [-6, 0]
horizons: [1, 2]
columns:
  signal: VARCHAR, continuation (following turns, at most 5), next_message and typing (logarithm of 1 + characters, 1 + seconds), reading_speed (percentile among the user's own), likes, dislikes (and complaints) and regenerations (share of replies), immediate and delayed_5 (the labels), or battle_wins (share of the choices of seven days that the user's model won)
  user_group: VARCHAR, one of 256, first two digits of the digest of the user
  units: BIGINT, users and local days of which both signal and return are known
  returned: BIGINT, of these, those who came back on the next local day
  x: BIGINT, sum of x
  xx: BIGINT, sum of the square of x
  xy: BIGINT, sum of x over those who came back
*/
WITH matured AS (
  SELECT day, user_id, local_day, CASE WHEN returned_next_day THEN 1 ELSE 0 END AS returned
  FROM next_day_returns
  WHERE returned_next_day IS NOT NULL
),
session_sums AS (
  SELECT
    session_id,
    COUNT(*)                                              AS replies,
    SUM(following_turns)                                  AS following_turns,
    COUNT(message_chars)                                  AS messages,
    SUM(LN(1 + message_chars))                            AS log_chars,
    COUNT(typing_ms)                                      AS typed,
    SUM(LN(1 + typing_ms / 1e3))                          AS log_typing,
    COUNT(habit_percentile)                               AS read,
    SUM(habit_percentile)                                 AS percentiles,
    COUNT(CASE WHEN feedback > 0 THEN 1 END)              AS likes,
    COUNT(CASE WHEN feedback < 0 THEN 1 END)              AS dislikes,
    COUNT(immediate)                                      AS immediates,
    SUM(immediate)                                        AS immediate,
    COUNT(delayed_5)                                      AS delays,
    SUM(delayed_5)                                        AS delayed_5
  FROM horizon_labels
  GROUP BY session_id
),
sides AS (
  SELECT day, model_a AS model_id, CASE outcome WHEN 'a' THEN 1e0 WHEN 'b' THEN 0e0 ELSE 5e-1 END AS won FROM battles
  UNION ALL
  SELECT day, model_b AS model_id, CASE outcome WHEN 'b' THEN 1e0 WHEN 'a' THEN 0e0 ELSE 5e-1 END AS won FROM battles
),
wins AS (
  SELECT day, model_id, SUM(won) AS won, COUNT(*) AS battles
  FROM sides
  GROUP BY day, model_id
),
win_shares AS (
  SELECT days.day, wins.model_id, SUM(wins.won) / NULLIF(SUM(wins.battles), 0) AS share
  FROM (SELECT DISTINCT day FROM matured) AS days
  JOIN wins ON wins.day BETWEEN days.day - 6 AND days.day
  GROUP BY days.day, wins.model_id
),
means AS (
  SELECT
    matured.day, matured.user_id, matured.local_day, matured.returned,
    SUM(session_sums.following_turns) / NULLIF(SUM(session_sums.replies), 0)                 AS continuation,
    SUM(session_sums.log_chars) / NULLIF(SUM(session_sums.messages), 0)                      AS next_message,
    SUM(session_sums.log_typing) / NULLIF(SUM(session_sums.typed), 0)                        AS typing,
    SUM(session_sums.percentiles) / NULLIF(SUM(session_sums.read), 0)                        AS reading_speed,
    SUM(session_sums.likes) / NULLIF(SUM(session_sums.replies), 0)                           AS likes,
    SUM(session_sums.dislikes) / NULLIF(SUM(session_sums.replies), 0)                        AS dislikes,
    SUM(sessions.turns - sessions.kept_turns) / NULLIF(SUM(sessions.turns), 0)               AS regenerations,
    SUM(session_sums.immediate) / NULLIF(SUM(session_sums.immediates), 0)                    AS immediate,
    SUM(session_sums.delayed_5) / NULLIF(SUM(session_sums.delays), 0)                        AS delayed_5,
    SUM(win_shares.share * session_sums.replies)
      / NULLIF(SUM(CASE WHEN win_shares.share IS NOT NULL THEN session_sums.replies END), 0) AS battle_wins
  FROM session_sums
  JOIN sessions ON sessions.session_id = session_sums.session_id
  JOIN matured
    ON matured.user_id = sessions.user_id
    AND matured.local_day = sessions.local_day
    AND sessions.day BETWEEN matured.day AND matured.day + 1
  LEFT JOIN win_shares ON win_shares.day = matured.day AND win_shares.model_id = sessions.model_id
  GROUP BY matured.day, matured.user_id, matured.local_day, matured.returned
),
signals AS (
  SELECT
    means.day,
    names.signal,
    SUBSTRING(MD5(means.user_id), 1, 2) AS user_group,
    means.returned,
    CAST(ROUND(1e4 * CASE names.signal
      WHEN 'continuation' THEN means.continuation
      WHEN 'next_message' THEN means.next_message
      WHEN 'typing' THEN means.typing
      WHEN 'reading_speed' THEN means.reading_speed
      WHEN 'likes' THEN means.likes
      WHEN 'dislikes' THEN means.dislikes
      WHEN 'regenerations' THEN means.regenerations
      WHEN 'immediate' THEN means.immediate
      WHEN 'delayed_5' THEN means.delayed_5
      WHEN 'battle_wins' THEN means.battle_wins
    END) AS BIGINT) AS x
  FROM means
  CROSS JOIN (VALUES
    ('continuation'), ('next_message'), ('typing'), ('reading_speed'), ('likes'), ('dislikes'), ('regenerations'),
    ('immediate'), ('delayed_5'), ('battle_wins')
  ) AS names(signal)
)
SELECT
  day,
  signal,
  user_group,
  COUNT(*)                                AS units,
  CAST(SUM(returned) AS BIGINT)           AS returned,
  CAST(SUM(x) AS BIGINT)                  AS x,
  CAST(SUM(x * x) AS BIGINT)              AS xx,
  CAST(SUM(x * returned) AS BIGINT)       AS xy
FROM signals
WHERE x IS NOT NULL
GROUP BY day, signal, user_group
