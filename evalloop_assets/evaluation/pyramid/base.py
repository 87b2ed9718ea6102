"""The base of the pyramid: benchmarks and their items."""

from evalloop_assets.evaluation.pyramid.block import Block, Part

BENCHMARKS = """
    SELECT
      name AS box, model_id AS name, value, value - 1.96 * se AS low, value + 1.96 * se AS high,
      CAST(units AS BIGINT) AS n, 'number' AS form, CAST(NULL AS VARCHAR) AS note
    FROM model_values
    WHERE kind = 'benchmark' AND day = (SELECT max(day) FROM model_values)
    ORDER BY box, value DESC, model_id
"""

DIMENSIONS = """
    SELECT
      dimension || ': ' || source AS box, model_id AS name, value, low, high, n, 'number' AS form, reason AS note
    FROM model_dimensions
    WHERE day = (SELECT max(day) FROM model_dimensions) AND value IS NOT NULL
    ORDER BY
      CASE dimension
        WHEN 'accuracy' THEN 1 WHEN 'safety' THEN 2 WHEN 'hallucination' THEN 3 WHEN 'robustness' THEN 4
        WHEN 'fairness' THEN 5 ELSE 6
      END, box, value DESC, model_id
"""

ITEMS = """
    SELECT
      CASE WHEN told.retire + told.suspect + coalesce(leaked.items, 0) > 0 THEN 'look' ELSE 'sound' END AS status,
      told.benchmark AS subject,
      told.items::VARCHAR || ' items: ' || told.retire::VARCHAR || ' to retire, ' || told.suspect::VARCHAR
        || ' that better models fail, ' || coalesce(leaked.items, 0)::VARCHAR || ' met in training'
        || CASE WHEN told.unknown > 0 THEN ', ' || told.unknown::VARCHAR || ' with too few models to tell' ELSE '' END
        AS words
    FROM (
      SELECT
        benchmark, count(*) AS items, count(*) FILTER (verdict IN ('saturated', 'unsolved')) AS retire,
        count(*) FILTER (verdict = 'suspect') AS suspect, count(*) FILTER (verdict = 'not enough models') AS unknown
      FROM item_statistics
      WHERE day = (SELECT max(day) FROM item_statistics)
      GROUP BY benchmark
    ) AS told
    LEFT JOIN (
      SELECT benchmark, count(*) FILTER (contaminated) AS items
      FROM item_contamination
      WHERE day = (SELECT max(day) FROM item_contamination)
      GROUP BY benchmark
    ) AS leaked ON leaked.benchmark = told.benchmark
    ORDER BY told.benchmark
"""

BASE = Part(
    "base",
    "Base: benchmarks",
    "Hours, cheap, wide. Worth what they predict of the top.",
    (
        Block(
            "benchmarks",
            "Benchmarks",
            "Mean score by model on the same items, items as clusters; a published score has no interval.",
            "figures",
            BENCHMARKS,
            "No benchmark scored a model: `evalloop ingest` takes results of lm-evaluation-harness, EvalScope and "
            "leaderboards.",
        ),
        Block(
            "dimensions",
            "Six dimensions",
            "Accuracy, safety, hallucination, robustness, fairness, explainability: by benchmark, screen or users.",
            "figures",
            DIMENSIONS,
            "None of the six dimensions was measured.",
        ),
        Block(
            "items",
            "Items",
            "Items that all models solve, or none, separate nothing; those met in training measure memory.",
            "statements",
            ITEMS,
            "No items were scored by model.",
        ),
    ),
)
