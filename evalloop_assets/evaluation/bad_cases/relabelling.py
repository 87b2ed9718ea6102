"""Which bad cases wait for people, in the form of their queue: two answers to one message, one of them bad."""

from __future__ import annotations

PER_ITEM = 2
"""People who judge each item, independently; where two disagree, the queue of annotations asks a third."""
WAITING = f"""
WITH asked AS (
  SELECT
    item_id,
    count(DISTINCT annotator_id)                                         AS people,
    string_agg(DISTINCT annotator_id, ', ' ORDER BY annotator_id)        AS names
  FROM gold_annotations
  GROUP BY item_id
),
-- Near duplicates are one question: the case that did most is asked about.
questions AS (
  SELECT *
  FROM bad_cases
  WHERE same_prefix AND better_reply IS NOT NULL AND side <> 'withheld'
  QUALIFY row_number() OVER (PARTITION BY dedup_group ORDER BY certainty * cost DESC, day, event_id) = 1
),
waiting AS (
  SELECT
    questions.*,
    {PER_ITEM} - coalesce(asked.people, 0)                               AS needed,
    coalesce(asked.names, '')                                            AS asked,
    substring(md5(pair_id), 1, 1) >= '8'                                 AS bad_first
  FROM questions
  LEFT JOIN asked ON asked.item_id = questions.pair_id
)
SELECT
  pair_id                                                                AS item_id,
  row_number() OVER (ORDER BY harm DESC, pair_id)                        AS place,
  'bad_case'                                                             AS purpose,
  needed,
  asked,
  CAST(NULL AS DOUBLE)                                                   AS confidence,
  kind                                                                   AS slice,
  user_id,
  side,
  user_text,
  CASE WHEN bad_first THEN reply_text ELSE better_reply END              AS reply_a,
  CASE WHEN bad_first THEN better_reply ELSE reply_text END              AS reply_b
FROM waiting
WHERE needed > 0
ORDER BY place
LIMIT $most
"""
"""SELECT over bad_cases and gold_annotations."""
