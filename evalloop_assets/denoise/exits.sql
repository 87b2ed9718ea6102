/*
row: how one session ended; a natural, interrupted or open end is no failure
key: [session_id]
reads:
  sessions: [0, 0]
  reading: [0, 0]
  turns: [0, 1]
columns:
  session_id: VARCHAR, the session
  user_id: VARCHAR, who chatted
  conversation_id: VARCHAR, the conversation it belongs to
  model_id: VARCHAR, model of its last reply
  ended_at: TIMESTAMP, when its last reply was shown (UTC)
  kind: VARCHAR, natural (closing words), interrupted (from outside or by an error), open (the log ends too early to tell) or abrupt
  reason: VARCHAR, what showed it
*/
WITH placed AS (
  SELECT
    reading.session_id,
    reading.event_id,
    COALESCE(turns.user_text <> '', FALSE) AS has_message,
    ROW_NUMBER() OVER (PARTITION BY reading.session_id ORDER BY turns.shown_at DESC, turns.event_id DESC) AS from_end,
    ROW_NUMBER() OVER (
      PARTITION BY reading.session_id, COALESCE(turns.user_text <> '', FALSE)
      ORDER BY turns.shown_at DESC, turns.event_id DESC
    ) AS message_from_end
  FROM reading
  JOIN turns ON turns.event_id = reading.event_id
),
-- The character may speak again after the user's last words, so these need not stand before its last reply.
last_words AS (
  SELECT placed.session_id, turns.user_text
  FROM placed
  JOIN turns ON turns.event_id = placed.event_id
  WHERE placed.has_message AND placed.message_from_end = 1
),
endings AS (
  SELECT
    sessions.day, sessions.session_id, sessions.user_id, sessions.conversation_id, sessions.ended_at, sessions.open,
    turns.model_id, last_words.user_text, turns.reply_text, turns.interrupted, turns.error
  FROM sessions
  JOIN placed ON placed.session_id = sessions.session_id AND placed.from_end = 1
  JOIN turns ON turns.event_id = placed.event_id
  LEFT JOIN last_words ON last_words.session_id = sessions.session_id
),
-- Closing words stand at the end of what is said, so only the last 120 characters count.
said AS (
  SELECT
    session_id, 'user' AS speaker, LENGTH(user_text) AS chars,
    REPLACE(LOWER(RIGHT(user_text, 120)), '’', '''') AS words
  FROM endings
  UNION ALL
  SELECT
    session_id, 'reply' AS speaker, LENGTH(reply_text) AS chars,
    REPLACE(LOWER(RIGHT(reply_text, 120)), '’', '''') AS words
  FROM endings
),
heard AS (
  SELECT
    session_id,
    speaker,
    REGEXP_MATCHES(words, '(^|[^a-z0-9])('
      || 'bye([ -]?bye)?|goodbye|good[ -]bye|farewell|cya|ttyl|good ?night|nighty? night|sweet dreams'
      || '|(see|talk to|catch|speak to) (you|ya|u) (later|soon|tomorrow|around|then|tonight|next time|again soon)'
      || '|(gotta|got to|better) (go|run|leave)|(have|need|must|should) (to )?(go|run|leave) now'
      || '|(it was |was )?(nice|great|good|lovely|fun) (talking|chatting|speaking) (to|with) you'
      || '|have (yourself )?a (very )?(nice|good|great|lovely|wonderful) (day|evening|night|weekend|one)'
      || '|enjoy (your|the rest of (your|the)) (day|evening|night|weekend)'
      || ')([^a-z0-9-]|$)')
    OR REGEXP_MATCHES(words, '(^|[^a-z])(see (you|ya|u)|take care|(have|need) to go'
      || '|i''m (leaving|off)( now)?)[ .!~,)]*$')
    OR REGEXP_MATCHES(words, '拜拜([^佛神祖]|$)|拜啦|晚安|回见|再见([^到面过]|$)'
      || '|(明天|下次|改天|回头|待会儿?|有空|以后)再?(见|聊)([^过到]|$)'
      || '|先(走|下|睡|撤|去忙|忙)(了|啦|咯)|(去睡|睡觉)(了|啦|去了|咯)|不聊(了|啦)|^[ 　]*(88|886)[ !~。！～]*$') AS farewell,
    REGEXP_MATCHES(words, '(^|[^a-z])(the end|to be continued)[ .!*~]*$'
      || '|(全剧终|剧终|全文完|故事结束了)[ 。.!！）)]*$') AS story_end,
    -- Thanks that ask for something more close nothing.
    speaker = 'user' AND chars <= 80
    AND NOT REGEXP_MATCHES(words, '[?？]|吗|请|帮我|推荐|告诉|告知|想找|please|(can|could) you|find me')
    AND REGEXP_MATCHES(words, '(^|[^a-z])(thanks|thank you|thank u|thx|many thanks|cheers)([^a-z]|$)'
      || '|谢谢|多谢|感谢|谢了|谢啦|辛苦了') AS thanks,
    speaker = 'user' AND chars <= 80 AND NOT REGEXP_MATCHES(words, '[?？]|吗')
    AND REGEXP_MATCHES(words, '(^|[^a-z0-9])('
      || 'that''?s all|that is all|all (that )?(i|we) need(ed)?|not need (any|anything) (more|else|further)'
      || '|that''ll be all|that will be all|that''s everything|nothing else|no more questions'
      || '|problem solved|that solves it|(i''m|i am|we''re|we are) (all )?(done|set)'
      || ')([^a-z0-9-]|$)'
      || '|就这些|就这样吧|没(有)?(什么|别的)?(问题|事儿?)(了|啦)|没别的了|这样就(好|行|可以)了|搞定了|解决了') AS goal
  FROM said
),
closings AS (
  SELECT
    session_id,
    MIN(CASE
      WHEN speaker = 'user' AND farewell THEN 'a: farewell by the user'
      WHEN thanks THEN 'b: thanks by the user'
      WHEN goal THEN 'c: goal reached'
      WHEN farewell THEN 'd: farewell by the character'
      WHEN story_end THEN 'e: end of the story'
    END) AS ranked_reason
  FROM heard
  GROUP BY session_id
)
SELECT
  endings.day,
  endings.session_id,
  endings.user_id,
  endings.conversation_id,
  endings.model_id,
  endings.ended_at,
  CASE
    WHEN endings.open THEN 'open'
    WHEN closings.ranked_reason IS NOT NULL THEN 'natural'
    WHEN endings.interrupted OR endings.error THEN 'interrupted'
    ELSE 'abrupt'
  END AS kind,
  CASE
    WHEN endings.open THEN 'the log ends within the idle gap'
    WHEN closings.ranked_reason IS NOT NULL THEN SUBSTRING(closings.ranked_reason, 4)
    WHEN endings.interrupted THEN 'cut from outside'
    WHEN endings.error THEN 'the last reply failed'
    ELSE 'no closing words'
  END AS reason
FROM endings
JOIN closings ON closings.session_id = endings.session_id
