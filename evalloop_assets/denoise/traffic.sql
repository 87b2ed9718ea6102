/*
row: one session, and who was behind it, people, a script or nobody who meant to chat
key: [session_id]
reads:
  sessions: [0, 0]
settings: [denoise.most_replies_a_day]
columns:
  session_id: VARCHAR, the session
  user_id: VARCHAR, its user
  kind: VARCHAR, people, automatic (a script; judged on all that the user did on the day) or low_intent (nobody meant to chat)
  reason: VARCHAR, what showed it, in words; NULL for people
*/
WITH days AS (
  SELECT day, user_id, SUM(turns) AS replies
  FROM sessions
  GROUP BY day, user_id
)
SELECT
  sessions.day,
  sessions.session_id,
  sessions.user_id,
  CASE WHEN days.replies > settings.most_replies_a_day THEN 'automatic' ELSE 'people' END AS kind,
  CASE WHEN days.replies > settings.most_replies_a_day THEN 'more replies than a person reads in a day' END AS reason
FROM sessions
JOIN days ON days.day = sessions.day AND days.user_id = sessions.user_id
CROSS JOIN settings
