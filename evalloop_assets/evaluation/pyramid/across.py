"""What is said across the layers: what agrees, what was decided, what is open."""

from evalloop_assets.evaluation.pyramid.block import Block, Part

PREDICTORS = """
    SELECT
      predictors.status, predictors.kind || ' ' || predictors.name AS subject,
      'since ' || predictors.since::VARCHAR || ': ' || predictors.reason
        || coalesce('; surely reversed: ' || pairs.reversed_pairs, '') AS words
    FROM predictors
    LEFT JOIN offline_online AS pairs
      ON pairs.day = predictors.day AND pairs.kind = predictors.kind AND pairs.name = predictors.name
      AND pairs.metric = predictors.metric
      AND pairs.window_days = (SELECT max(window_days) FROM offline_online)
    WHERE predictors.day = (SELECT max(day) FROM predictors)
    ORDER BY CASE predictors.status WHEN 'demoted' THEN 1 WHEN 'watch' THEN 2 ELSE 3 END, subject
"""

CORRELATIONS = """
    SELECT
      kind || ' ' || name AS box, metric AS name, correlation AS value, low, high, models AS n, 'number' AS form,
      reason AS note
    FROM offline_online
    WHERE day = (SELECT max(day) FROM offline_online)
      AND window_days = (SELECT max(window_days) FROM offline_online) AND correlation IS NOT NULL
    ORDER BY box, name
"""

SCATTER = """
    WITH scored AS (
      SELECT
        1 AS place, offline.kind || ' ' || offline.name AS box, offline.model_id, offline.value AS x,
        offline.value - 1.96 * offline.se AS x_low, offline.value + 1.96 * offline.se AS x_high, predictors.metric
      FROM model_values AS offline
      JOIN predictors
        ON predictors.kind = offline.kind AND predictors.name = offline.name
        AND predictors.day = (SELECT max(day) FROM predictors)
      WHERE offline.day = (SELECT max(day) FROM model_values)
        AND offline.window_days
          = (SELECT max(w.window_days) FROM model_values AS w WHERE w.kind = offline.kind AND w.day = offline.day)
      UNION ALL
      SELECT 2, 'ranking', model_id, contrast, low, high, (SELECT max(metric) FROM predictors)
      FROM ratings
      WHERE day = (SELECT max(day) FROM ratings) AND component = 0
    )
    SELECT
      scored.box, scored.model_id AS name, scored.x, scored.x_low, scored.x_high, online.value AS y,
      online.value - 1.96 * online.se AS y_low, online.value + 1.96 * online.se AS y_high
    FROM scored
    JOIN model_values AS online
      ON online.kind = 'metric' AND online.name = scored.metric AND online.model_id = scored.model_id
      AND online.day = (SELECT max(day) FROM model_values)
      AND online.window_days = (SELECT max(window_days) FROM model_values WHERE kind = 'metric')
    ORDER BY scored.place, scored.box, name
"""

REVERSALS = """
    SELECT
      'reversed' AS status, metric || ' by ' || dimension || ', ' || kind AS subject,
      better_overall || ' is better overall, ' || better_there || ' in ' || slice AS words
    FROM slice_reversals
    WHERE day = (SELECT max(day) FROM slice_reversals) AND claimed
    ORDER BY p_adjusted, subject, words
"""

AGREEMENT = Part(
    "agreement",
    "What agrees and what does not",
    "Whether the cheap layers order the models as users do.",
    (
        Block(
            "predictors",
            "Trust in offline scores",
            "trusted: surely goes with the deciding online metric. demoted: surely does so less than the bar. watch: "
            "not sure.",
            "statements",
            PREDICTORS,
            "No offline score was held against users in this period.",
        ),
        Block(
            "correlations",
            "Rank correlation with users",
            "Spearman's correlation of the models' true order, noise of both sides allowed for; 1 is the same order.",
            "figures",
            CORRELATIONS,
            "No score and metric share enough models.",
            zero=True,
        ),
        Block(
            "scatter",
            "Offline against online",
            "Each model by its offline score or skill points (across) and by the deciding online metric (up), 95% "
            "intervals.",
            "scatter",
            SCATTER,
            "No model has both an offline score and matured users.",
        ),
        Block(
            "reversals",
            "Better overall, worse where it matters",
            "Claimed only where it is sure, all that were tested on the day together.",
            "statements",
            REVERSALS,
            "No such pair of models was found.",
        ),
    ),
)

