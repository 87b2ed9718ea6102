"""What the results are computed from: the conversations of each policy's newest day in the window."""

NEWEST = """
    WITH newest AS (
        SELECT model_id, max(day) AS day FROM dynamic_turns GROUP BY model_id
    ),
    turns AS (
        SELECT dynamic_turns.* FROM dynamic_turns
        JOIN newest ON newest.model_id = dynamic_turns.model_id AND newest.day = dynamic_turns.day
    ),
    scores AS (
        SELECT dynamic_scores.* FROM dynamic_scores
        JOIN newest ON newest.model_id = dynamic_scores.model_id AND newest.day = dynamic_scores.day
    ),
    completed AS (
        SELECT
            model_id, pair, perturbation, CAST(1 AS BIGINT) AS turn, 'completed' AS metric, '' AS scorer,
            CASE WHEN count(failure) = 0 THEN 1.0 ELSE 0.0 END AS score
        FROM turns
        GROUP BY model_id, pair, perturbation
    ),
    every_score AS (
        SELECT model_id, pair, perturbation, turn, metric, scorer, score FROM scores
        UNION ALL
        SELECT model_id, pair, perturbation, turn, metric, scorer, score FROM completed
    )
    SELECT
        s.model_id, t.grid_version || '/' || s.pair AS pair, t.role_type, t.intent, t.prompt_setting, t.locale,
        s.perturbation, s.turn, s.metric, s.scorer, s.score
    FROM every_score AS s
    JOIN turns AS t
        ON t.model_id = s.model_id AND t.pair = s.pair AND t.perturbation = s.perturbation AND t.turn = s.turn
    ORDER BY ALL
"""
"""Scores with what their conversation is, and for each conversation whether it came to its end."""
FAILED = """
    WITH newest AS (
        SELECT model_id, max(day) AS day FROM dynamic_turns GROUP BY model_id
    )
    SELECT turns.model_id, count(*) AS failed
    FROM dynamic_turns AS turns JOIN newest ON newest.model_id = turns.model_id AND newest.day = turns.day
    WHERE failure IS NOT NULL
    GROUP BY turns.model_id ORDER BY turns.model_id
"""
