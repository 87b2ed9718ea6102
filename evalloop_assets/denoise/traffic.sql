/*
row: one session, and who was behind it, people, a script or nobody who meant to chat
key: [session_id]
reads:
  turns: [0, 1]
  sessions: [0, 0]
  reading: [0, 0]
settings: [denoise.automatic_replies, denoise.most_replies_a_day, denoise.longest_silence_hours, denoise.fastest_cps, denoise.fastest_typing_cps, denoise.low_intent_replies]
columns:
  session_id: VARCHAR, the session
  user_id: VARCHAR, its user
  kind: VARCHAR, people, automatic (a script, two kinds of evidence at least on a day of the session, over all that the user did) or low_intent (nobody meant to chat)
  reason: VARCHAR, what showed it, in words; NULL for people
*/
WITH user_replies AS (
  SELECT
    day, user_id,
    COUNT(*)                                                                             AS replies,
    COUNT(CASE WHEN scrolls IS NOT NULL OR clicks IS NOT NULL OR typing_ms IS NOT NULL THEN 1 END) AS told,
    COUNT(CASE WHEN scrolls > 0 OR clicks > 0 OR typing_ms > 0 THEN 1 END)               AS signs,
    COUNT(CASE WHEN user_text <> '' OR user_chars > 0 THEN 1 END)                        AS messages
  FROM turns
  GROUP BY day, user_id
),
-- Whether the log tells of messages, and of signs of people, for which each user has one voice.
apps AS (
  SELECT
    day,
    COUNT(CASE WHEN signs > 0 THEN 1 END) / NULLIF(COUNT(CASE WHEN told > 0 THEN 1 END), 0) AS signing,
    MAX(messages) > 0                                                                    AS tells_messages
  FROM user_replies
  GROUP BY day
),
busy AS (
  SELECT user_replies.day, user_replies.user_id, user_replies.replies, user_replies.told, user_replies.signs
  FROM user_replies
  CROSS JOIN settings
  WHERE user_replies.replies >= settings.automatic_replies
),
followed AS (
  SELECT
    turns.day, turns.user_id, turns.user_text,
    COALESCE(turns.time_source <> 'interpolated', TRUE)                                  AS is_logged,
    COALESCE(turns.reply_chars, LENGTH(turns.reply_text))                                AS reply_chars,
    LEAD(CASE WHEN turns.replaces_event_id IS NULL THEN COALESCE(turns.user_chars, LENGTH(turns.user_text)) END)
      OVER (PARTITION BY turns.day, turns.user_id ORDER BY turns.shown_at, turns.event_id) AS next_chars,
    EPOCH_MS(turns.shown_at) - EPOCH_MS(CAST(turns.day AS TIMESTAMP))                    AS at_ms,
    EPOCH_MS(LEAD(turns.shown_at)
      OVER (PARTITION BY turns.day, turns.user_id ORDER BY turns.shown_at, turns.event_id))
      - EPOCH_MS(turns.shown_at)                                                         AS gap_ms
  FROM turns
  JOIN busy ON busy.day = turns.day AND busy.user_id = turns.user_id
),
-- A gap that many users have to the millisecond was made by the log, not by them, as were interpolated times.
made_gaps AS (
  SELECT followed.day, followed.gap_ms
  FROM followed
  JOIN (SELECT day, COUNT(*) AS users FROM busy GROUP BY day) AS crowds ON crowds.day = followed.day
  WHERE followed.gap_ms IS NOT NULL AND followed.is_logged
  GROUP BY followed.day, followed.gap_ms, crowds.users
  HAVING COUNT(DISTINCT followed.user_id) >= 5 AND 4 * COUNT(DISTINCT followed.user_id) >= crowds.users
),
done AS (
  SELECT
    followed.day, followed.user_id,
    CASE WHEN is_logged THEN followed.at_ms END                                          AS at_ms,
    followed.gap_ms,
    CASE WHEN followed.user_text <> '' THEN followed.user_text END                       AS message,
    CASE WHEN is_logged AND made_gaps.gap_ms IS NULL THEN followed.gap_ms END                          AS own_gap_ms,
    CASE WHEN is_logged AND made_gaps.gap_ms IS NULL
      THEN followed.gap_ms < 1e3 * (followed.reply_chars / NULLIF(settings.fastest_cps, 0)
        + COALESCE(followed.next_chars, 0) / NULLIF(settings.fastest_typing_cps, 0)) END AS is_too_fast
  FROM followed
  LEFT JOIN made_gaps ON made_gaps.day = followed.day AND made_gaps.gap_ms = followed.gap_ms
  CROSS JOIN settings
),
days AS (
  SELECT
    day, user_id,
    COUNT(own_gap_ms)                                                                    AS gaps,
    PERCENTILE_CONT(1e-1) WITHIN GROUP (ORDER BY own_gap_ms)                             AS short_ms,
    PERCENTILE_CONT(9e-1) WITHIN GROUP (ORDER BY own_gap_ms)                             AS long_ms,
    CASE WHEN COUNT(at_ms) = COUNT(*) THEN GREATEST(MAX(gap_ms), MIN(at_ms), 86400000 - MAX(at_ms)) END AS silence_ms,
    COUNT(is_too_fast)                                                                   AS timed,
    COUNT(CASE WHEN is_too_fast THEN 1 END)                                              AS too_fast,
    COUNT(message)                                                                       AS messages,
    COUNT(DISTINCT message)                                                              AS different
  FROM done
  GROUP BY day, user_id
),
evidence AS (
  SELECT
    days.day, days.user_id,
    CASE WHEN days.gaps >= automatic_replies - 1 AND days.short_ms > 0 AND days.long_ms <= 125e-2 * days.short_ms
      THEN 'replies at regular intervals' END                                            AS regular,
    CASE WHEN days.messages >= automatic_replies AND 10 * days.different <= days.messages
      THEN 'the same messages again and again' END                                       AS repeated,
    CASE WHEN days.timed >= automatic_replies - 1 AND 10 * days.too_fast >= 8 * days.timed
      THEN 'answers faster than anybody reads and types' END                             AS hurried,
    CASE WHEN busy.told >= automatic_replies AND busy.signs = 0 AND apps.signing >= 5e-1
      THEN 'no scroll, click or typing, which the app tells of others' END               AS lifeless,
    CASE WHEN days.silence_ms < longest_silence_hours * 3600000 THEN 'active around the clock' END AS sleepless,
    CASE WHEN busy.replies > most_replies_a_day THEN 'more replies than anybody reads in a day' END AS endless
  FROM days
  JOIN busy ON busy.day = days.day AND busy.user_id = days.user_id
  JOIN apps ON apps.day = days.day
  CROSS JOIN settings
),
scripts AS (
  SELECT
    day, user_id,
    CONCAT_WS('; ', regular, repeated, hurried, lifeless, sleepless, endless)            AS reason
  FROM evidence
  WHERE CASE WHEN regular IS NULL THEN 0 ELSE 1 END + CASE WHEN repeated IS NULL THEN 0 ELSE 1 END
    + CASE WHEN hurried IS NULL THEN 0 ELSE 1 END + CASE WHEN lifeless IS NULL THEN 0 ELSE 1 END
    + CASE WHEN sleepless IS NULL THEN 0 ELSE 1 END + CASE WHEN endless IS NULL THEN 0 ELSE 1 END >= 2
),
automatic AS (
  SELECT sessions.session_id, MIN(scripts.reason) AS reason
  FROM sessions
  JOIN scripts
    ON scripts.user_id = sessions.user_id AND scripts.day BETWEEN sessions.day AND CAST(sessions.ended_at AS DATE)
  GROUP BY sessions.session_id
),
-- Sessions short enough to have come about by chance, in which the user is not known to have said or judged anything.
wordless AS (
  SELECT sessions.session_id, apps.tells_messages
  FROM sessions
  JOIN apps ON apps.day = sessions.day
  JOIN turns
    ON turns.user_id = sessions.user_id
    AND turns.conversation_id = sessions.conversation_id
    AND turns.shown_at BETWEEN sessions.started_at AND sessions.ended_at
  CROSS JOIN settings
  WHERE sessions.turns <= settings.low_intent_replies
  GROUP BY sessions.session_id, apps.tells_messages
  HAVING COUNT(CASE WHEN turns.user_text <> '' OR turns.user_chars > 0 OR turns.feedback IS NOT NULL THEN 1 END) = 0
),
unmeant AS (
  SELECT
    wordless.session_id,
    CASE
      WHEN wordless.tells_messages THEN 'a greeting or two, and no message of the user'
      WHEN COUNT(CASE WHEN reading.reason = 'skipped' THEN 1 END) = COUNT(*) THEN 'nobody read what was shown'
    END AS reason
  FROM wordless
  JOIN reading ON reading.session_id = wordless.session_id
  GROUP BY wordless.session_id, wordless.tells_messages
)
SELECT
  sessions.day,
  sessions.session_id,
  sessions.user_id,
  CASE
    WHEN automatic.reason IS NOT NULL THEN 'automatic'
    WHEN unmeant.reason IS NOT NULL THEN 'low_intent'
    ELSE 'people'
  END AS kind,
  COALESCE(automatic.reason, unmeant.reason) AS reason
FROM sessions
LEFT JOIN automatic ON automatic.session_id = sessions.session_id
LEFT JOIN unmeant ON unmeant.session_id = sessions.session_id
