/*
row: the replies that one user read in one script at about one speed in the sessions of one UTC day, people only
key: [day, user_id, script, bin]
reads:
  reading: [0, 0]
  traffic: [0, 0]
columns:
  user_id: VARCHAR, who read
  script: VARCHAR, script of the replies, han, latin or other; unknown where the log holds no text
  bin: BIGINT, floor of 10 times the natural logarithm of characters per second, so that a bin is 10.5 percent wide
  replies: BIGINT, replies read at that speed
*/
SELECT
  reading.day,
  reading.user_id,
  COALESCE(reading.script, 'unknown')                              AS script,
  CAST(FLOOR(10 * LN(reading.chars_per_second)) AS BIGINT)         AS bin,
  COUNT(*)                                                         AS replies
FROM reading
JOIN traffic ON traffic.session_id = reading.session_id
WHERE traffic.kind = 'people' AND reading.chars_per_second > 0
GROUP BY 1, 2, 3, 4
