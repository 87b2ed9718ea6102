/*
row: what one user got from one model within one slice; its day is that of the session. People only. A reply is in one slice of each dimension, or in none where the log does not tell; the dimension `all` has every reply
key: [day, user_id, model_id, dimension, slice]
reads:
  reading: [0, 0]
  turns: [0, 1]
  traffic: [0, 0]
  exits: [0, 0]
  horizon_labels: [0, 0]
  rewards: [0, 0]
  breaks: [0, 0]
  first_seen: [0, 0]
horizons: [1, 2]
columns:
  user_id: VARCHAR, the user
  model_id: VARCHAR, the model that wrote the replies
  dimension: VARCHAR, all, role_type, locale, channel, product_line, seniority (new on the day of first sight, else existing), and what the message answered is like, length (short below 20 characters, long from 100 on, else medium), form (question or statement), script (han, latin, other) and formality (formal with a word of courtesy, casual with slang or laughter, else plain)
  slice: VARCHAR, its value
  replies: BIGINT, kept replies
  return_known: BIGINT, 1 where the return on the next local day has matured, else 0
  returned: BIGINT, 1 where the user came back, else 0
  ended: BIGINT, sessions that ended with one of these replies; open ones do not count
  abrupt: BIGINT, of these, those left abruptly
  rewarded: BIGINT, replies with a reward
  reward: DOUBLE, sum of their rewards
  judged: BIGINT, replies held against persona and story
  contradictions: BIGINT, of these, those that contradict either
  complaints: BIGINT, replies complained about
  errors: BIGINT, replies that failed
  timed: BIGINT, replies whose latency is known
  latency_ms: BIGINT, sum of their latencies, milliseconds
  costed: BIGINT, replies whose cost is known
  cost_usd: DOUBLE, sum of their costs, US dollars
*/
WITH kept AS (
  SELECT
    reading.day, reading.event_id, reading.session_id, reading.user_id, reading.model_id,
    turns.role_type, turns.locale, turns.channel, turns.product_line, turns.feedback, turns.error,
    turns.latency_ms, turns.cost_usd,
    COALESCE(turns.user_chars, LENGTH(turns.user_text))                  AS chars,
    CASE WHEN TRIM(turns.user_text) <> '' THEN LOWER(turns.user_text) END AS said,
    ROW_NUMBER() OVER (PARTITION BY reading.session_id ORDER BY reading.shown_at DESC, reading.event_id DESC) AS from_end
  FROM reading
  JOIN turns ON turns.event_id = reading.event_id
  JOIN traffic ON traffic.session_id = reading.session_id AND traffic.kind = 'people'
  WHERE reading.position IS NOT NULL
),
told AS (
  SELECT
    kept.*,
    labels.delayed_session,
    rewards.reward,
    breaks.event_id IS NOT NULL                                          AS is_judged,
    breaks.kind = 'contradiction' AND breaks.score >= 5e-1               AS contradicts,
    CASE WHEN kept.from_end = 1 AND exits.kind <> 'open' THEN exits.kind END AS ended_as,
    CASE WHEN first_seen.user_id IS NULL THEN 'existing' ELSE 'new' END  AS seniority,
    CASE WHEN kept.chars < 20 THEN 'short' WHEN kept.chars < 100 THEN 'medium' WHEN kept.chars >= 100 THEN 'long'
      END                                                                AS length_class,
    CASE
      WHEN kept.said IS NULL THEN NULL
      WHEN REGEXP_MATCHES(kept.said, '[?？]|[吗呢]\s*$') THEN 'question'
      ELSE 'statement'
    END                                                                  AS form,
    CASE
      WHEN kept.said IS NULL THEN NULL
      WHEN REGEXP_MATCHES(kept.said, '\p{Han}') THEN 'han'
      WHEN REGEXP_MATCHES(kept.said, '\p{Latin}') THEN 'latin'
      ELSE 'other'
    END                                                                  AS script,
    CASE
      WHEN kept.said IS NULL THEN NULL
      WHEN REGEXP_MATCHES(kept.said, '\b(please|kindly|could you|would you|thank you)\b|您|请|麻烦|谢谢') THEN 'formal'
      WHEN REGEXP_MATCHES(kept.said, '\b(lol|lmao|gonna|wanna|u|ur|pls|thx|yeah|(ha)+h?)\b|哈哈|嘻嘻|呵呵|[啦嘛咯]') THEN 'casual'
      ELSE 'plain'
    END                                                                  AS formality
  FROM kept
  LEFT JOIN horizon_labels AS labels ON labels.event_id = kept.event_id
  LEFT JOIN rewards ON rewards.event_id = kept.event_id
  LEFT JOIN breaks ON breaks.event_id = kept.event_id
  LEFT JOIN exits ON exits.session_id = kept.session_id
  LEFT JOIN first_seen ON first_seen.user_id = kept.user_id AND first_seen.day = kept.day
),
placed AS (
  SELECT
    told.*,
    names.dimension,
    CASE names.dimension
      WHEN 'all' THEN 'all'
      WHEN 'role_type' THEN told.role_type
      WHEN 'locale' THEN told.locale
      WHEN 'channel' THEN told.channel
      WHEN 'product_line' THEN told.product_line
      WHEN 'seniority' THEN told.seniority
      WHEN 'length' THEN told.length_class
      WHEN 'form' THEN told.form
      WHEN 'script' THEN told.script
      WHEN 'formality' THEN told.formality
    END AS slice
  FROM told
  CROSS JOIN (VALUES
    ('all'), ('role_type'), ('locale'), ('channel'), ('product_line'), ('seniority'), ('length'), ('form'), ('script'),
    ('formality')
  ) AS names(dimension)
)
SELECT
  day,
  user_id,
  model_id,
  dimension,
  slice,
  COUNT(*)                                                               AS replies,
  CAST(MAX(CASE WHEN delayed_session IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS return_known,
  CAST(MAX(CASE WHEN delayed_session > 0 THEN 1 ELSE 0 END) AS BIGINT)   AS returned,
  COUNT(ended_as)                                                        AS ended,
  COUNT(CASE WHEN ended_as = 'abrupt' THEN 1 END)                        AS abrupt,
  COUNT(reward)                                                          AS rewarded,
  COALESCE(SUM(reward), 0e0)                                             AS reward,
  COUNT(CASE WHEN is_judged THEN 1 END)                                  AS judged,
  COUNT(CASE WHEN contradicts THEN 1 END)                                AS contradictions,
  COUNT(CASE WHEN feedback = 'complaint' THEN 1 END)                     AS complaints,
  COUNT(CASE WHEN error THEN 1 END)                                      AS errors,
  COUNT(latency_ms)                                                      AS timed,
  CAST(COALESCE(SUM(latency_ms), 0) AS BIGINT)                           AS latency_ms,
  COUNT(cost_usd)                                                        AS costed,
  COALESCE(SUM(cost_usd), 0e0)                                           AS cost_usd
FROM placed
WHERE slice IS NOT NULL
GROUP BY day, user_id, model_id, dimension, slice