JUDGED = """
    SELECT status, subject, words
    FROM (
      SELECT
        'eliminated' AS status, model_id AS subject,
        min(day)::VARCHAR || ' against ' || against || ': ' || min_by(reason, day) AS words, min(day) AS taken
      FROM eliminations
      WHERE eliminated
      GROUP BY model_id, against
      UNION ALL
      SELECT 'gate: ' || verdict, model_id, day::VARCHAR || ' ' || gate || ': ' || reason, day
      FROM launch_gates AS told
      WHERE line = 0 AND day = (SELECT max(day) FROM launch_gates AS last WHERE last.model_id = told.model_id)
      UNION ALL
      SELECT CASE WHEN passed THEN 'screen: pass' ELSE 'screen: fail' END, model_id, day::VARCHAR || ' ' || reason, day
      FROM policy_screen
    )
    ORDER BY taken DESC, status, subject
"""

DECISIONS = Part(
    "decisions",
    "Decisions taken",
    "What was done in the period, newest first, with the reason that was written down then.",
    (
        Block(
            "serving",
            "Serving",
            "What changed what users meet, from the allocation ledger.",
            "statements",
            None,
            "Serving was not changed in this period.",
        ),
        Block(
            "judged",
            "Elimination, gates, screens",
            "What keeps a model from users, or lets it on: by battles, by the launch gate, by the offline screen.",
            "statements",
            JUDGED,
            "No model was judged in this period.",
        ),
    ),
)

OPEN_RISKS = """
    SELECT status, subject, words
    FROM (
      SELECT 1 AS place, verdict AS status, experiment_id AS subject, day::VARCHAR || ': ' || reason AS words
      FROM guardrail_readings
      WHERE day = (SELECT max(day) FROM guardrail_readings) AND verdict <> 'PASS'
      UNION ALL
      SELECT 2, 'reopened', experiment_id, day::VARCHAR || ': ' || reopened
      FROM guardrail_readings
      WHERE reopened IS NOT NULL
      UNION ALL
      SELECT 3, status, kind || ' ' || name, 'orders the models less like users than the bar, since ' || since::VARCHAR
      FROM predictors
      WHERE day = (SELECT max(day) FROM predictors) AND status = 'demoted'
      UNION ALL
      SELECT 4, 'biased', 'judge ' || judge_id, 'faults found: ' || fired
      FROM judge_grades
      WHERE day = (SELECT max(day) FROM judge_grades) AND fired <> ''
      UNION ALL
      SELECT
        4, 'out of line', model_id,
        'wins more on ' || benchmark || ' than replies of its length do: ' || round(score, 1)::VARCHAR
      FROM leaderboard_outliers
      WHERE day = (SELECT max(day) FROM leaderboard_outliers)
      UNION ALL
      SELECT 5, 'unfair', model_id, source || ' is surely above ' || round(low, 3)::VARCHAR
      FROM model_dimensions
      WHERE day = (SELECT max(day) FROM model_dimensions) AND dimension = 'fairness' AND low > 0
      UNION ALL
      SELECT 6, 'loses the user', model_id, metric || ' by ' || scorer || ' falls with every turn'
      FROM dynamic_results
      WHERE day = (SELECT max(day) FROM dynamic_results) AND figure = 'slope' AND high < 0
        AND metric <> 'diversity' -- of any text it falls with its length
        AND role_type = 'all' AND intent = 'all' AND prompt_setting = 'all'
      UNION ALL
      SELECT 7, 'worse', 'reward model ' || reward_version, 'errs more on bad cases than ' || previous_version
      FROM flywheel
      WHERE day = (SELECT max(day) FROM flywheel) AND difference_low > 0
      UNION ALL
      SELECT
        8, 'harm', value,
        cases::VARCHAR || ' bad cases of ' || users::VARCHAR || ' users, ' || round(100 * share)::INTEGER::VARCHAR
          || '% of the harm of the day'
      FROM bad_case_groups
      WHERE day = (SELECT max(day) FROM bad_case_groups) AND dimension = 'kind' AND rank = 1
      UNION ALL
      SELECT
        9, 'stale', 'benchmark ' || benchmark,
        count(*)::VARCHAR || ' models to score: ' || string_agg(DISTINCT reason, ', ' ORDER BY reason)
      FROM evaluations_due
      WHERE day = (SELECT max(day) FROM evaluations_due)
      GROUP BY benchmark
      UNION ALL
      SELECT 10, 'not measured', dimension, 'of ' || string_agg(model_id, ', ' ORDER BY model_id)
      FROM (
        SELECT dimension, model_id
        FROM model_dimensions
        WHERE day = (SELECT max(day) FROM model_dimensions)
        GROUP BY dimension, model_id
        HAVING max(value) IS NULL
      )
      GROUP BY dimension
    )
    ORDER BY place, status, subject
"""

RISKS = Part(
    "risks",
    "Open risks",
    "As of the last day of the period, the gravest first.",
    (
        Block(
            "risks",
            "Unsolved, unsure, unmeasured",
            "Each with the part of the loop that says so.",
            "statements",
            OPEN_RISKS,
            "Nothing that is measured is open.",
        ),
    ),
)
