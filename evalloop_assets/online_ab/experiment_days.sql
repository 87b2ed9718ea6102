/*
row: what one user adds on one day to one arm, column by column; `experiment_users` makes metrics of it. Randomised by conversation, these are the conversations first exposed on that day, followed to the end of the next day; randomised by user, it is the day itself of every user assigned within 14 days, absent or not
key: [day, experiment_id, unit, epoch, user_id, arm]
reads:
  experiment_units: [0, 0]
  experiment_sessions: [0, 1]
  sessions: [0, 1]
  reading: [0, 1]
  exits: [0, 1]
  returns: [-1, 1]
  user_days: [-1, 1]
clock: true
horizons: [1, 2]
columns:
  experiment_id: VARCHAR, the experiment
  unit: VARCHAR, what was randomised, conversation or user
  epoch: VARCHAR, span of constant weights, see experiment_units
  user_id: VARCHAR, the user
  arm: VARCHAR, control or treatment, of the unit's first exposure
  fresh: BIGINT, units exposed on the day for the first time
  crossed: BIGINT, units seen in both arms by the day and not by the day before
  followed: BIGINT, conversations of the day, or 1 for the user-day
  sessions: BIGINT, sessions
  turns: BIGINT, replies shown
  send_known: BIGINT, units whose replies are known; once the day is complete a user who stayed away has sent none
  sent: BIGINT, their replies
  closed: BIGINT, sessions that are not open
  closed_turns: BIGINT, their replies
  abrupt: BIGINT, their abrupt exits
  regenerations: BIGINT, replies that replaced an earlier one
  regeneration_turns: BIGINT, replies on days on which somebody regenerated
  likes: BIGINT, replies liked
  complaints: BIGINT, replies complained about
  feedback_turns: BIGINT, replies on days on which somebody liked or complained
  read_known: BIGINT, units whose time of reading is known
  read_ms: BIGINT, effective reading of those whose replies are known, milliseconds
  error_known: BIGINT, replies of which the log tells whether they failed
  errors: BIGINT, those that failed
  latency_known: BIGINT, replies whose latency is logged
  latency_ms: BIGINT, their latencies added up, milliseconds
  priced: BIGINT, units, on a day on which any cost is logged
  cost_known: BIGINT, those whose cost is known
  cost_micros: BIGINT, their costs added up, millionths of a US dollar
  next_messages: BIGINT, messages of the user after a session's first reply
  next_chars: BIGINT, their lengths added up, characters
  worded: BIGINT, replies with sentences, see experiment_sessions
  stale: BIGINT, those that say little new, likewise
  sentences: BIGINT, their sentences, likewise
  repeated: BIGINT, those said just before, likewise
  return_known: BIGINT, fresh units whose user's next local day is mature
  returned: BIGINT, those whose user came back on it
  later_day: BIGINT, 1 where a user's day is after the local day of the assignment
  later_day_known: BIGINT, the same where that day is over
  came_back: BIGINT, the same where the user came
  seventh_day: BIGINT, 1 where that day is the seventh after it or later
*/
WITH read AS (
  SELECT
    session_id,
    CAST(SUM(CAST(ROUND(COALESCE(effective_read_s, 0) * 1e3) AS BIGINT)) AS BIGINT) AS read_ms,
    COUNT(CASE WHEN effective_read_s IS NOT NULL OR background THEN 1 END)          AS read_known
  FROM reading
  GROUP BY session_id
),
-- Feedback that nobody gave and regenerations that nobody asked for, all day long, are not logged rather than zero.
logged AS (
  SELECT
    day,
    CASE WHEN SUM(likes + complaints) > 0 THEN 1 ELSE 0 END AS feedback,
    CASE WHEN SUM(regenerations) > 0 THEN 1 ELSE 0 END      AS regenerations
  FROM sessions
  GROUP BY day
),
priced AS (
  SELECT day, CASE WHEN SUM(cost_known) > 0 THEN 1 ELSE 0 END AS cost
  FROM experiment_sessions
  GROUP BY day
),
chats AS (
  SELECT
    sessions.day, sessions.user_id, sessions.conversation_id,
    sessions.turns, sessions.regenerations, sessions.likes, sessions.complaints,
    told.error_known, told.errors, told.latency_known, told.latency_ms, told.cost_known, told.cost_micros,
    told.next_messages, told.next_chars, told.worded, told.stale, told.sentences, told.repeated,
    sessions.turns * logged.feedback                                AS feedback_turns,
    sessions.turns * logged.regenerations                           AS regeneration_turns,
    CASE WHEN exits.kind <> 'open' THEN 1 ELSE 0 END                AS closed,
    CASE WHEN exits.kind <> 'open' THEN sessions.turns ELSE 0 END   AS closed_turns,
    CASE WHEN exits.kind = 'abrupt' THEN 1 ELSE 0 END               AS abrupt,
    COALESCE(read.read_known, 0)                                    AS read_known,
    COALESCE(read.read_ms, 0)                                       AS read_ms
  FROM experiment_sessions AS told
  JOIN sessions ON sessions.session_id = told.session_id
  JOIN logged ON logged.day = sessions.day
  LEFT JOIN exits ON exits.session_id = sessions.session_id
  LEFT JOIN read ON read.session_id = sessions.session_id
),
units AS (
  SELECT
    units.day, units.experiment_id, units.unit, units.unit_id, units.user_id, units.arm, units.epoch,
    units.fresh, units.followed, units.crossed, units.assigned_local_day, units.local_day_matures_on,
    COUNT(chats.turns) AS sessions,
    COALESCE(SUM(chats.turns), 0) AS turns,
    COALESCE(SUM(chats.closed), 0) AS closed,
    COALESCE(SUM(chats.closed_turns), 0) AS closed_turns,
    COALESCE(SUM(chats.abrupt), 0) AS abrupt,
    COALESCE(SUM(chats.regenerations), 0) AS regenerations,
    COALESCE(SUM(chats.regeneration_turns), 0) AS regeneration_turns,
    COALESCE(SUM(chats.likes), 0) AS likes,
    COALESCE(SUM(chats.complaints), 0) AS complaints,
    COALESCE(SUM(chats.feedback_turns), 0) AS feedback_turns,
    COALESCE(SUM(chats.read_known), 0) AS read_known,
    COALESCE(SUM(chats.read_ms), 0) AS read_ms,
    COALESCE(SUM(chats.error_known), 0) AS error_known,
    COALESCE(SUM(chats.errors), 0) AS errors,
    COALESCE(SUM(chats.latency_known), 0) AS latency_known,
    COALESCE(SUM(chats.latency_ms), 0) AS latency_ms,
    COALESCE(SUM(chats.cost_known), 0) AS cost_known,
    COALESCE(SUM(chats.cost_micros), 0) AS cost_micros,
    COALESCE(SUM(chats.next_messages), 0) AS next_messages,
    COALESCE(SUM(chats.next_chars), 0) AS next_chars,
    COALESCE(SUM(chats.worded), 0) AS worded,
    COALESCE(SUM(chats.stale), 0) AS stale,
    COALESCE(SUM(chats.sentences), 0) AS sentences,
    COALESCE(SUM(chats.repeated), 0) AS repeated
  FROM experiment_units AS units
  LEFT JOIN chats
    ON chats.user_id = units.user_id
    AND (
      (units.unit = 'user' AND chats.day = units.day)
      OR (units.unit = 'conversation' AND units.followed AND chats.conversation_id = units.unit_id
        AND chats.day BETWEEN units.day AND units.day + 1)
    )
  GROUP BY
    units.day, units.experiment_id, units.unit, units.unit_id, units.user_id, units.arm, units.epoch,
    units.fresh, units.followed, units.crossed, units.assigned_local_day, units.local_day_matures_on
),
starts AS (
  SELECT user_id, local_day
  FROM user_days
  WHERE starts > 0
  GROUP BY user_id, local_day
),
known AS (
  SELECT
    units.day, units.experiment_id, units.unit, units.user_id, units.arm, units.epoch,
    units.fresh, units.followed, units.crossed, units.sessions,
    units.turns, units.closed, units.closed_turns, units.abrupt, units.regenerations, units.regeneration_turns,
    units.likes, units.complaints, units.feedback_turns, units.read_known, units.read_ms, units.error_known,
    units.errors, units.latency_known, units.latency_ms, units.cost_known, units.cost_micros,
    units.next_messages, units.next_chars, units.worded, units.stale, units.sentences, units.repeated,
    COALESCE(priced.cost, 0)                                        AS priced,
    returns.returned_next_day,
    starts.user_id IS NOT NULL                                      AS started,
    units.unit = 'user' AND units.day > units.assigned_local_day    AS later_day,
    units.unit = 'user' AND units.day >= units.assigned_local_day + 7 AS seventh_day,
    COALESCE(units.local_day_matures_on <= clock.watermark, FALSE)  AS local_day_over,
    -- An assigned user who stays away on a later day has sent nothing, once the day is complete: until then a mean over
    -- who has come so far would leave out who has not. A unit just exposed without a session is unknown.
    CASE
      WHEN NOT units.followed THEN FALSE
      WHEN units.fresh THEN units.sessions > 0
      ELSE COALESCE(units.day <= clock.watermark, FALSE)
    END                                                             AS countable
  FROM units
  CROSS JOIN clock
  LEFT JOIN priced ON priced.day = units.day
  LEFT JOIN returns ON returns.user_id = units.user_id AND returns.local_day = units.assigned_local_day
  LEFT JOIN starts ON starts.user_id = units.user_id AND starts.local_day = units.day
)
SELECT
  day,
  experiment_id,
  unit,
  epoch,
  user_id,
  arm,
  CAST(SUM(CASE WHEN fresh THEN 1 ELSE 0 END) AS BIGINT) AS fresh,
  CAST(SUM(CASE WHEN crossed THEN 1 ELSE 0 END) AS BIGINT) AS crossed,
  CAST(SUM(CASE WHEN followed THEN 1 ELSE 0 END) AS BIGINT) AS followed,
  CAST(SUM(sessions) AS BIGINT) AS sessions,
  CAST(SUM(turns) AS BIGINT) AS turns,
  CAST(SUM(CASE WHEN countable THEN 1 ELSE 0 END) AS BIGINT) AS send_known,
  CAST(SUM(CASE WHEN countable THEN turns ELSE 0 END) AS BIGINT) AS sent,
  CAST(SUM(closed) AS BIGINT) AS closed,
  CAST(SUM(closed_turns) AS BIGINT) AS closed_turns,
  CAST(SUM(abrupt) AS BIGINT) AS abrupt,
  CAST(SUM(regenerations) AS BIGINT) AS regenerations,
  CAST(SUM(regeneration_turns) AS BIGINT) AS regeneration_turns,
  CAST(SUM(likes) AS BIGINT) AS likes,
  CAST(SUM(complaints) AS BIGINT) AS complaints,
  CAST(SUM(feedback_turns) AS BIGINT) AS feedback_turns,
  CAST(SUM(CASE WHEN countable AND (sessions = 0 OR read_known > 0) THEN 1 ELSE 0 END) AS BIGINT) AS read_known,
  CAST(SUM(CASE WHEN countable THEN read_ms ELSE 0 END) AS BIGINT) AS read_ms,
  CAST(SUM(error_known) AS BIGINT) AS error_known,
  CAST(SUM(errors) AS BIGINT) AS errors,
  CAST(SUM(latency_known) AS BIGINT) AS latency_known,
  CAST(SUM(latency_ms) AS BIGINT) AS latency_ms,
  CAST(SUM(CASE WHEN followed THEN priced ELSE 0 END) AS BIGINT) AS priced,
  CAST(SUM(CASE WHEN countable AND (sessions = 0 OR cost_known > 0) THEN priced ELSE 0 END) AS BIGINT) AS cost_known,
  CAST(SUM(CASE WHEN countable THEN cost_micros ELSE 0 END) AS BIGINT) AS cost_micros,
  CAST(SUM(next_messages) AS BIGINT) AS next_messages,
  CAST(SUM(next_chars) AS BIGINT) AS next_chars,
  CAST(SUM(worded) AS BIGINT) AS worded,
  CAST(SUM(stale) AS BIGINT) AS stale,
  CAST(SUM(sentences) AS BIGINT) AS sentences,
  CAST(SUM(repeated) AS BIGINT) AS repeated,
  CAST(SUM(CASE WHEN fresh AND returned_next_day IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS return_known,
  CAST(SUM(CASE WHEN fresh AND returned_next_day THEN 1 ELSE 0 END) AS BIGINT) AS returned,
  CAST(SUM(CASE WHEN later_day THEN 1 ELSE 0 END) AS BIGINT) AS later_day,
  CAST(SUM(CASE WHEN later_day AND local_day_over THEN 1 ELSE 0 END) AS BIGINT) AS later_day_known,
  CAST(SUM(CASE WHEN later_day AND local_day_over AND started THEN 1 ELSE 0 END) AS BIGINT) AS came_back,
  CAST(SUM(CASE WHEN seventh_day THEN 1 ELSE 0 END) AS BIGINT) AS seventh_day
FROM known
GROUP BY day, experiment_id, unit, epoch, user_id, arm
