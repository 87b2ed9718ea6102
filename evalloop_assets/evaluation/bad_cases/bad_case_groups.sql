/*
row: the bad cases of a day that share something
key: [day, dimension, value]
reads:
  bad_cases: [0, 0]
columns:
  dimension: VARCHAR, what they share, role_type, kind, model, character, or together for all four
  value: VARCHAR, its value, those of all four joined by a middle dot
  cases: BIGINT, replies
  groups: BIGINT, groups of near duplicates
  users: BIGINT, users
  harm: DOUBLE, over users, the sum of their largest certainty times cost
  share: DOUBLE, of the harm of the day's cases; somebody who met several counts for each value
  rank: BIGINT, by harm within the dimension, 1 the most harmful
*/
WITH shared AS (
  SELECT
    bad_cases.day, bad_cases.event_id, bad_cases.user_id, bad_cases.dedup_group,
    bad_cases.certainty * bad_cases.cost                                          AS harm,
    names.dimension,
    CASE names.dimension
      WHEN 'role_type' THEN COALESCE(bad_cases.role_type, 'unknown')
      WHEN 'kind' THEN bad_cases.kind
      WHEN 'model' THEN bad_cases.model_id
      WHEN 'character' THEN COALESCE(bad_cases.character_id, 'unknown')
      ELSE CONCAT_WS(' · ', COALESCE(bad_cases.role_type, 'unknown'), bad_cases.kind, bad_cases.model_id,
        COALESCE(bad_cases.character_id, 'unknown'))
    END                                                                           AS value
  FROM bad_cases
  CROSS JOIN (VALUES ('role_type'), ('kind'), ('model'), ('character'), ('together')) AS names(dimension)
),
by_user AS (
  SELECT day, dimension, value, user_id, MAX(harm) AS harm
  FROM shared
  GROUP BY day, dimension, value, user_id
),
summed AS (
  SELECT day, dimension, value, COUNT(*) AS users, SUM(harm) AS harm
  FROM by_user
  GROUP BY day, dimension, value
),
counted AS (
  SELECT
    day, dimension, value, COUNT(*) AS cases, COUNT(DISTINCT dedup_group) AS groups
  FROM shared
  GROUP BY day, dimension, value
)
SELECT
  summed.day,
  summed.dimension,
  summed.value,
  counted.cases,
  counted.groups,
  summed.users,
  summed.harm,
  summed.harm / NULLIF(SUM(summed.harm) OVER (PARTITION BY summed.day, summed.dimension), 0e0) AS share,
  ROW_NUMBER() OVER (PARTITION BY summed.day, summed.dimension ORDER BY summed.harm DESC, summed.value) AS rank
FROM summed
JOIN counted
  ON counted.day = summed.day AND counted.dimension = summed.dimension AND counted.value = summed.value
