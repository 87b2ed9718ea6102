/*
row: what the replies of one session were like, of a user exposed to an experiment within 14 days; its day is that of its session
key: [session_id]
reads:
  sessions: [0, 0]
  turns: [0, 1]
  assignments: [-13, 0]
columns:
  session_id: VARCHAR, the session
  user_id: VARCHAR, who chatted
  conversation_id: VARCHAR, the conversation it belongs to
  error_known: BIGINT, replies of which the log tells whether they failed
  errors: BIGINT, those that failed
  latency_known: BIGINT, replies whose latency is logged
  latency_ms: BIGINT, their latencies added up, milliseconds
  cost_known: BIGINT, replies whose cost is logged
  cost_micros: BIGINT, their costs added up, millionths of a US dollar
  next_messages: BIGINT, messages of the user after the session's first reply whose length is known
  next_chars: BIGINT, their lengths added up, characters
  worded: BIGINT, replies that were kept and whose text has a sentence of six characters or more
  stale: BIGINT, those of which at least half of such sentences had been said in the ten replies before, or before in the reply itself; low information
  sentences: BIGINT, such sentences
  repeated: BIGINT, those that had been said in the reply before, or before in the same reply
*/
WITH exposed AS (
  SELECT DISTINCT active.day, active.user_id
  FROM (SELECT DISTINCT day, user_id FROM sessions) AS active
  JOIN assignments
    ON assignments.user_id = active.user_id
    AND assignments.day BETWEEN active.day - 13 AND active.day
  WHERE assignments.arm IN ('control', 'treatment')
),
replies AS (
  SELECT
    sessions.day, sessions.session_id, sessions.user_id, sessions.conversation_id, turns.event_id,
    turns.replaces_event_id, turns.error, turns.latency_ms, turns.cost_usd, turns.shown_at,
    LOWER(turns.reply_text)                                                                        AS words,
    COALESCE(turns.user_chars, LENGTH(turns.user_text))                                            AS user_chars,
    ROW_NUMBER() OVER (PARTITION BY sessions.session_id ORDER BY turns.shown_at, turns.event_id)   AS place
  FROM exposed
  JOIN sessions ON sessions.day = exposed.day AND sessions.user_id = exposed.user_id
  JOIN turns
    ON turns.user_id = sessions.user_id
    AND turns.conversation_id = sessions.conversation_id
    AND turns.shown_at BETWEEN sessions.started_at AND sessions.ended_at
),
figures AS (
  SELECT
    day, session_id, user_id, conversation_id,
    COUNT(error)                                                                     AS error_known,
    COUNT(CASE WHEN error THEN 1 END)                                                AS errors,
    COUNT(latency_ms)                                                                AS latency_known,
    COALESCE(SUM(latency_ms), 0)                                                     AS latency_ms,
    COUNT(cost_usd)                                                                  AS cost_known,
    COALESCE(SUM(CAST(ROUND(cost_usd * 1e6) AS BIGINT)), 0)                          AS cost_micros,
    COUNT(CASE WHEN place > 1 THEN user_chars END)                                   AS next_messages,
    COALESCE(SUM(CASE WHEN place > 1 THEN user_chars END), 0)                        AS next_chars
  FROM replies
  GROUP BY day, session_id, user_id, conversation_id
),
kept AS (
  SELECT
    replies.session_id, replies.words,
    ROW_NUMBER() OVER (PARTITION BY replies.session_id ORDER BY replies.place) AS place
  FROM replies
  LEFT JOIN (
    SELECT DISTINCT session_id, replaces_event_id AS event_id
    FROM replies
    WHERE replaces_event_id IS NOT NULL
  ) AS replaced ON replaced.session_id = replies.session_id AND replaced.event_id = replies.event_id
  WHERE replaced.event_id IS NULL
),
parts AS (
  SELECT session_id, place, UNNEST(STRING_SPLIT_REGEX(words, '[.!?;。！？；…\n]+')) AS part
  FROM kept
),
said AS (
  SELECT session_id, place, TRIM(part) AS sentence, COUNT(*) AS times
  FROM parts
  WHERE LENGTH(TRIM(part)) >= 6
  GROUP BY session_id, place, TRIM(part)
),
again AS (
  SELECT
    session_id, place, times,
    COALESCE(place - LAG(place) OVER (PARTITION BY session_id, sentence ORDER BY place), 1000) AS ago
  FROM said
),
texts AS (
  SELECT
    session_id, place,
    SUM(times)                                                   AS sentences,
    SUM(CASE WHEN ago <= 1 THEN times ELSE times - 1 END)        AS repeated,
    SUM(CASE WHEN ago <= 10 THEN times ELSE times - 1 END)       AS stale
  FROM again
  GROUP BY session_id, place
),
worded AS (
  SELECT
    session_id,
    COUNT(*)                                             AS worded,
    COUNT(CASE WHEN 2 * stale >= sentences THEN 1 END)   AS stale,
    SUM(sentences)                                       AS sentences,
    SUM(repeated)                                        AS repeated
  FROM texts
  GROUP BY session_id
)
SELECT
  figures.day,
  figures.session_id,
  figures.user_id,
  figures.conversation_id,
  figures.error_known,
  figures.errors,
  figures.latency_known,
  CAST(figures.latency_ms AS BIGINT)              AS latency_ms,
  figures.cost_known,
  CAST(figures.cost_micros AS BIGINT)             AS cost_micros,
  figures.next_messages,
  CAST(figures.next_chars AS BIGINT)              AS next_chars,
  COALESCE(worded.worded, 0)                      AS worded,
  COALESCE(worded.stale, 0)                       AS stale,
  CAST(COALESCE(worded.sentences, 0) AS BIGINT)   AS sentences,
  CAST(COALESCE(worded.repeated, 0) AS BIGINT)    AS repeated
FROM figures
LEFT JOIN worded ON worded.session_id = figures.session_id
