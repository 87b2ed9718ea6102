/*
row: whether one session closed by itself, by words or by quiet reading; what else ended it is told by exits
key: [session_id]
reads:
  sessions: [0, 0]
  reading: [0, 0]
  closing_words: [0, 0]
settings: [denoise.closure_score, denoise.quiet_ratio, denoise.typical_cps, denoise.han_pace, denoise.other_pace]
columns:
  session_id: VARCHAR, the session
  closed: BOOLEAN, it closed by itself, its score reaches closure_score
  score: DOUBLE, evidence from 0 to 1 that it closed by itself; 0 where neither words nor time speak for it
  marker: VARCHAR, how it closed, farewell, thanks, goal, resolved (story told) or quiet (read to its end); NULL where it did not
*/
WITH placed AS (
  SELECT *, COALESCE(MAX(CASE WHEN by_user THEN place END) OVER (PARTITION BY session_id), 0) AS spoken_at
  FROM closing_words
),
-- What the user said last (u), what was answered since (r), what the user said it to (p), and the message before (b).
roles AS (
  SELECT
    *,
    by_user AND place = spoken_at AS said,
    NOT by_user AND place > spoken_at AS answered,
    NOT by_user AND place < spoken_at AS asked,
    by_user AND place < spoken_at AS before
  FROM placed
),
ends AS (
  SELECT
    session_id,
    MAX(spoken_at) = 2 AS u_opens,
    BOOL_OR(answered) AS r_said,
    MAX(CASE WHEN said THEN length END) AS u_length,
    MAX(CASE WHEN answered THEN length END) AS r_length,
    COALESCE(BOOL_OR(said AND farewell), FALSE) AS u_farewell,
    COALESCE(BOOL_OR(said AND parting), FALSE) AS u_parting,
    COALESCE(BOOL_OR(said AND good_wish), FALSE) AS u_good_wish,
    COALESCE(BOOL_OR(said AND thanks), FALSE) AS u_thanks,
    COALESCE(BOOL_OR(said AND looks_back), FALSE) AS u_looks_back,
    COALESCE(BOOL_OR(said AND praises), FALSE) AS u_praises,
    COALESCE(BOOL_OR(said AND done), FALSE) AS u_done,
    COALESCE(BOOL_OR(said AND resolved), FALSE) AS u_resolved,
    COALESCE(BOOL_OR(said AND asks), FALSE) AS u_asks,
    COALESCE(BOOL_OR(said AND inquires), FALSE) AS u_inquires,
    COALESCE(BOOL_OR(said AND requests), FALSE) AS u_requests,
    COALESCE(BOOL_OR(said AND declines), FALSE) AS u_declines,
    COALESCE(BOOL_OR(said AND agrees), FALSE) AS u_agrees,
    COALESCE(BOOL_OR(said AND welcomes), FALSE) AS u_welcomes,
    COALESCE(BOOL_OR(answered AND farewell), FALSE) AS r_farewell,
    COALESCE(BOOL_OR(answered AND parting), FALSE) AS r_parting,
    COALESCE(BOOL_OR(answered AND good_wish), FALSE) AS r_good_wish,
    COALESCE(BOOL_OR(answered AND welcomes), FALSE) AS r_welcomes,
    COALESCE(BOOL_OR(answered AND acks), FALSE) AS r_acks,
    COALESCE(BOOL_OR(answered AND thanks), FALSE) AS r_thanks,
    COALESCE(BOOL_OR(answered AND resolved), FALSE) AS r_resolved,
    COALESCE(BOOL_OR(answered AND (asks OR offers)), FALSE) AS r_asks,
    COALESCE(BOOL_OR(answered AND offers), FALSE) AS r_offers,
    COALESCE(BOOL_OR(asked AND (asks OR offers)), FALSE) AS p_asks,
    COALESCE(BOOL_OR(asked AND offers), FALSE) AS p_offers,
    COALESCE(BOOL_OR(asked AND resolved), FALSE) AS p_resolved,
    COALESCE(BOOL_OR(asked AND thanks), FALSE) AS p_thanks,
    COALESCE(BOOL_OR(asked AND (farewell OR parting)), FALSE) AS p_parts,
    COALESCE(BOOL_OR(before AND (farewell OR parting OR thanks OR done)), FALSE) AS b_parts
  FROM roles
  GROUP BY session_id
),
-- Evidence in logits, of either side and of how they answer each other.
weighed AS (
  SELECT
    *,
    -3e0
    + CASE WHEN u_farewell THEN 5e0 WHEN u_parting THEN 38e-1 WHEN u_good_wish THEN 15e-1 ELSE 0e0 END
    + CASE
        WHEN u_done AND u_agrees AND p_asks AND NOT p_offers THEN 2e0
        WHEN u_done OR (u_declines AND p_offers) THEN 4e0
        ELSE 0e0
      END
    + CASE
        WHEN u_resolved OR (p_resolved AND NOT p_asks AND u_praises AND NOT u_asks AND NOT u_requests) THEN 4e0
        ELSE 0e0
      END
    + CASE
        WHEN NOT u_thanks THEN 0e0
        WHEN u_length <= 45 THEN 26e-1
        WHEN u_length <= 100 THEN 22e-1
        WHEN u_length <= 160 THEN 12e-1
        ELSE 2e-1
      END
    + CASE WHEN NOT u_looks_back THEN 0e0 WHEN r_said AND NOT r_asks THEN 12e-1 ELSE 3e-1 END
    + CASE
        WHEN r_resolved AND NOT r_asks THEN 0e0
        WHEN u_farewell AND NOT u_inquires AND (u_asks OR u_requests) THEN -1e0
        WHEN u_asks THEN -4e0
        WHEN u_requests AND (u_done OR u_resolved) THEN -25e-1
        WHEN u_requests THEN -4e0
        ELSE 0e0
      END
    + CASE
        WHEN NOT p_asks OR p_offers OR u_farewell OR u_done THEN 0e0
        WHEN u_agrees AND (r_farewell OR r_parting) THEN -8e-1
        WHEN u_agrees THEN -15e-1
        WHEN u_thanks AND NOT u_declines THEN -8e-1
        ELSE 0e0
      END
    + CASE WHEN u_opens AND NOT u_farewell THEN -15e-1 ELSE 0e0 END
    + CASE
        WHEN p_parts AND b_parts AND u_length <= 60 THEN 3e0
        WHEN (p_parts OR p_thanks) AND NOT p_asks AND u_welcomes THEN 3e0
        ELSE 0e0
      END
    + CASE
        WHEN NOT r_said THEN 0e0
        WHEN r_farewell AND r_asks THEN 25e-1
        WHEN r_asks AND u_farewell THEN -5e-1
        WHEN r_asks AND NOT u_done AND NOT u_resolved THEN -35e-1
        WHEN r_offers THEN -15e-1
        WHEN r_asks THEN -9e-1
        WHEN r_farewell THEN 4e0
        WHEN r_parting THEN 35e-1
        WHEN r_good_wish AND u_agrees AND p_asks THEN 1e0
        WHEN r_good_wish THEN 28e-1
        WHEN r_welcomes AND (u_thanks OR u_done) THEN 2e0
        WHEN r_welcomes THEN 12e-1
        WHEN u_thanks AND r_thanks AND r_length <= 60 THEN 1e0
        WHEN u_thanks AND r_acks AND r_length <= 30 THEN 8e-1
        WHEN u_thanks AND r_length <= 60 THEN 2e-1
        WHEN r_thanks AND r_length <= 60 THEN 1e0
        ELSE 0e0
      END
    + CASE WHEN r_resolved AND NOT r_asks THEN 35e-1 ELSE 0e0 END AS evidence,
    CASE
      WHEN u_farewell OR u_parting THEN 'farewell'
      WHEN u_resolved THEN 'resolved'
      WHEN u_done OR (u_declines AND p_offers) THEN 'goal'
      WHEN u_thanks THEN 'thanks'
      WHEN r_resolved OR p_resolved THEN 'resolved'
      ELSE 'farewell'
    END AS word
  FROM ends
),
-- Without words time decides: how long the last reply was read, over what its length takes at the pace of the session's
-- other replies. One more like it, read at the pace of most people, counts among them and does where none is known.
timed AS (
  SELECT session_id, position, script, reply_chars, CAST(ROUND(effective_read_s * 1e3) AS BIGINT) AS read_ms
  FROM reading
  WHERE position IS NOT NULL
),
lasts AS (
  SELECT session_id, MAX(position) AS position
  FROM timed
  GROUP BY session_id
),
paces AS (
  SELECT
    timed.session_id,
    MAX(CASE WHEN timed.position = lasts.position THEN reply_chars END) AS chars,
    MAX(CASE WHEN timed.position = lasts.position THEN read_ms END) / 1e3 AS read_s,
    MAX(CASE WHEN timed.position = lasts.position THEN script END) AS script,
    SUM(CASE WHEN timed.position < lasts.position AND read_ms > 0 THEN reply_chars ELSE 0 END) AS other_chars,
    SUM(CASE WHEN timed.position < lasts.position AND read_ms > 0 THEN read_ms ELSE 0 END) / 1e3 AS other_s
  FROM timed
  JOIN lasts ON lasts.session_id = timed.session_id
  GROUP BY timed.session_id
),
lingering AS (
  SELECT
    paces.session_id,
    paces.read_s * (paces.chars + paces.other_chars) / NULLIF(
      paces.chars * (paces.chars / NULLIF(
        settings.typical_cps * CASE paces.script
          WHEN 'han' THEN settings.han_pace
          WHEN 'other' THEN settings.other_pace
          ELSE 1e0
        END, 0
      ) + paces.other_s), 0
    ) / NULLIF(settings.quiet_ratio, 0) AS ratio
  FROM paces
  CROSS JOIN settings
),
scored AS (
  SELECT
    sessions.day,
    sessions.session_id,
    weighed.word,
    COALESCE(1 / NULLIF(1 + EXP(-weighed.evidence), 0), 0e0) AS by_words,
    COALESCE(1 / NULLIF(1 + POWER(NULLIF(lingering.ratio, 0), -6e0), 0), 0e0) AS by_time
  FROM sessions
  LEFT JOIN weighed ON weighed.session_id = sessions.session_id
  LEFT JOIN lingering ON lingering.session_id = sessions.session_id
)
SELECT
  scored.day,
  scored.session_id,
  GREATEST(scored.by_words, scored.by_time) >= settings.closure_score AS closed,
  GREATEST(scored.by_words, scored.by_time) AS score,
  CASE
    WHEN scored.by_words >= settings.closure_score THEN scored.word
    WHEN scored.by_time >= settings.closure_score THEN 'quiet'
  END AS marker
FROM scored
CROSS JOIN settings
