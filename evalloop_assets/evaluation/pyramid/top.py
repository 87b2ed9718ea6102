"""The top of the pyramid: what users do, and the experiments."""

from evalloop_assets.evaluation.pyramid.block import Block, Part

METRICS = """
    SELECT
      CASE name
        WHEN 'returned_next_day' THEN 'retention: return on the next day'
        WHEN 'd1' THEN 'retention: new users on the next day'
        WHEN 'd7' THEN 'retention: new users on the seventh day'
        WHEN 'abrupt_exits' THEN 'success: sessions that end abruptly, fewer is better'
        WHEN 'reward' THEN 'value: mean reward of a reply'
        WHEN 'session_minutes' THEN 'time: minutes of a session, no aim in itself'
        ELSE name
      END AS box,
      model_id AS name, value, value - 1.96 * se AS low, value + 1.96 * se AS high, CAST(clusters AS BIGINT) AS n,
      CASE WHEN name IN ('reward', 'session_minutes') THEN 'number' ELSE 'share' END AS form,
      CAST(NULL AS VARCHAR) AS note
    FROM model_values
    WHERE kind = 'metric' AND day = (SELECT max(day) FROM model_values)
      AND window_days = (SELECT max(window_days) FROM model_values WHERE kind = 'metric')
    ORDER BY
      CASE model_values.name
        WHEN 'returned_next_day' THEN 1 WHEN 'd1' THEN 2 WHEN 'd7' THEN 3 WHEN 'abrupt_exits' THEN 4
        WHEN 'reward' THEN 5 ELSE 6
      END, box, value DESC, model_id
"""

EXPERIMENTS = """
    SELECT
      experiment_id || ', ' || day::VARCHAR || ': ' || treatment || ' less ' || control AS box,
      CASE metric
        WHEN 'daily_return' THEN 'return, by ' WHEN 'd1' THEN 'return of new users on the next day, by '
        WHEN 'd7' THEN 'return of new users on the seventh day, by ' ELSE 'reading in seconds, by '
      END || unit AS name,
      effect AS value, coalesce(always_low, low) AS low, coalesce(always_high, high) AS high,
      users_control + users_treatment AS n,
      CASE WHEN metric = 'chat_duration' THEN 'number' ELSE 'points' END AS form,
      CAST(NULL AS VARCHAR) AS note
    FROM experiment_results AS told
    WHERE metric IN ('daily_return', 'd1', 'd7', 'chat_duration') AND effect IS NOT NULL
      AND day = (SELECT max(day) FROM experiment_results AS last WHERE last.experiment_id = told.experiment_id)
    ORDER BY experiment_id, CASE metric WHEN 'chat_duration' THEN 2 ELSE 1 END, metric, unit
"""

VERDICTS = """
    SELECT verdict AS status, experiment_id || ', ' || day::VARCHAR AS subject, reason AS words
    FROM guardrail_readings AS told
    WHERE day = (SELECT max(day) FROM guardrail_readings AS last WHERE last.experiment_id = told.experiment_id)
    ORDER BY experiment_id
"""

TOP = Part(
    "top",
    "Top: what users do",
    "Slow, noisy, and right. Everything below is worth what it says of this.",
    (
        Block(
            "metrics",
            "Retention, success, value",
            "Models compared on the same local days, what had matured by the last day. Intervals are for comparing two "
            "models of a box: quasi-standard errors, users as clusters. Users were not randomised between models here.",
            "figures",
            METRICS,
            "No day of users was computed in this period.",
        ),
        Block(
            "experiments",
            "Experiments",
            "Treatment less control on the experiment's last day, with bounds that hold at every daily look.",
            "figures",
            EXPERIMENTS,
            "No experiment had results in this period.",
            zero=True,
        ),
        Block(
            "verdicts",
            "Guardrails",
            "The last verdict on each experiment.",
            "statements",
            VERDICTS,
            "No experiment was judged in this period.",
        ),
    ),
)
