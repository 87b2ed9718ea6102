"""Observations of offline scores, by name, as they were known at the end of `$day`.

Each row is a model's score in a block: an item of a benchmark, a pair of replies before a judge. What does not say when
it was made counts from the beginning.
"""

from __future__ import annotations

ITEMS = """
    SELECT
      benchmark AS name, item_id,
      dense_rank() OVER (PARTITION BY benchmark ORDER BY model_id) - 1 AS model, model_id,
      dense_rank() OVER (PARTITION BY benchmark ORDER BY item_id) - 1 AS block, score AS total
    FROM benchmark_scores
    WHERE item_id <> 'all' AND coalesce(CAST(scored_at AS DATE) <= $day, TRUE)
    ORDER BY ALL
"""
PUBLISHED = """
    SELECT benchmark AS name, model_id, score, standard_error
    FROM benchmark_scores
    WHERE item_id = 'all' AND coalesce(CAST(scored_at AS DATE) <= $day, TRUE)
    ORDER BY ALL
"""
VERDICTS = """
    WITH told AS (
        SELECT
          judge_id, item_id, family_a, family_b, CASE verdict WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END AS won
        FROM judge_verdicts
        WHERE family_a <> family_b AND coalesce(CAST(decided_at AS DATE) <= $day, TRUE)
    ),
    sides AS (
        SELECT judge_id, item_id, family_a AS model_id, won FROM told
        UNION ALL
        SELECT judge_id, item_id, family_b AS model_id, 1.0 - won AS won FROM told
    )
    SELECT
      judge_id AS name, item_id,
      dense_rank() OVER (PARTITION BY judge_id ORDER BY model_id) - 1 AS model, model_id,
      dense_rank() OVER (PARTITION BY judge_id ORDER BY item_id) - 1 AS block, CAST(won AS DOUBLE) AS total
    FROM sides
    ORDER BY ALL
"""
"""Two rows a verdict: what each side won of it. A family is the model behind a reply."""
