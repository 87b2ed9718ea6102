"""The queries of the exports, in DuckDB's own SQL: they read the lake and are never computed on another engine.

Parameters: sources, horizon, decided, trains, one_prefix, history (`export.Request`).
"""

from evalloop_assets.horizon_labels.soundness import SPOKEN

JUDGED = f"""
    asked AS (
        SELECT
            *,
            CASE $horizon
                WHEN 'immediate' THEN immediate
                WHEN 'delayed_5' THEN delayed_5
                WHEN 'delayed_session' THEN delayed_session
                ELSE {SPOKEN}
            END AS preferred,
            list_contains($sources, source) AS wanted,
            trim(coalesce(reply_a, '')) <> '' AND trim(coalesce(reply_b, '')) <> '' AS has_text,
            trim(coalesce(user_text_a, '')) <> '' AND trim(coalesce(user_text_b, '')) <> '' AS has_message,
            EXISTS (
                SELECT 1 FROM bad_cases
                WHERE bad_cases.side <> 'training' AND bad_cases.event_id IN (event_id_a, event_id_b)
            ) AS evaluates
        FROM preference_pairs
    ),
    judged AS (
        SELECT
            *,
            wanted AND has_text AS fit,
            CASE
                WHEN NOT wanted THEN 'of a source not asked for'
                WHEN NOT has_text THEN 'without the text of a reply'
                WHEN $one_prefix AND NOT same_prefix THEN 'whose sides answer different histories'
                WHEN $trains AND evaluates THEN 'with a bad case that evaluates'
                WHEN $trains AND NOT has_message THEN 'without a message before a reply'
                WHEN $decided AND preferred = 'tie' THEN 'tied'
                WHEN $decided AND preferred = 'censored' THEN 'censored'
            END AS left_out
        FROM asked
    )"""

MESSAGES = """
    written AS (SELECT * FROM judged WHERE left_out IS NULL),
    -- Each kept reply with the message before it, as far as the log has their texts.
    spoken AS (
        SELECT
            reading.session_id,
            reading.position,
            list_filter(
                [{'role': 'user', 'content': turns.user_text}, {'role': 'assistant', 'content': turns.reply_text}],
                lambda message: trim(message.content) <> ''
            ) AS messages
        FROM reading
        JOIN turns ON turns.event_id = reading.event_id
        WHERE reading.position IS NOT NULL AND reading.session_id IN (SELECT session_id FROM written)
    )"""

SIDES = f"""{MESSAGES},
    sides AS (
        SELECT pair_id, 'A' AS side, session_id, position_a AS position, user_text_a AS user_text, reply_a AS reply
        FROM written
        UNION ALL
        SELECT pair_id, 'B' AS side, session_id, position_b AS position, user_text_b AS user_text, reply_b AS reply
        FROM written
    ),
    told AS (
        SELECT sides.pair_id, sides.side, flatten(list(spoken.messages ORDER BY spoken.position)) AS messages
        FROM sides
        JOIN spoken
            ON spoken.session_id = sides.session_id
            AND spoken.position BETWEEN sides.position - $history AND sides.position - 1
        GROUP BY sides.pair_id, sides.side
    ),
    answered AS (
        SELECT
            sides.pair_id, sides.side,
            coalesce(told.messages, []) || [{{'role': 'user', 'content': sides.user_text}}] AS prompt,
            [{{'role': 'assistant', 'content': sides.reply}}] AS reply
        FROM sides
        LEFT JOIN told ON told.pair_id = sides.pair_id AND told.side = sides.side
    ),
    chosen AS (SELECT answered.* FROM answered JOIN written USING (pair_id) WHERE side = preferred),
    rejected AS (SELECT answered.* FROM answered JOIN written USING (pair_id) WHERE side <> preferred)"""

DPO = f"""{SIDES}
    SELECT chosen.prompt, chosen.reply AS chosen, rejected.reply AS rejected, pair_id, written.user_id, written.source
    FROM written
    JOIN chosen USING (pair_id)
    JOIN rejected USING (pair_id)"""

REWARD = f"""{SIDES},
    labels AS (
        SELECT
            event_id,
            CASE $horizon WHEN 'immediate' THEN immediate WHEN 'delayed_session' THEN delayed_session ELSE delayed_5 END
                AS label
        FROM horizon_labels
    )
    SELECT
        chosen.prompt || chosen.reply AS chosen,
        rejected.prompt || rejected.reply AS rejected,
        -- Labels lie in [-1, 1]: half their distance is a margin in [0, 1]. A choice alone claims no distance.
        CASE WHEN written.source = 'tail' THEN abs(labels_a.label - labels_b.label) / 2 ELSE 0e0 END AS margin,
        pair_id,
        written.user_id,
        written.source
    FROM written
    JOIN chosen USING (pair_id)
    JOIN rejected USING (pair_id)
    LEFT JOIN labels AS labels_a ON labels_a.event_id = written.event_id_a
    LEFT JOIN labels AS labels_b ON labels_b.event_id = written.event_id_b"""

NESTED = f"""{MESSAGES},
    segments AS (
        SELECT
            written.pair_id,
            min(spoken.position) AS segment_first,
            flatten(list(
                list_transform(
                    spoken.messages,
                    lambda message: {{
                        'role': message.role, 'content': message.content, 'position': spoken.position
                    }}
                ) ORDER BY spoken.position
            )) AS messages
        FROM written
        JOIN spoken
            ON spoken.session_id = written.session_id
            AND spoken.position BETWEEN written.comparison_position - $history AND written.segment_last
        GROUP BY written.pair_id
    )
    SELECT
        pair_id,
        source,
        horizon_tag,
        coalesce(
            segments.messages,
            [{{'role': 'user', 'content': user_text_a, 'position': comparison_position}}]
        ) AS trajectory_segment,
        comparison_position,
        reply_a AS candidate_a,
        reply_b AS candidate_b,
        user_text_a,
        user_text_b,
        position_a,
        position_b,
        event_id_a,
        event_id_b,
        same_prefix,
        {{'immediate': immediate, 'delayed_5': delayed_5, 'delayed_session': delayed_session}} AS preference,
        strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp,
        session_id,
        conversation_id,
        user_id,
        choice_id,
        propensity,
        {{
            'read_speed_cps_a': read_speed_cps_a, 'read_speed_cps_b': read_speed_cps_b,
            'continued_turns': continued_turns, 'returned_next_day': returned_next_day
        }} AS implicit_signals,
        definition_version
    FROM written
    LEFT JOIN segments USING (pair_id)"""


def flat(columns: tuple[str, ...]) -> str:
    """The table's own columns."""
    return f"written AS (SELECT * FROM judged WHERE left_out IS NULL) SELECT {', '.join(columns)} FROM written"
