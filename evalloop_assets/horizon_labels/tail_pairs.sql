/*
row: two kept replies of one session of which the user's behaviour after them prefers one; as many with the better one early as with the better one late, for each distance and day
key: [pair_id]
reads:
  horizon_labels: [0, 0]
settings: [labels.min_read_replies, labels.tail_share, labels.sustained_turns, labels.label_gap, labels.tie_margin, labels.tail_pairs_per_session]
columns:
  pair_id: VARCHAR, digest of the two replies
  session_id: VARCHAR, their session
  user_id: VARCHAR, who read them
  conversation_id: VARCHAR, the conversation they belong to
  chosen_event_id: VARCHAR, the better one
  rejected_event_id: VARCHAR, the worse one
  chosen_position: BIGINT, its place among the session's kept replies
  rejected_position: BIGINT, likewise
  direction: VARCHAR, good_early or bad_early
  distance: VARCHAR, positions between them, in classes 1, 2-3, 4-7, 8+
  evidence: VARCHAR, reading, or labels where reading is unknown
*/
WITH candidates AS (
  SELECT
    day, session_id, user_id, conversation_id, event_id, position, speed_percentile, following_turns, following_speed,
    immediate, delayed_5,
    COUNT(speed_percentile) OVER (PARTITION BY session_id) >= settings.min_read_replies AS by_reading,
    settings.tail_share, settings.sustained_turns, settings.tail_pairs_per_session, settings.label_gap, settings.tie_margin
  FROM horizon_labels
  CROSS JOIN settings
  WHERE delayed_5 IS NOT NULL
),
scored AS (
  SELECT
    *,
    CASE WHEN by_reading THEN -speed_percentile ELSE delayed_5 END AS score,
    CASE WHEN by_reading
      THEN speed_percentile <= tail_share AND following_turns >= sustained_turns AND following_speed <= 5e-1
      ELSE following_turns >= sustained_turns
    END AS good,
    CASE WHEN by_reading
      THEN speed_percentile >= 1e0 - tail_share AND (following_turns < 5 OR following_speed > 5e-1)
      ELSE TRUE
    END AS bad
  FROM candidates
),
-- Only the clearest few of each side meet, so that a session of n replies never makes n squared pairs.
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY session_id, good ORDER BY score DESC, MD5(event_id), event_id) AS good_place,
    ROW_NUMBER() OVER (PARTITION BY session_id, bad ORDER BY score, MD5(event_id), event_id) AS bad_place
  FROM scored
  WHERE good OR bad
),
met AS (
  SELECT
    good.day, good.session_id, good.user_id, good.conversation_id,
    good.event_id AS chosen_event_id, bad.event_id AS rejected_event_id,
    good.position AS chosen_position, bad.position AS rejected_position,
    good.score - bad.score AS gap,
    CASE WHEN good.position < bad.position THEN 'good_early' ELSE 'bad_early' END AS direction,
    CASE WHEN good.by_reading THEN 'reading' ELSE 'labels' END AS evidence,
    good.tail_pairs_per_session,
    MD5(CONCAT_WS('|', 'tail', CAST(LENGTH(good.event_id) AS VARCHAR), good.event_id, bad.event_id)) AS pair_id,
    ABS(good.position - bad.position) AS apart
  FROM ranked AS good
  JOIN ranked AS bad
    ON bad.session_id = good.session_id
    AND bad.position <> good.position
    AND bad.delayed_5 < good.delayed_5 - good.tie_margin
  WHERE good.good AND bad.bad
    AND good.good_place <= 2 * good.tail_pairs_per_session
    AND bad.bad_place <= 2 * bad.tail_pairs_per_session
    -- Where reading is unknown, what followed must not speak against how the two were received themselves.
    AND (good.by_reading OR (
      good.score >= bad.score + good.label_gap AND COALESCE(good.immediate >= bad.immediate, TRUE)))
),
chosen AS (
  SELECT
    *,
    CASE WHEN apart = 1 THEN '1' WHEN apart <= 3 THEN '2-3' WHEN apart <= 7 THEN '4-7' ELSE '8+' END AS distance,
    ROW_NUMBER() OVER (PARTITION BY session_id, direction ORDER BY gap DESC, pair_id) AS place_in_session
  FROM met
),
drawn AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY day, evidence, distance, direction ORDER BY pair_id) AS place_in_class
  FROM chosen
  WHERE place_in_session <= tail_pairs_per_session
),
counts AS (
  SELECT
    day, evidence, distance,
    LEAST(
      COUNT(CASE WHEN direction = 'good_early' THEN 1 END), COUNT(CASE WHEN direction = 'bad_early' THEN 1 END)
    ) AS of_each
  FROM drawn
  GROUP BY day, evidence, distance
)
SELECT
  drawn.day,
  drawn.pair_id,
  drawn.session_id,
  drawn.user_id,
  drawn.conversation_id,
  drawn.chosen_event_id,
  drawn.rejected_event_id,
  drawn.chosen_position,
  drawn.rejected_position,
  drawn.direction,
  drawn.distance,
  drawn.evidence
FROM drawn
JOIN counts
  ON counts.day = drawn.day AND counts.evidence = drawn.evidence AND counts.distance = drawn.distance
WHERE drawn.place_in_class <= counts.of_each
