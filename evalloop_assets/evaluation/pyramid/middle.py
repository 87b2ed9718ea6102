"""The middle of the pyramid: ranking, judges, people, conversations with a simulated user."""

from evalloop_assets.evaluation.pyramid.block import Block, Part

RATINGS = """
    SELECT
      CASE WHEN ratings.component = 0 THEN 'skill points against the level'
      ELSE 'not joined with the others by any battle' END AS box,
      ratings.model_id AS name, ratings.contrast AS value, ratings.low, ratings.high, ratings.battles AS n,
      'number' AS form,
      'rank ' || ratings.rank::VARCHAR
        || coalesce(' (' || stability.rank_low::VARCHAR || ' to ' || stability.rank_high::VARCHAR || ')', '')
        || CASE WHEN ratings.anchor THEN ', anchor' ELSE '' END AS note
    FROM ratings
    LEFT JOIN rating_stability AS stability ON stability.model_id = ratings.model_id AND stability.day = ratings.day
    WHERE ratings.day = (SELECT max(day) FROM ratings)
    ORDER BY ratings.component, ratings.rank, ratings.model_id
"""

JUDGES = """
    SELECT
      'agreement with people' AS box, grades.judge_id AS name, audits.value, audits.low, audits.high,
      coalesce(audits.n, grades.gold_items) AS n, 'share' AS form,
      concat_ws(
        '; ', 'grade ' || grades.grade, 'ceiling ' || round(100 * grades.ceiling)::INTEGER::VARCHAR || '%',
        grades.use, 'faults: ' || nullif(grades.fired, '')
      ) AS note
    FROM judge_grades AS grades
    LEFT JOIN judge_audits AS audits
      ON audits.judge_id = grades.judge_id AND audits.day = grades.day
      AND audits.probe = 'agreement' AND audits.slice = 'all'
    WHERE grades.day = (SELECT max(day) FROM judge_grades)
    ORDER BY audits.value DESC NULLS LAST, grades.judge_id
"""

PEOPLE = """
    SELECT
      'guideline ' || coalesce(nullif(guideline, ''), 'unknown') AS box, told.name, told.value, told.low, told.high,
      items AS n, told.form, annotators::VARCHAR || ' people, ' || disputed::VARCHAR || ' items disputed' AS note
    FROM gold_sets
    CROSS JOIN LATERAL (
      VALUES
        (1, 'two people say the same', agreement, agreement_low, agreement_high, 'share'),
        (2, 'Krippendorff''s alpha', alpha, alpha_low, alpha_high, 'number'),
        (3, 'ceiling of every accuracy', ceiling, ceiling_low, ceiling_high, 'share')
    ) AS told(place, name, value, low, high, form)
    WHERE day = (SELECT max(day) FROM gold_sets)
    ORDER BY guideline <> 'all', guideline, told.place
"""

CONVERSATIONS = """
    SELECT
      metric || coalesce(' by ' || nullif(scorer, ''), '')
        || CASE figure WHEN 'slope' THEN ': change a turn' ELSE ': mean of turns' END AS box,
      model_id AS name, value, low, high, conversations AS n, 'number' AS form, reason AS note
    FROM dynamic_results
    WHERE day = (SELECT max(day) FROM dynamic_results) AND figure IN ('mean', 'slope')
      AND role_type = 'all' AND intent = 'all' AND prompt_setting = 'all'
    ORDER BY metric, scorer, figure, value DESC NULLS LAST, model_id
"""

MIDDLE = Part(
    "middle",
    "Middle: ranking, judges, people",
    "Days instead of weeks: preferences. A filter for what is clearly worse.",
    (
        Block(
            "ratings",
            "Ranking",
            "TrueSkill of the battles of two weeks, as contrasts against the level of the anchors, users as clusters; "
            "in brackets the ranks in 95% of samples of the users.",
            "figures",
            RATINGS,
            "No battles were rated in this period.",
            zero=True,
        ),
        Block(
            "judges",
            "Judges",
            "A single call of the judge against what people agree on, items as clusters.",
            "figures",
            JUDGES,
            "No verdicts of judges are in the log: `evalloop judge`, or deliver judge_verdicts.",
        ),
        Block(
            "people",
            "People",
            "How far annotators agree, and what a judge without error would reach against them.",
            "figures",
            PEOPLE,
            "No annotations are in the log: `evalloop annotate export` gives what waits for people.",
        ),
        Block(
            "conversations",
            "Simulated conversations",
            "A simulated user talks with each policy; intervals over conversations. A falling line loses the user.",
            "figures",
            CONVERSATIONS,
            "No conversations were held: `evalloop converse`.",
        ),
    ),
)
