/*
row: one user of an experiment, and what was known of the user before the first exposure; its day is that of this exposure
key: [experiment_id, unit, user_id]
reads:
  assignments: [0, 0]
  experiment_people: before
  first_seen: [null, 0]
  sessions: [-14, -1]
  turns: [0, 1]
columns:
  experiment_id: VARCHAR, the experiment
  unit: VARCHAR, what was randomised, conversation or user
  user_id: VARCHAR, the user
  exposed_at: TIMESTAMP, the first exposure (UTC)
  locale: VARCHAR, language and region of the first reply from then on; NULL where unknown
  channel: VARCHAR, channel of that reply; NULL where unknown
  role_type: VARCHAR, kind of persona that gave it; NULL where unknown
  product_line: VARCHAR, product that it was given in; NULL where unknown
  seniority: VARCHAR, new where the user was first seen on the day of the exposure, else existing
  sessions_before: BIGINT, sessions that began in the 14 UTC days before the day of the exposure and ended before it; NULL for new users
  replies_before: BIGINT, replies shown in them; NULL for new users
  days_before: BIGINT, days with such a session; NULL for new users
*/
WITH exposed AS (
  SELECT day, experiment_id, unit, user_id, MIN(assigned_at) AS exposed_at
  FROM assignments
  WHERE arm IN ('control', 'treatment')
  GROUP BY day, experiment_id, unit, user_id
),
ranked AS (
  SELECT
    exposed.day, exposed.experiment_id, exposed.unit, exposed.user_id, exposed.exposed_at,
    ROW_NUMBER() OVER (PARTITION BY exposed.experiment_id, exposed.unit, exposed.user_id ORDER BY exposed.day) AS place
  FROM exposed
  LEFT JOIN experiment_people AS known
    ON known.experiment_id = exposed.experiment_id AND known.unit = exposed.unit AND known.user_id = exposed.user_id
  WHERE known.user_id IS NULL
),
people AS (
  SELECT
    ranked.day, ranked.experiment_id, ranked.unit, ranked.user_id, ranked.exposed_at,
    COALESCE(first_seen.day < ranked.day, FALSE) AS existing
  FROM ranked
  LEFT JOIN first_seen ON first_seen.user_id = ranked.user_id
  WHERE ranked.place = 1
),
replies AS (
  SELECT
    people.experiment_id, people.unit, people.user_id,
    turns.locale, turns.channel, turns.role_type, turns.product_line,
    ROW_NUMBER() OVER (
      PARTITION BY people.experiment_id, people.unit, people.user_id ORDER BY turns.shown_at, turns.event_id
    ) AS place
  FROM people
  JOIN turns
    ON turns.user_id = people.user_id
    AND turns.shown_at >= people.exposed_at
    AND turns.day BETWEEN people.day AND people.day + 1
),
habits AS (
  SELECT
    people.experiment_id, people.unit, people.user_id,
    COUNT(*)                       AS sessions_before,
    SUM(sessions.turns)            AS replies_before,
    COUNT(DISTINCT sessions.day)   AS days_before
  FROM people
  JOIN sessions
    ON sessions.user_id = people.user_id
    AND sessions.day BETWEEN people.day - 14 AND people.day - 1
    AND sessions.ended_at < people.exposed_at
  GROUP BY people.experiment_id, people.unit, people.user_id
)
SELECT
  people.day,
  people.experiment_id,
  people.unit,
  people.user_id,
  people.exposed_at,
  replies.locale,
  replies.channel,
  replies.role_type,
  replies.product_line,
  CASE WHEN people.existing THEN 'existing' ELSE 'new' END                              AS seniority,
  CASE WHEN people.existing THEN COALESCE(habits.sessions_before, 0) END                AS sessions_before,
  CASE WHEN people.existing THEN CAST(COALESCE(habits.replies_before, 0) AS BIGINT) END AS replies_before,
  CASE WHEN people.existing THEN COALESCE(habits.days_before, 0) END                    AS days_before
FROM people
LEFT JOIN replies
  ON replies.experiment_id = people.experiment_id
  AND replies.unit = people.unit
  AND replies.user_id = people.user_id
  AND replies.place = 1
LEFT JOIN habits
  ON habits.experiment_id = people.experiment_id AND habits.unit = people.unit AND habits.user_id = people.user_id
