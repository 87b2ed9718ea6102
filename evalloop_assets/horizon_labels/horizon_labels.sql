/*
row: what the user's behaviour says about one kept reply, by horizon; people only. A value lies in [-1, 1], its strength in [0, 1]; both are NULL where censored
key: [event_id]
reads:
  reading: [0, 0]
  reading_speeds: [-28, 0]
  sessions: [0, 0]
  exits: [0, 0]
  traffic: [0, 0]
  turns: [0, 1]
  next_day_returns: [-1, 0]
settings: [labels.feedback_weight, labels.reading_weight, labels.kept_weight, labels.next_weight, labels.turns_weight, labels.min_read_replies, labels.min_habit_replies]
horizons: [1, 2]
columns:
  event_id: VARCHAR, the reply
  session_id: VARCHAR, its session
  user_id: VARCHAR, who read it
  conversation_id: VARCHAR, the conversation it belongs to
  model_id: VARCHAR, the model that wrote it
  position: BIGINT, place among the session's kept replies, from 1
  shown_at: TIMESTAMP, when it was fully shown (UTC)
  feedback: DOUBLE, 1 where liked, -1 where disliked or complained about
  message_chars: BIGINT, length of the message that it answers, characters
  typing_ms: BIGINT, time that the user typed while it was shown, milliseconds
  speed_percentile: DOUBLE, its reading speed within the session; NULL where too few replies were read to tell
  habit_percentile: DOUBLE, its reading speed within what the user read in the same script in the 28 days before, taken as log-normal; NULL where that is too little to tell
  following_turns: BIGINT, kept replies after it in the session that answer a message of the user, at most 5
  following_speed: DOUBLE, mean speed_percentile of those replies
  immediate: DOUBLE, weighted sum of feedback, reading, being kept after a regeneration, and the next message, over the greater of 1 and the sum of the weights known
  immediate_strength: DOUBLE, sum of the weights of the signals known, at most 1
  delayed_5: DOUBLE, weighted mean of how many of the next five turns came and how they were received; NULL where a natural, interrupted or open end came first
  delayed_5_strength: DOUBLE, weight of the turns that came or not, and the rest in the share of them whose reception is known
  delayed_session: DOUBLE, 1 where the user came back on the next local day and -1 where not; NULL until mature
  delayed_session_strength: DOUBLE, one over the kept replies of the session, which share one outcome
  delayed_session_matures_on: DATE, UTC day that must be complete to tell delayed_session
*/
WITH speed_days AS (
  SELECT
    day, user_id, script,
    CAST(ROUND(EPOCH_MS(CAST(day AS TIMESTAMP)) / 864e5) AS BIGINT)                  AS day_number,
    SUM(replies)                                                                     AS replies,
    SUM(replies * bin)                                                               AS bins,
    SUM(replies * bin * bin)                                                         AS squared_bins
  FROM reading_speeds
  GROUP BY day, user_id, script
),
past_speeds AS (
  SELECT
    day, user_id, script,
    SUM(replies) OVER past                                                           AS replies,
    SUM(bins) OVER past / NULLIF(SUM(replies) OVER past, 0)                          AS mean_bin,
    SUM(squared_bins) OVER past / NULLIF(SUM(replies) OVER past, 0)                  AS mean_squared_bin
  FROM speed_days
  WINDOW past AS (PARTITION BY user_id, script ORDER BY day_number RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING)
),
habits AS (
  SELECT
    day, user_id, script,
    (mean_bin + 5e-1) / 1e1                                                          AS usual_log_speed,
    SQRT(mean_squared_bin - mean_bin * mean_bin) / 1e1                               AS spread
  FROM past_speeds
  CROSS JOIN settings
  WHERE replies >= min_habit_replies AND mean_squared_bin > mean_bin * mean_bin
),
replies AS (
  SELECT
    reading.day, reading.event_id, reading.session_id, reading.user_id, reading.conversation_id, reading.model_id,
    reading.position, reading.shown_at,
    reading.event_id <> reading.root_event_id                                        AS is_replacement,
    sessions.kept_turns,
    sessions.local_day,
    exits.kind,
    CASE turns.feedback WHEN 'like' THEN 1e0 WHEN 'dislike' THEN -1e0 WHEN 'complaint' THEN -1e0 END AS feedback_value,
    -- A reply without a message is the character speaking again; where a log has no messages at all, each reply has one.
    CASE WHEN COUNT(NULLIF(turns.user_text, '')) OVER (PARTITION BY reading.session_id) = 0 THEN TRUE
      ELSE COALESCE(turns.user_text <> '', FALSE) END                                AS has_message,
    CASE WHEN turns.user_text = '' THEN NULL
      ELSE COALESCE(turns.user_chars, LENGTH(turns.user_text)) END                   AS message_chars,
    turns.typing_ms,
    CASE WHEN COUNT(reading.speed_percentile) OVER (PARTITION BY reading.session_id) >= settings.min_read_replies
      THEN reading.speed_percentile END                                              AS speed_percentile,
    (LN(NULLIF(reading.chars_per_second, 0e0)) - habits.usual_log_speed) / NULLIF(habits.spread, 0) AS speed_score,
    settings.feedback_weight, settings.reading_weight, settings.kept_weight, settings.next_weight,
    settings.turns_weight, settings.min_read_replies
  FROM reading
  JOIN sessions ON sessions.session_id = reading.session_id
  JOIN exits ON exits.session_id = reading.session_id
  JOIN traffic ON traffic.session_id = reading.session_id
  JOIN turns ON turns.event_id = reading.event_id
  LEFT JOIN habits
    ON habits.day = reading.day
    AND habits.user_id = reading.user_id
    AND habits.script = COALESCE(reading.script, 'unknown')
  CROSS JOIN settings
  WHERE reading.position IS NOT NULL AND traffic.kind = 'people'
),
continued AS (
  SELECT
    *,
    COUNT(CASE WHEN has_message THEN 1 END) OVER (
      PARTITION BY session_id ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later_messages,
    LEAD(has_message) OVER (PARTITION BY session_id ORDER BY position)               AS answered,
    LEAD(message_chars) OVER (PARTITION BY session_id ORDER BY position)             AS next_chars,
    -- The logistic curve that lies closest to the normal distribution, within 0.01.
    CASE WHEN speed_score IS NOT NULL
      THEN 1e0 / NULLIF(1e0 + EXP(-1.702e0 * GREATEST(-6e0, LEAST(6e0, speed_score))), 0) END AS habit_percentile,
    CASE WHEN COUNT(message_chars) OVER (PARTITION BY session_id) >= min_read_replies
      THEN AVG(message_chars) OVER (PARTITION BY session_id) END                     AS usual_chars
  FROM replies
),
signals AS (
  SELECT
    *,
    1e0 - COALESCE(speed_percentile, habit_percentile) - COALESCE(habit_percentile, speed_percentile) AS reading_value,
    CASE WHEN is_replacement THEN 1e0 END                                            AS kept_value,
    -- No message at all counts as one of no length.
    CASE WHEN answered THEN COALESCE((next_chars - usual_chars) / NULLIF(next_chars + usual_chars, 0), 0e0)
    END                                                                              AS answer_value,
    CASE WHEN later_messages = 0 AND kind = 'abrupt' THEN -1e0 END                   AS left_value,
    CASE WHEN feedback_value IS NOT NULL THEN feedback_weight ELSE 0e0 END           AS feedback_known,
    CASE WHEN speed_percentile IS NOT NULL OR habit_percentile IS NOT NULL THEN reading_weight ELSE 0e0 END AS reading_known
  FROM continued
),
weighed AS (
  SELECT
    *,
    COALESCE(answer_value, left_value)                                               AS next_value,
    CASE WHEN kept_value IS NOT NULL THEN kept_weight ELSE 0e0 END                   AS kept_known,
    CASE WHEN answer_value IS NOT NULL OR left_value IS NOT NULL THEN next_weight ELSE 0e0 END AS next_known,
    CASE WHEN answered AND next_chars + usual_chars > 0 THEN next_weight ELSE 0e0 END AS answer_known
  FROM signals
),
received AS (
  SELECT
    *,
    (COALESCE(feedback_value, 0e0) * feedback_known + COALESCE(reading_value, 0e0) * reading_known
      + COALESCE(answer_value, 0e0) * answer_known)
      / NULLIF(feedback_known + reading_known + answer_known, 0)                     AS reception
  FROM weighed
),
followed AS (
  SELECT
    *,
    feedback_known + reading_known + kept_known + next_known                         AS known_weight,
    LEAST(5, later_messages)                                                         AS following_turns,
    AVG(speed_percentile) OVER (
      PARTITION BY session_id ORDER BY position ROWS BETWEEN 1 FOLLOWING AND 5 FOLLOWING) AS following_speed,
    AVG(reception) OVER (
      PARTITION BY session_id ORDER BY position ROWS BETWEEN 1 FOLLOWING AND 5 FOLLOWING) AS following_reception,
    COUNT(reception) OVER (
      PARTITION BY session_id ORDER BY position ROWS BETWEEN 1 FOLLOWING AND 5 FOLLOWING) AS following_received,
    COUNT(event_id) OVER (
      PARTITION BY session_id ORDER BY position ROWS BETWEEN 1 FOLLOWING AND 5 FOLLOWING) AS following_replies
  FROM received
),
labelled AS (
  SELECT
    *,
    CASE WHEN known_weight > 0e0 THEN (
      COALESCE(feedback_value, 0e0) * feedback_known + COALESCE(reading_value, 0e0) * reading_known
      + COALESCE(kept_value, 0e0) * kept_known + COALESCE(next_value, 0e0) * next_known
    ) / NULLIF(GREATEST(known_weight, 1e0), 0) END                                   AS immediate,
    CASE WHEN following_turns = 5 OR kind = 'abrupt'
      THEN turns_weight * (2e0 * following_turns / 5e0 - 1e0) + (1e0 - turns_weight) * COALESCE(following_reception, 0e0)
    END                                                                              AS delayed_5
  FROM followed
)
SELECT
  labelled.day,
  labelled.event_id,
  labelled.session_id,
  labelled.user_id,
  labelled.conversation_id,
  labelled.model_id,
  labelled.position,
  labelled.shown_at,
  labelled.feedback_value AS feedback,
  labelled.message_chars,
  labelled.typing_ms,
  labelled.speed_percentile,
  labelled.habit_percentile,
  labelled.following_turns,
  labelled.following_speed,
  labelled.immediate,
  CASE WHEN labelled.immediate IS NOT NULL THEN LEAST(labelled.known_weight, 1e0) END AS immediate_strength,
  labelled.delayed_5,
  CASE WHEN labelled.delayed_5 IS NOT NULL THEN labelled.turns_weight
    + (1e0 - labelled.turns_weight) * COALESCE(labelled.following_received / NULLIF(labelled.following_replies, 0), 0e0)
  END AS delayed_5_strength,
  CASE WHEN came_back.returned_next_day THEN 1e0 WHEN NOT came_back.returned_next_day THEN -1e0 END AS delayed_session,
  CASE WHEN came_back.returned_next_day IS NOT NULL THEN 1e0 / NULLIF(labelled.kept_turns, 0) END
    AS delayed_session_strength,
  came_back.next_day_matures_on AS delayed_session_matures_on
FROM labelled
LEFT JOIN next_day_returns AS came_back
  ON came_back.user_id = labelled.user_id
  AND came_back.local_day = labelled.local_day
  AND came_back.day BETWEEN labelled.day - 1 AND labelled.day
