/*
row: one battle, and whether the ratings count it; of a user's votes on one pairing they take the first in their window
key: [battle_id]
reads:
  battles: [-13, 0]
  traffic: [-13, 0]
settings: [ranking.minimum_turns, ranking.most_votes_a_day, ranking.suspicious_votes, ranking.suspicious_z]
columns:
  battle_id: VARCHAR, the battle
  counted: BOOLEAN, the ratings count it, unless the user voted on this pairing on a former day of their window
  reason: VARCHAR, why they do not, in words; NULL where they do
  position_lead: DOUBLE, 1 where side a was shown first, -1 where side b was, 0 where the log does not tell
  length_lead: DOUBLE, natural logarithm of the characters of side a over those of side b; 0 where the log does not tell
*/
WITH seen AS (
  SELECT
    battles.*,
    COALESCE(turns_a < settings.minimum_turns OR turns_b < settings.minimum_turns, FALSE) AS is_short
  FROM battles
  CROSS JOIN settings
),
told AS (
  SELECT
    day, battle_id, user_id, model_a, model_b, outcome, shown_first, chars_a, chars_b, is_short,
    ROW_NUMBER() OVER (
      PARTITION BY day, user_id, LEAST(model_a, model_b), GREATEST(model_a, model_b), is_short
      ORDER BY decided_at, battle_id
    ) AS vote,
    choice_id
  FROM seen
),
daily AS (
  SELECT
    day, user_id,
    -- A choice among several is one vote, and its rows are no independent signs of a habit.
    COUNT(CASE WHEN choice_id IS NULL THEN 1 END) + COUNT(DISTINCT choice_id) AS votes,
    COUNT(CASE WHEN choice_id IS NULL AND shown_first IS NOT NULL AND outcome IN ('a', 'b') THEN 1 END) AS placed,
    COUNT(CASE WHEN choice_id IS NULL AND shown_first = outcome THEN 1 END) AS for_first
  FROM told
  GROUP BY day, user_id
),
-- What each user did in the 14 days up to each day of theirs, beside what everybody did.
windows AS (
  SELECT
    days.day, past.user_id,
    SUM(past.placed)    AS placed,
    SUM(past.for_first) AS for_first
  FROM (SELECT DISTINCT day FROM daily) AS days
  JOIN daily AS past ON past.day <= days.day AND past.day >= days.day - 13
  GROUP BY days.day, past.user_id
),
crowds AS (
  SELECT day, SUM(for_first) / NULLIF(SUM(placed), 0) AS share
  FROM windows
  GROUP BY day
),
one_sided AS (
  SELECT windows.day, windows.user_id
  FROM windows
  JOIN crowds ON crowds.day = windows.day
  CROSS JOIN settings
  WHERE windows.placed >= settings.suspicious_votes
    AND ABS(windows.for_first - windows.placed * crowds.share)
      > settings.suspicious_z * SQRT(windows.placed * crowds.share * (1 - crowds.share))
),
scripts AS (
  SELECT DISTINCT day, user_id
  FROM traffic
  WHERE kind = 'automatic'
)
SELECT
  told.day,
  told.battle_id,
  reasons.reason IS NULL AS counted,
  reasons.reason,
  CASE told.shown_first WHEN 'a' THEN 1e0 WHEN 'b' THEN -1e0 ELSE 0e0 END AS position_lead,
  CASE WHEN told.chars_a > 0 AND told.chars_b > 0 THEN LN(told.chars_a / NULLIF(told.chars_b, 0)) ELSE 0e0 END AS length_lead
FROM told
JOIN (
  SELECT
    told.day, told.battle_id,
    CASE
      WHEN told.model_a = told.model_b THEN 'both sides are one model'
      WHEN scripts.user_id IS NOT NULL THEN 'a script voted'
      WHEN daily.votes > settings.most_votes_a_day THEN 'more votes than anybody casts in a day'
      WHEN one_sided.user_id IS NOT NULL THEN 'the user votes by position, whatever is shown there'
      WHEN told.is_short THEN 'too few turns were seen'
      WHEN told.vote > 1 THEN 'the user voted on this pairing before on that day'
    END AS reason
  FROM told
  CROSS JOIN settings
  JOIN daily ON daily.day = told.day AND daily.user_id = told.user_id
  LEFT JOIN scripts ON scripts.day = told.day AND scripts.user_id = told.user_id
  LEFT JOIN one_sided ON one_sided.day = told.day AND one_sided.user_id = told.user_id
) AS reasons ON reasons.day = told.day AND reasons.battle_id = told.battle_id
