/*
row: one preference pair to learn from, two replies to one message, since the one that behaviour rejected was a bad case of the training side
key: [pair_id]
reads:
  bad_cases: [0, 0]
columns:
  pair_id: VARCHAR, the pair
  event_id: VARCHAR, the bad reply
  user_id: VARCHAR, who rejected it
  dedup_group: VARCHAR, the near duplicates that it is one of
  weight: DOUBLE, certainty of the case over the pairs that its group has on the day, so that a group weighs as much as its cases weigh on average
  user_text: VARCHAR, the message that both replies answer
  chosen: VARCHAR, the reply that behaviour preferred
  rejected: VARCHAR, the bad reply
*/
SELECT
  day,
  pair_id,
  event_id,
  user_id,
  dedup_group,
  certainty / NULLIF(COUNT(*) OVER (PARTITION BY day, dedup_group), 0) AS weight,
  user_text,
  better_reply                                                         AS chosen,
  reply_text                                                           AS rejected
FROM bad_cases
WHERE side = 'training' AND pair_id IS NOT NULL AND same_prefix AND better_reply IS NOT NULL
