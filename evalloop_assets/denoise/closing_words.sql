/*
row: what one of the last messages of a session says, where anything in them speaks for its end
key: [session_id, place]
reads:
  reading: [0, 0]
  turns: [0, 1]
columns:
  session_id: VARCHAR, the session
  place: BIGINT, order of the message in the session, 2 * position for the user's and one more for the reply to it
  by_user: BOOLEAN, the user said it
  length: BIGINT, characters of the whole message, a Chinese one three times as many
  farewell: BOOLEAN, a goodbye, or leave is taken
  parting: BOOLEAN, a wish on parting
  good_wish: BOOLEAN, a wish for something to come, which follows a booking as well
  thanks: BOOLEAN, thanks
  looks_back: BOOLEAN, the user looks back on the whole
  praises: BOOLEAN, the user likes what was told
  done: BOOLEAN, the user wants nothing more
  resolved: BOOLEAN, the story is told
  declines: BOOLEAN, the user says no
  welcomes: BOOLEAN, an answer to thanks
  agrees: BOOLEAN, the user says yes
  acks: BOOLEAN, the reply says no more than yes
  asks: BOOLEAN, it ends with a question
  inquires: BOOLEAN, the last thing the user says asks who, what, where …
  requests: BOOLEAN, the user wants something
  offers: BOOLEAN, the reply asks what else is wanted
*/
WITH lasts AS (
  SELECT session_id, MAX(position) AS position
  FROM reading
  GROUP BY session_id
),
-- Closing words stand at the end of what is said last: the last 120 characters of the last
-- exchange, 60 of the one before. A text that is given to be worked on is not said; it leaves a question.
exchanges AS (
  SELECT
    reading.day, reading.session_id, reading.position,
    LENGTH(turns.user_text) AS user_chars,
    LENGTH(turns.reply_text) AS reply_chars,
    CASE
      WHEN REGEXP_MATCHES(
        LOWER(SUBSTRING(turns.user_text, 1, 80)),
        '^[^a-z一-鿿]*((please|can|could|would|will|you|now|and|ok|okay|hi|hey|then|help|me|just)[ ,.!]+)*(translate|rewrite'
          || '|reword|rephrase|paraphrase|proofread|shorten|summari[sz]e|(correct|edit|polish|improve|fix|check|make|turn'
          || '|put) (this|that|it|my|the))( [a-z-]+){0,8} ?:[^a-z0-9()/-]'
          || '|(翻译|翻譯|改写|改寫|润色|潤色|缩写|縮寫|扩写|擴寫|续写|續寫|校对|校對)((成|为|為|一下|下|这|這|以下)[^，。！？,.!?:：]{0,12})?[:：]'
          || '|(帮|幫|请|請|把)[^，。！？,.!?:：]{0,12}(总结|總結|概括|修改)[^，。！？,.!?:：]{0,12}[:：]'
      ) THEN '?'
      ELSE RIGHT(turns.user_text, CASE WHEN reading.position = lasts.position THEN 120 ELSE 60 END)
    END AS user_ending,
    RIGHT(turns.reply_text, CASE WHEN reading.position = lasts.position THEN 120 ELSE 60 END) AS reply_ending
  FROM reading
  JOIN lasts ON lasts.session_id = reading.session_id AND reading.position >= lasts.position - 1
  JOIN turns ON turns.event_id = reading.event_id
),
spoken AS (
  SELECT day, session_id, 2 * position AS place, TRUE AS by_user, user_chars AS chars, LOWER(user_ending) AS ending
  FROM exchanges
  WHERE user_chars > 0
  UNION ALL
  SELECT
    day, session_id, 2 * position + 1 AS place, FALSE AS by_user, reply_chars AS chars, LOWER(reply_ending) AS ending
  FROM exchanges
  WHERE reply_chars > 0
),
-- Narrow letters and simplified characters.
folded AS (
  SELECT
    day, session_id, place, by_user, chars,
    REPLACE(REPLACE(CASE
      WHEN REGEXP_MATCHES(ending, '[ａ-ｚ０-９'
        || '謝見話說個這樣沒問題覺麼嗎請幫還間會們來時後結劇終滿開願夢掛飯買過對親體順風氣煩當圓務應該誰給讓聽講記訂為點兒幾裡處訴薦詢預認號囉嘍樂總於歡繫經聯絡課寫業辭緣臨慶線謎尋歸夠齊發廣從嘆擾關係輕'
        || '鬆晝學習師錢車門閃餓嚇壞繼續鐘雖較險運別約瞭隨實長動'
        || ']') THEN TRANSLATE(
        ending,
        'ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ０１２３４５６７８９'
          || '謝見話說個這樣沒問題覺麼嗎請幫還間會們來時後結劇終滿開願夢掛飯買過對親體順風氣煩當圓務應該誰給讓聽講記訂為點兒幾裡處訴薦詢預認號囉嘍樂總於歡繫經聯絡課寫業辭緣臨慶線謎尋歸夠齊發廣從嘆擾關係輕'
          || '鬆晝學習師錢車門閃餓嚇壞繼續鐘雖較險運別約瞭隨實長動',
        'abcdefghijklmnopqrstuvwxyz0123456789'
          || '谢见话说个这样没问题觉么吗请帮还间会们来时后结剧终满开愿梦挂饭买过对亲体顺风气烦当圆务应该谁给让听讲记订为点儿几里处诉荐询预认号啰喽乐总于欢系经联络课写业辞缘临庆线谜寻归够齐发广从叹扰关系轻'
          || '松昼学习师钱车门闪饿吓坏继续钟虽较险运别约了随实长动'
      )
      ELSE ending
    END, '？', ' ? '), '?', ' ? ') AS ending
  FROM spoken
),
-- A bare number beside other numbers, prices or a question for one is no goodbye.
unnumbered AS (
  SELECT
    day, session_id, place, by_user, chars,
    CASE
      WHEN REGEXP_MATCHES(ending, '^[^a-z0-9一-鿿]*[0-9]+[^a-z0-9一-鿿]*$') AND REGEXP_MATCHES(
        CONCAT_WS('|',
          LAG(ending) OVER (PARTITION BY session_id ORDER BY place),
          LEAD(ending) OVER (PARTITION BY session_id ORDER BY place)
        ),
        '(^|[^0-9:])([0-79]|8[0-57])[0-9.]*([^0-9.:点号月日时分楼路]|$)|多少|几[岁个度次分号]|元|块钱|价|便宜|贵|[$¥￥€£]'
          || '|how (much|many|old|tall|far|long|fast|big|heavy)|price|number|what'
      ) THEN ' '
      ELSE ending
    END AS ending
  FROM folded
),
-- What is quoted within narration is not said to the other side.
unquoted AS (
  SELECT
    day, session_id, place, by_user, chars,
    CASE
      WHEN REGEXP_MATCHES(ending, '["“”「『]') AND REGEXP_MATCHES(
        REGEXP_REPLACE(ending, '[*][^*]*[*]|["“”「『][^"“”「」『』]*["“”」』]', ' ', 'g'), '[a-z0-9一-鿿]'
      ) THEN REGEXP_REPLACE(ending, '["“”「『][^"“”「」『』]*["“”」』]', ' ', 'g')
      WHEN REGEXP_MATCHES(ending, '[''‘]') AND REGEXP_MATCHES(
        REGEXP_REPLACE(
          ending, '[*][^*]*[*]|(^|[^a-z0-9])[''‘]([^''‘’]|[a-z][''’][a-z])+[''’]($|[^a-z0-9])', ' ', 'g'
        ), '[a-z0-9一-鿿]'
      ) THEN REGEXP_REPLACE(ending, '(^|[^a-z0-9])[''‘]([^''‘’]|[a-z][''’][a-z])+[''’]($|[^a-z0-9])', ' ', 'g')
      ELSE ending
    END AS ending
  FROM unnumbered
),
-- Nor are titles. No apostrophes from here on.
plain AS (
  SELECT
    day, session_id, place, by_user, chars,
    REPLACE(REPLACE(REPLACE(REGEXP_REPLACE(ending, '[《〈][^《》〈〉]*[》〉]', ' ', 'g'), '''', ''), '’', ''), '‘', '')
      AS ending
  FROM unquoted
),
-- Closing words that are talked about are not said: asked for, which leaves a question, or told of.
used AS (
  SELECT
    day, session_id, place, by_user, chars,
    CASE
      WHEN REGEXP_MATCHES(
        ending, 'bye|night|farewell|see y|cya|ciao|adieu|revoir|sayonara|adios|so long|再见|再会|拜拜|掰掰|晚安'
        || '|回见|保重|告辞|后会有期|谢谢|感谢'
      ) THEN REGEXP_REPLACE(
        REGEXP_REPLACE(
          ending,
          '(^|[^a-z])(how (do|to|would|should|can|did|does|is|was)( [a-z]+){0,3} (say|write|spell|sign|pronounce'
          || '|translated?) ([a-z]+ ){0,2}|(do|does|did|would|should|have|has|had) (i|you|we|they|he|she|people'
          || '|anyone) ((ever|just|even|always|say|said|text|write|use|know|seen|see|watched|watch|heard|hear|read|play'
          || '|played|remember|of|like|him|her|them) )+(the |a )?([a-z]+ )?|(whats|what|where|why'
          || '|which) ([a-z]+ ){0,4}(words?|phrase|expression|term|meaning|origin|([a-z]+(ese|ish)|french|german|italian'
          || '|russian|latin|greek|arabic|hindi|korean|dutch|hebrew|thai|mandarin|[a-z]+ languages?|slang) for) ((is|for'
          || '|of|like|the|a|term|word) )*|(who|which [a-z]+|what [a-z]+) (sings?|sang|wrote|writes?|made|plays?|played'
          || '|recorded|composed|performs?|performed|directed|says?|said|means?|rhymes?) ([a-z]+ ){0,2}|(draft|compose|sing|recite'
          || '|write (me )?(a|an|the|some)) ([a-z]+ ){0,6})(good[ -]?(bye|night)s?|(bye[ -]?)*bye|farewell|see (you|ya)|cya|ciao|adieu'
          || '|au revoir|sayonara|adios|so long)|(^|[^a-z])(is|was|are|what does|where does|why does|what is'
          || '|why is) (the )?(good[ -]?(bye|night)s?|(bye[ -]?)*bye|farewell|see (you|ya)|cya|ciao|adieu|au revoir'
          || '|sayonara|adios|so long) (mean|come|stand|originate|called|spelled|short|a|an|the|from|formal|informal'
          || '|polite|rude|slang|used|said)|(怎么|如何|怎样|用[^ ，。！？?]{1,6}(语|文|话))((来|去)|(跟|对|和)[^ ，。]{1,6})*(说|讲|写'
          || '|翻译|念|表达)(一?句|一?声|个)?(再见|再会|拜拜|掰掰|晚安|回见|保重|告辞|后会有期|谢谢|感谢)|(再见|再会|拜拜|掰掰|晚安|回见|保重|告辞|后会有期'
          || '|谢谢|感谢)(这)?(个|两个)?(词|字|句话|两个字|二字)?(用|在|的)?[^ ，。！？?]{0,6}(怎么(说|写|念|读|讲|翻译|来)|什么意思|啥意思|翻译|是?谁(唱|写|演|说))'
          || '|((谁|哪(个|位)[^ ，。！？?]{0,4})(唱|写|演|说)(的|过|了)?|(写|编|作|唱|念)一?(首|段|篇|封|个))[^ ，。！？?]{0,8}(再见|再会|拜拜|掰掰|晚安|回见|保重|告辞|后会有期)',
          ' ? ', 'g'
        ),
        '(told|tell|said to) (you|u)[,.;!]+|(^|[^a-z])((words?|phrase|expression|terms?|saying|greeting|titled?|called'
          || '|named|spelled) ((is|was|of|for'
          || '|like|as|the|a) )*|(meaning|translations?|origin|etymology|definition|synonyms?|opposite|version'
          || '|equivalent|ways? to say|ways of saying) ((of|for|to|the|word|a|saying) )*|(translate[sd]?|pronounce|spell'
          || '|means?|meant|short for|([a-z]+(ese|ish)|french|german|italian|russian|latin|greek|arabic|hindi|korean'
          || '|dutch|hebrew|thai|mandarin|[a-z]+ languages?|slang) for) (as |to |the |word |a )*|((texts?|tells?'
          || '|sends?) (him|her|them)|(texted|told|wrote|sent|messaged|answered|replied) (him|her|them|me|us'
          || '|back))[ :]+(a |the |just |only )?|(title|favou?rite|song|novel|poem|album)( [a-z]+){0,3} (is|was) (the '
          || '|a |hello,? )?([a-z]+ )?|(the|a|that|this) (long|short|slow|sad|sweet|silent|quick|first|proper|tearful'
          || '|bitter|cold|hasty|big) )(good[ -]?(bye|night)s?|(bye[ -]?)*bye|farewell|see (you|ya)|cya|ciao|adieu'
          || '|au revoir|sayonara|adios|so long)|(^|[^a-z])(good[ -]?(bye|night)s?|(bye[ -]?)*bye|farewell|see (you|ya)'
          || '|cya|ciao|adieu|au revoir|sayonara|adios|so long) (means?|meant|comes from|came from|(in|into'
          || '|to) ([a-z]+(ese|ish)|french|german|italian|russian|latin|greek|arabic|hindi|korean|dutch|hebrew|thai'
          || '|mandarin|[a-z]+ languages?|slang)|is (short|said|spelled|written|a word|an? [a-z]+ word))|(^|[^a-z])(says?'
          || '|said|saying|wav(es?|ed|ing)|kiss(es|ed|ing)?|bids?) (good[ -]?(bye|night)s?|(bye[ -]?)*bye|farewell|see (you|ya)|cya|ciao|adieu'
          || '|au revoir|sayonara|adios|so long) to ([^uy ]|your )|((和|跟|同|与|向|对)[^你您大各，。！？, ][^，。！？, ]{0,12}(说'
          || '|道|喊|挥手|招手)(一声|声|句|了)*|(发|回|写|留)(了|我|给我|来|过)*一?(句|个|条)(话|消息)?[:：]? ?|(歌|电影|小说|书|剧|曲子|专辑)就?(叫|名叫|叫做'
          || '|名是) ?)(再见|再会|拜拜|掰掰|晚安|回见|保重|告辞|后会有期|谢谢|感谢)|(再见|再会|拜拜|掰掰|晚安|回见|保重|告辞|后会有期|谢谢|感谢)((这'
          || '|那)(首|部|本|个词|两个字|二字)|(翻译)?(的|用|在)?(英|日|法|德|韩|俄|西班牙|意大利)(语|文))|(想|会|得|一起|天|早上|晚上|庙里|寺里|初一'
          || '|十五)(要|想)?去拜拜',
        ' ', 'g'
      )
      ELSE ending
    END AS ending
  FROM plain
),
-- Words between single spaces; of marks only ? and - are left. Look-alikes, which tell of a farewell, are taken out.
worded AS (
  SELECT
    day, session_id, place, by_user, chars,
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        CONCAT(' ', ending, ' '), '[^a-z0-9一-鿿? -][^a-z0-9一-鿿?-]*| [^a-z0-9一-鿿?-]+', ' ', 'g'
      ),
      ' (said|saying|says|tells|told|wav(ed|ing)|kiss(ed|es|ing)|bid|bade|bidding|whisper(ed|s)|without|never'
        || '|hate|hates)'
        || ' ([a-z]+ ){0,3}(good[ -]?(bye|night)s?|farewells?|bye) '
        || '| (get|got|chance|able|wanted|hard|difficult|came|forgot|ready|used) to (say|wave|bid'
        || '|kiss) ([a-z]+ )?(good[ -]?(bye|night)|farewell|bye) '
        || '| (dont|do not|didnt|did not|wont|will not|cant|can not|cannot|couldnt|never|not)( (really|even|ever|just|yet|want'
        || '|wanna|have|need|like|wish|going|able|ready|know|how|to|us|you))* (say|saying|wave|waving|bid|bidding|kiss'
        || '|kissing) ([a-z]+ ){0,2}(good[ -]?(bye|night)|farewell|bye) '
        || '| (dont|do not|didnt|did not|doesnt|not|never)( (really|even|ever|just|yet))* (want|wanna|have|need|got|ready|going'
        || '|like|wish)( (you|us|to))* (go|leave|run|sleep|rest|stop|bed) '
        || '| (we|they|he|she|lets|let us)( (all|both|really|just|also|will|do))* (gotta|got to|must|better|should|ought to'
        || '|have to|need to|had to|has to) (be |really |just |get )*(go|going|run|running|leave|leaving|head) '
        || '| (say|says|wave|bid) (good[ -]?(bye|night)|farewell|bye) to (the|my|him|her|them|his|our|everyone|all) '
        || '| (he|she|they|who|it) (waves|bids|will say|ha[sd] to say|have to say) ([a-z]+ ){0,3}(good[ -]?(bye'
        || '|night)|farewell|bye) '
        || '| (his|her|their|my|your|our|the|a|an|last|final|sad|tearful|those|these|of|had|this) (good[ -]?(bye'
        || '|night)s?|farewells?|bye) '
        || '| (in|at|to|till|until|by|near|before|not) the end | (and|but|or|until|soon|right|just|happens|comes) after the end '
        || '| (song|movie|film|book|album|track|show|called|titled|named|singing|sang|play) ([a-z]+ )?(good[ -]?bye'
        || '|bye[ -]?bye|farewell|good ?night) '
        || '| good ?nights? (out|kiss|kisses|story|stories|songs?|is|was) '
        || '| (to|can|cant|could|when i|if i|wanna|did i|let me|never|ever|rarely|often|usually|i) (see|saw|talk to'
        || '|meet) (you|ya|u) '
        || '| (i|we|they|people|usually|always|id|ill|did you|do you|who|he|she|still|should)( will| would| can'
        || '| could| to| might| may| must| really| do| also| truly| always)?'
        || ' (have|had|enjoy|take) (a|an|the|some|my|your|our|their|such|care|really|so much|lots) (good ?(night'
        || '|bye) |farewell )?'
        || '| (want|wants|need|like|love|nice|good|able|going|hope|try|trying|used|hard|decided) to (have|enjoy'
        || '|take) '
        || '| (im|i am|doing|very|pretty|not) ([a-z]+ )?(good|fine|great|well|okay|ok|bad|alright|excellent'
        || '|ecstatic) (thanks|thank you)( for asking)? '
        || '| (thanks|thank) (god|goodness|heavens?|to|for (asking|coming|having|joining|waiting|calling|letting'
        || '|the (question|reminder))) '
        || '|(他|她|它|人|众人|大家|彼此|互相|母亲|父亲|妈妈|爸爸)[^ 我]{0,10}(说|道|挥手|喊|告别)[^ ]{0,4}(再见|晚安|拜拜|保重|珍重|后会有期|路上小心|一路(平安|顺风)|谢谢|感谢|多谢)'
        || '|(互道|道了|[^不]说了|说完|说过|忘了说|来不及说|就说| 说)(一声|声|句|了)*(再见|晚安|拜拜|保重|珍重|后会有期|路上小心|一路(平安|顺风)|谢谢)'
        || '|(不|没|没有|未|别|甭|勿|舍不得)(是|会|想|要|愿|愿意|肯|能|该|用|必|忍心|打算|敢)*((跟|和|对|同|与|向)(你|您|你们))?(说|道|讲)(一声|声|句)*'
        || '(再见|晚安|拜拜|保重|珍重|后会有期|一路(平安|顺风)|谢谢)'
        || '|((走|撤|溜|闪|出发|睡|睡觉|下线)(了|啦|喽|咯|吧)? ?)*(我们|咱们?|大家|跟我|和我|快|来)* ?一起(去|来|走|睡|吃|玩|看|回|逛|出发|打)'
        || '|再见(到|面|过|识|时|的时候)|晚安(故事|吻|曲|歌)|拜拜(佛|神|祖|的|肉)|谢谢?(他|她|它|天|地)'
        || '|(你|您|他|她|它|我们|咱们|大家|们)(就|可以|也|都|还|快|得|该|要|应该|一起)*先(走|睡|去|忙|撤|退|休息|吃)'
        || '|(没|没有|未|无法|没法|不能|不好)(解决|解答|解开|搞定)|解决不'
        || '|(我们|咱们|你们|他们|她们)(也|就|该|得|要|快|先|一起|必须|可以)+(走|撤|出发|离开|出门|回家)了',
      ' ', 'g'
    ) AS words
  FROM used
),
-- What speaks for an end.
closing AS (
  SELECT
    day, session_id, place, by_user, chars, words,
    REGEXP_MATCHES(words,
      -- said by itself
      ' (b+y+e+s?|bye[ -]?bye|good[ -]?b(ye|y|yes|ey)|cya|c ya|cu|ttyl|ttys|g2g|gtg|toodles|toodle oo|ciao'
        || '|adios|adieu|au revoir|sayonara'
        || '|cheerio|laters|nighty|nite nite|night night|good ?ni(ght|te|gth|hgt)s?|gn|g ?night|sweet dreams'
        || '|over and out|godspeed|peace out'
        || '|fare (thee|you) well|so long (friend|pal|everyone|for now|my [a-z]+)|until we meet again) '
        || '|^ (thanks |thank you |ok |okay |well )?farewell | farewell (then|for now|my|friend|to you|until|till'
        || '|dear) | (and|so|now) farewell $'
        || '|^ (ok |okay |alright |well |right |fine |thanks )*(later|night|nite|peace|ta ta|so long|goodnight)'
        || '( then| man| dude| bro| all| guys| friend| love| babe| dear| everyone)? $'
        -- until the next time
        || '| (see|talk to|speak (to|with)|talk with|catch|text|message|call|meet) (you|ya|u|yall)( guys| all| both'
        || '| again)?'
        || ' (later|soon|tomorrow|tmrw?|around|then|there|tonight|next|again|(on |next )?(mon|tues|wednes|thurs|fri'
        || '|satur|sun)day|at [0-9]+|in a) '
        || '| (see|catch) (you|ya|u|yall)( guys| all| again)? $'
        || '| (talk|chat|speak|more) (later|soon|again soon|again later|tomorrow|again tomorrow|next time)( then| ok'
        || '| okay)? $'
        || '| (until|till|til) next time |(^|bye|night|so|well|ok|okay) (until|till|til) (tomorrow|then|later'
        || '|tonight) '
        -- taking leave
        || '| (gotta|got to|gtta|must|better|should|hafta|ought to|have to|need to|time to) (be |really |just |get )*'
        || '(go|going|run|running|leave|leaving|dash|jet|split|bounce|head off|heading off|head out|heading out'
        || '|log off|sign off|hop off)'
        || ' ((now|then|soon|so|and|but|because|cause|cuz|its|thanks|thank|talk|bye|sorry|before|dinner|lunch|work'
        || '|class|good|ill) '
        || '|$|for (now|today|tonight)|to (bed|sleep|work|class|dinner|lunch|church|a meeting)|(eat|cook|study'
        || '|pick up|walk|feed|meet|see) )'
        || '| (gotta|got to) (go|run|leave|dash) [^t ?]'
        || '| (im|i am|am|ill|i will|gonna|should|must|need to|i have to|gotta|time|better|i think ill'
        || '|let me) (just |to |for me to |now |be |really |go )*'
        || '(go|going|head|heading|headed|off|get|getting|hit)( off| back| now)? (to |get some |some |the )*(bed'
        || '|sleep|rest|hay|sack) '
        || '| (have to|need to|gotta|got to|must|should|gonna|wanna|(ill|gonna|should|better) try (to|and)) (sleep|rest|crash'
        || '|get some (sleep|rest)) ($'
        || '|(now|soon|then|tonight|good|bye|see|thanks|thank|talk|night|and) )'
        || '| (time for (me to go|bed|sleep)|hit the road|back to work now|be back (later|tomorrow|soon)|(come|talk'
        || '|write|chat) (back|again|more|to you) (later|tomorrow|soon)|(continue|carry on|pick (this|it'
        || '|that) up)( this| it| our (story|chat))? (later|tomorrow|another time|next time|again tomorrow)'
        || '|catch up (later|soon|tomorrow)|signing off|logging off|hopping off|call(ing)? it a (night|day)'
        || '|take my leave|gotta dip|(ill|should|better) let you go'
        || '|(have|need|going|must|ought|time) to say good[ -]?bye|i must leave (you|now)|leave it (here|there'
        || '|at that)|(lets|we can|could) stop here) '
        || '| im (going (now|home)|(off|out|leaving|heading out)( now| then| home| to (work|school|class|bed|dinner'
        || '|lunch))?) ($|(bye|see|talk|have|take|good|thanks) )'
        -- looking back on the talk
        || '| (nice|great|good|lovely|fun|wonderful|pleasure|awesome|delightful|pleasant|enjoyed|loved'
        || '|liked) (talking|chatting|speaking|catching up|meeting|our (chat|talk))'
        || ' (to |with )?(you|ya|u) '
        || '| (nice|great|good|lovely) (talking|chatting|chat|talk|conversation) $|(enjoyed|loved) (our|the'
        || '|this) (chat|talk|conversation) '
        -- Chinese: said by itself, until the next time, taking leave
        || '|再见|再会|拜拜|掰掰|拜(了|啦|咯)|(^| |嗯|好|那|了|啦|哦|哈|呀|吧|先)(白白|拜|掰|88+6?|886|3166|8181|安)(了|啦)? $|晚安|回(见|聊)'
        || '|(明天|明儿|明早|明晚|后天|下次|下回|下周|改天|改日|回头|待会儿?|一会儿?|等会儿?|等下|晚点|晚些|有空|有时间|有缘|以后|过会儿?|今晚|周[一二三四五六日末])'
        || '(再|接着|继续)*(见|聊|讲)(哦|啊|吧|啦|喽|哈|呀|咯|了|呢|你)* |再聊(吧|哦|啊|啦|哈|呀|了)? '
        || '|(^| |我|那我|就|俺|得|该|要|在下)(就|得|要|也|该|可|真的|真|必须)*先(走|下|睡|撤|忙|溜|闪|挂|告辞|退|休息|吃饭|洗澡|工作|上课|上班|学习|开会|回家|回去|回|去忙'
        || '|去睡|去吃饭)'
        || '(一步|下线|觉|掉|个澡|电话)?(了|啦|咯|喽|啰|哈|吧| )'
        || '|(^| |我|俺|就|该|得|准备|困了)(真|也|就|去|要|该|得|想|先|准备|回去|必须|现在|马上|差不多|快)*(去|要|该|得|回|准备)'
        || '(睡|睡觉|休息|下线|走|撤|溜|忙|洗澡|洗漱|吃饭|上课|上班|开会|干活|工作|学习|做饭|出门|回家|回去|接孩子|写作业|下)(觉)?(了|啦|咯|去了|去啦|喽|啰) '
        || '|(^| |我|困了)((睡|走|撤|溜|闪|下|睡觉|下线)(了|啦|咯|喽|去了|去啦))+ |(睡觉?|休息|忙|吃饭|洗澡)去(了|啦) '
        || '|(^| )((好(的|啦|了|吧|嘞|呀|哒)|行(吧|啦|了)?|嗯+|恩|哦+|ok|谢谢)[^ ?]{0,4} ?|那)(我|就|要|得)*挂(了|啦)(啊|哈|哦|呀)? |挂电话(了|啦)'
        || '|(好|那|先|哎呀)(啦|了'
        || '|吧)? ?(先)?不(说|聊|扯)(了|啦)|改天再来|下次再来|明天再来|洗洗睡'
        || '|不聊(了|啦)|不打扰(你|您)?(了|啦)?|(就|先|那|今天)(聊|说|讲|谈|玩)到(这|此)|时(候|间)(也)?不早了|告辞|失陪|后会有期|就此别过|保重|慢走'
    ) AS farewell,
    -- Wishes on parting; those for something to come are weaker, since they follow a booking as well.
    REGEXP_MATCHES(words,
      ' (have|wish you|wishing you)( yourself| yourselves)?( a| an| the| some| your| most| very| truly| really)*'
        || ' (nice|good|great|lovely|wonderful|fantastic|pleasant|blessed|beautiful|amazing|awesome|fine|fabulous'
        || '|happy|relaxing|splendid|brilliant|terrific)'
        || '( and [a-z]+)?( rest of (your|the))? (day|days|evening|eve|night|weekend|afternoon|morning|week|one'
        || '|sleep|birthday|christmas|year) '
        || '| (enjoy|have) ([a-z]+ )?(rest of )?(your|the|this) ([a-z]+ )?(day|evening|night|weekend|afternoon'
        || '|morning|week) '
        || '| take (good )?care( of yourself| of yourselves)?( [a-z]+)? $| take care (now|then|and|bye|my|too|you'
        || '|dear) | (take it easy|stay safe|(be|stay|fare) well $|(drive|go|travel|ride|walk'
        || '|get home) safe(ly)?) |(^|and|please|now|then|well|bye|night|you) be safe '
        || '| safe (travels?|trip|journey|flight|drive|home) | (sleep (well|tight|good)|rest well|all the best'
        || '|best wishes|happy (travels|trails)|bon voyage|(keep|stay) in touch) '
        || '| (come back (soon|any ?time|again|tomorrow|whenever)|come again|visit (us )?again|(great|good|nice'
        || '|amazing|wonderful|pleasant|fantastic|lovely) day (ahead|too)) '
        || '| (thank you|thanks) for (using|choosing|contacting|calling|visiting|shopping|chatting|stopping) '
        || '|祝(您|你|你们|大家|咱们|福|他)?[^ ?]{0,10}(愉快|开心|快乐|顺利|顺心|顺|好胃口|尽兴|高兴|满意|发财|好|幸福|平安|成功|健康|如意)'
        || '|(早点|早些|好好)(休息|睡)|路上小心|一路(顺风|平安|小心)|欢迎(您|你)?(的)?(下次|再次|随时|再来|光临|常来)|期待[^ ]{0,5}(下次|再次|光临|再来)|睡个好觉|好梦|好走'
    ) AS parting,
    REGEXP_MATCHES(words,
      ' (have|wish you)( yourself)?( a| an| your)?( very| most)? (nice|good|great|lovely|wonderful|fantastic'
        || '|pleasant|safe|amazing|awesome|fun|enjoyable) (trip|flight|stay|journey|time|vacation|holidays?|visit'
        || '|meal|dinner|lunch|ride|travels|rest|tour|break) '
        || '| (have (fun|a blast)|good luck|best of luck|god bless( you)?|bless you) | (enjoy|cheers) $| enjoy (your'
        || '|the|it|yourself) '
        || '|(希望|愿)(您|你|你们)[^ ?]{0,8}(愉快|开心|快乐|顺利|满意)|注意安全|照顾好自己'
    ) AS good_wish,
    REGEXP_MATCHES(words,
      ' (thanks+|thank ?(you|u|ya|yo|yuo|yu)+|thanku|thx|thnx|thanx|thnks|thks|tks|tnx|tysm|ty|tyvm|tyia|cheers'
        || '|much obliged|appreciated?|gracias|merci|grateful) '
        || '|谢谢|谢啦|谢了|谢过|多谢|感谢|感激|谢您|谢你|辛苦(了|你|您|啦)|麻烦(你|您)?(了|啦)|添麻烦|3q|三克油|蟹蟹|(^| |的|好|行)谢(哈|哦|啊)? |感恩|有劳'
    ) AS thanks,
    -- Looking back on the whole is a way to leave it.
    CASE WHEN by_user THEN REGEXP_MATCHES(words,
      ' (enjoyed|loved) (it|this|that|every|the|our|my)'
        || '| (had|was|been|what) (an? |so much |such an? |such )?(really |very )?(great|good|wonderful|lovely|fun'
        || '|nice|amazing|blast|fantastic|beautiful)'
        || ' (time|story|chat|talk|session|evening|night|adventure|ride|tale|game|conversation)'
        || '|(^| )(you|it|that|this) (told|explained|did|wrote|handled) (it|this|that|me|so) | (helpful|lifesaver'
        || '|life saver|been (so|very|too) kind) | been (of )?(a )?(great|big|huge|real|so much|much)? ?help '
        || '| for (all |everything|(all )?(of )?(your|the|ur) (time|help|assistance|kind|great|wonderful|company'
        || '|story|support|service|patience|effort|hard)) ?| means a lot | saved me '
        || '|(聊|玩|谈|听)得(很|真|好|特别|非常|太|挺)?(开心|高兴|愉快|尽兴|投机|过瘾)|(讲|说|写|演|解释|回答|介绍)得(真|很|太|非常|特别)?(好|棒|清楚|详细|精彩|到位|明白)'
        || '|受益|收获(很|满|颇)|学到(了|很)|帮(了|上)(我)?(很大|大|不少)的?忙|耐心|(你|您)(真|太|人)(的)?(好|棒|厉害|贴心)|(建议|推荐|服务)(太|真|很)'
    ) ELSE FALSE END AS looks_back,
    CASE WHEN by_user THEN REGEXP_MATCHES(words,
      ' (love(d|ly)?|enjoy(ed|able)?|liked|beautiful(ly)?|perfect|amazing|wonderful|great|good|nice|awesome|brilliant'
        || '|fantastic|sweet|cute|touching|moving|aw+|wo+w|bravo|masterpiece|gorgeous|delightful|charming|superb|incredible'
        || '|epic|heartwarming|adorable|magical|goosebumps|crying|cried|tears|smile) '
        || '|感动|动人|好听|好看|好美|真美|真棒|好棒|太棒|真好|太好|精彩|喜欢|温馨|温暖|治愈|好甜|催泪|哭了|泪目|厉害|(^| )赞|不错|有意思|完美'
    ) ELSE FALSE END AS praises,
    -- Nothing more is wanted.
    CASE WHEN by_user THEN REGEXP_MATCHES(words,
      ' (thats|that is|that was|that will be|thatll be|that would be|thatd be|that should be|it is|this is'
        || '|will be|would be) (about |pretty much |really |just )?(all|everything|it|enough)'
        || '( folks| then| really)?( i (need|needed|wanted|want|have|had)| we (need|needed))?( for (now|today'
        || '|tonight|me|the (moment|day|night)|right now))?( then)?'
        || '( (and )?(thanks|thank|bye|good|have|see|you|very|so|appreciate|great|perfect|ok|okay|cheers'
        || '|no)[a-z ]*)? $'
        || '| (all|everything|all the [a-z]+|only [a-z]+|just what|exactly what|which is what|one thing|thats what'
        || '|that is what|got what|have what)( that)? (i|we|ive)'
        || ' (really |just |ever |currently |only |was |had )*(need|needed|wanted|want|required?|came for'
        || '|looking for|looked for|was after|wanted to (know|ask|do)|need to know) '
        || '| (nothing|anything) (else|more|further) ([^?]|$)| no (more|other|further|additional) (questions?|help'
        || '|requests?|assistance) '
        || '| (dont|do not|wont|will not|didnt|no longer) (think i |think we |really )*(need|want|require) (any'
        || '|anything|nothing|your help|more|help|further)'
        || '| (im|i am|we are|were|all|i think im|i think were|everything is) (all |pretty much |now '
        || '|basically )*(done|set|finished|sorted|good to go|good for now|ok for now|okay for now)'
        || '( (now|here|then|thanks|thank|you|u|with that|for (now|today|tonight)))* ($|(bye|have|see|talk) )'
        || '| (problem|issue|mystery|question|case|matter|everything|questions)s? (is |are |has been |have been '
        || '|all |now |been |finally )*(solved|resolved|fixed|answered|sorted|settled|closed) '
        || '| (that|this|which|you) (solve|answer|fix|fixe|resolve|clear|settle|cover)(s|d|ed)( all)? (it|my|the'
        || '|everything|that|up|me|all) | (it works( now)?|it worked|that worked|works now)( thanks| thank you)? $'
        || '| (got|have|had|know|found|learned|answered) (everything|all|what|exactly what|just what|the (answer'
        || '|info|information))( that)? (i|we)( [a-z]+)? (need|needed|wanted|want|came for|looking for) '
        || '| (now|finally|at last|so now|then) (i|we) (know|understand|see|get it)( (everything|it all|it|now'
        || '|the (truth|answer)|why|who))* $| (got|have|found|know) (my|the|all my|all the) answers?( |$)| (question'
        || '|curiosity|doubt)s? (is|are) (satisfied|cleared|gone) | (mission accomplished|case closed|(done|enough'
        || '|good|all|it|fine|okay|ok|nothing) for (now|today|tonight|one (day|night)|the (moment|day))|you (can'
        || '|may) (go|leave|rest) now) | you (can|may) (go|leave) $'
        || '|没(有)?(什么|啥|别的|其他的?|其它的?|任何|太大|更多)*(问题|疑问|疑惑|需要|要问|想问|要求|事|事情|事儿)(的|要问|想问|要说|想说)*(了|啦|喽|咯)'
        || '|没(有)?(什么)?(别的|其他的?|其它的?|什么|啥|要)(了|啦|事) |(^| |嗯|都|那|我|暂时|目前|应该|真的)没有?(了|啦) |有(问题|需要|事)(儿)?(我|咱)?(会|再|随时|就)+(问|找|联系|咨询|请教|来)'
        || '|没(有)?(其他|其它|别的)的?(问题|需要|事)|问完(了|啦)'
        || '|(问题|事情|麻烦|难题|疑问|疑惑|心结|案子)[^ ?]{0,4}(解决|解答|解开|搞定)|搞定|(这样|这)就(好|行|可以|够)了?|(够了|不用了|不需要了|不必了) '
        || '|(^| |那|就|先)(先|就|那)*(就|先)(这些|这样|这么(定|办|着)|定|到这|到此)(了|吧|啦|喽|哈|呗|儿|里)* '
        || '|(想|要|需要)(知道|了解|问|找|查|要)的[^ ?]{0,4}(知道|了解|问完|找到|清楚|有|齐|问|得到|查到)(了|啦|完)|(正|就)是我(要|想|需要|在)(找|的|知道|要)'
        || '|(都|全都|终于|总算|彻底)(知道|明白|清楚|了解|安排|搞懂|弄懂|想通|弄清楚?)(好|了)|(有|找到|得到|知道)了?答案(了)?|答案[^ ?]{0,2}(有|找到|知道|得到)了|(目的'
        || '|任务|心愿|愿望)[^ ]{0,3}(达到|达成|完成|实现)了|就(这么|这样)?(定|决定|说定)(了|啦|它|他|她|这)|到此(为止|结束)'
    ) ELSE FALSE END AS done,
    -- The story is told.
    REGEXP_MATCHES(words,
      '(^|ever after|the|its the|the) end( of (the|our|this) (story|tale))? $| (happily ever after'
        || '|to be continued|fin) $'
        || '| (the|our|this|my|your|that|whole) (whole )?(story|tale|adventure|journey|saga'
        || '|quest)( of [a-z ]{1,30})?( now| really| has| is| was| finally| all| to| so| as)*'
        || ' (over|complete|done|finished|told|ends|ended|concluded|an end|a close|makes sense|made sense) '
        || '| (here|thus|that is how|thats how|this is how|so) (ends|it (all )?(ends|ended)) '
        || '| (what an|what a|love (this|the|that)|loved (the|this|that)|such an?|that was an?|a (truly '
        || '|very )?[a-z]+) ([a-z]+ )?(ending|conclusion|finale|resolution) '
        || '| (how|so) (it|this|that|everything|things) (all )?(ended|ends|came out|turned out|worked out) | (ended'
        || '|turned out|came together|comes together|worked out|tied together)( [a-z]+){0,2} (well|better'
        || '|beautifully|perfectly|nicely) '
        || '| (good|great|perfect|nice|natural|lovely|fine) (place|point|note|spot|moment) (to|for) (stop|end|leave'
        || '|pause|finish|close) '
        || '| (wraps?|wrapped|ties?|tied|rounds?|sums?) ((it|things|everything|the story|that|this|all)( all)? )?(up'
        || '|off) (the|our|this|it|everything|all|nicely|well|$)'
        || '| (fitting|worthy|satisfying|perfect|happy|proper) (end|close)( |$)| (full circle|ends well'
        || '|curtain falls|falls into place|fell into place|final page|last page|final chapter) '
        || '| (everything|it all|all|the mystery|the secret|whole thing|loose ends?) (is |was |are |now |has been '
        || '|finally |at last )*(explained|told|revealed|resolved|tied up|makes sense|made sense|solved) '
        || '|(剧终|全文完|全书完|未完待续|大结局|(^| )完 $)|(故事|传说|冒险|旅程|剧情|篇章|这段|传奇|谜题|悬念)[^ ?]{0,10}(结束|讲完|说完|圆满|落幕|收场|尾声|画上句号'
        || '|有了结局|告一段落|完结|到头)'
        || '|(结局|收尾|收场|结尾)[^ ?]{0,6}(好|完美|圆满|满意|意外|棒|感人|喜欢|不错|赞|妙|精彩|温暖)|(喜欢|满意|圆满的?|完美的?|美好的?)(这个|这样的?|的)?(结局|结尾)'
        || '|真相大白|水落石出|皆大欢喜|尘埃落定|前因后果[^ ]{0,4}(通|明白|清楚)|来龙去脉[^ ]{0,4}(明白|清楚)|大团圆|有始有终|句号|谜底[^ ]{0,2}(揭|解)|收官'
        || '|悬念[^ ]{0,3}(解|揭)|(^| |真|很|太|算是?|就)圆满(了|啦|啊)? |(原来|总算|终于)[^ ?]{0,10}(结束|结局|圆满|完结|说通|讲完)'
    ) AS resolved,
    CASE WHEN by_user THEN REGEXP_MATCHES(words,
      '^ (oh |um |well |ok |okay |hmm |thanks |thank you )?(no+|nope|nah|naw|not|nothing|none|never ?mind|nvm'
        || '|im (good|fine|ok|okay|set|all set|all good)|were (good|fine|ok|okay|all set)|all (good|set)|for now'
        || '|thats (it|all|fine)) '
        || '|^ (嗯|哦|好的?|啊|哈)* ?(没有?|没了|没啦|没事|不用|不需要|不必|暂时没|目前没|没什么|不了|不要了|木有)'
    ) ELSE FALSE END AS declines,
    REGEXP_MATCHES(words,
      ' (youre|your|you are|ur|u r|yw|most|very|always|more than) (very |most |so |quite |always '
        || '|more than )?welcome |^ (yw|np|welcome|any ?time|no (problem|worries|prob|trouble)|of course|not at all'
        || '|(and )?(you|u) too|same to you|likewise) '
        || '| (my|its my|all my|our|a|was my) (pleasure|honou?r|job|duty)| pleasure (is|was) | (happy|glad|delighted'
        || '|pleased|tickled|honou?red|here) (i|we|to|that|whenever|when|if) (could|can|was|were|be|have|i|we|help'
        || '|assist|serve|you|always) '
        || '| (happy|glad|delighted|pleased) (it|that|this|you|its|everything|all) ([a-z]+ )?(help(s|ed)?|work(s|ed|ing)?|useful|fixed'
        || '|did|liked?|enjoyed|loved|found)|dont mention it| (let me know|call me|reach out|ask me|contact (me|us)|message me|feel free) (if'
        || '|anytime|any ?time|whenever|when|again|to) |at your service'
        || '|不(用|必|要)?(跟我|和我)?(客气|谢)|(别|甭)(跟我|和我)?客气|客气(了|啥|什么)?(啊|呀|哈)? |客气(了|啥|什么)|(^| )(没事|没关系|小事)|应该的|举手之劳|小意思'
        || '|乐意(为|效劳|帮助|之至|帮)|荣幸'
        || '|(为|帮|替)(您|你|到|助)(到)?(您|你)?[^ ?]{0,4}(服务|效劳|忙|解答)?(了)? $|(高兴|开心|愿意)(能|可以)?(为|帮|能)|随时(可以|都可以|都)?(联系|找|问|来'
        || '|为|欢迎|叫)'
        || '|(有用|管用|好用|能用|有帮助|有效|解决了?|帮到(您|你)|帮上忙|成功|顺利|修好|弄好)(了)?(就|真)(好|行)|很?高兴[^ ?]{0,4}(有用|帮上|帮到|有帮助)'
        || '|有(什么)?(问题|需要|事)(儿)?(您|你|再|随时|请|可以|就|都|也|欢迎)*(联系|找我|问我|叫我|来|咨询|沟通)|(满意|喜欢|开心)就好'
    ) AS welcomes
  FROM worded
),
in_sessions AS (
  SELECT
    *,
    BOOL_OR(farewell OR parting OR good_wish OR thanks OR looks_back OR done
      OR resolved OR declines OR welcomes) OVER (PARTITION BY session_id) AS may_close
  FROM closing
)
SELECT
  day,
  session_id,
  place,
  by_user,
  chars * CASE WHEN REGEXP_MATCHES(words, '[一-鿿]') THEN 3 ELSE 1 END AS length,
  farewell,
  parting,
  good_wish,
  thanks,
  looks_back,
  praises,
  done,
  resolved,
  declines,
  welcomes,
  CASE WHEN by_user THEN REGEXP_MATCHES(words,
    '^ (yes|yeah|yep|yup|sure|correct|right|confirm(ed)?|exactly|perfect|great|good|fine|alright|(ok '
      || '|okay )?(that|it|this)?( one)? ?(is|sounds|looks|works|will)( be)? (good|great|fine|perfect|right'
      || '|correct|ok|okay|work|do)|you got it|thats (right|ideal|correct|perfect|fine|ok|good|great)) '
  ) ELSE FALSE END AS agrees,
  CASE WHEN NOT by_user THEN REGEXP_MATCHES(words,
    '^ (ok(ay)?|sure|great|alright|cool|good|fine|yes|yep|got it|will do|嗯+|好(的|哒|呀|嘞|滴|吧|啊)?|哦|行|可以'
      || '|没问题) |(^| |继续)加油') ELSE FALSE END AS acks,
  REGEXP_MATCHES(RIGHT(words, 80),
    '[?]|吗|(什么|哪里|哪儿|谁|怎么样?|几点|多少)[^ ]{0,2} $|(^| )(shall|should|can|could|may|would|do|did|are|will'
      || '|have) (i|you|we) [a-z]|(^| )(what|how|who) else |(^| )please confirm | (confirming|to confirm'
      || '|lets confirm|is (that|this) (ok|okay|right|correct)) ') AS asks,
  CASE WHEN by_user THEN REGEXP_MATCHES(words,
    ' (what|where|when|who|whom|whose|why|how|which)( [a-z]+){0,2} (is|are|am|was|were|do|does|did|can|could|shall|should'
      || '|would|will|have|has|had|[a-z]+s) [^?]*( [?])+ $| (whats|wheres|whos|whys|hows) [^?]*( [?])+ $'
      || '|(什么|哪|谁|怎么|怎样|如何|几(点|号|路|站|楼|层|岁)|多少|为啥|咋)[^ ?]*( [?])+ $') ELSE FALSE END AS inquires,
  CASE WHEN by_user THEN REGEXP_MATCHES(words,
    '(^| )(and|but|so|also|ok|okay|thanks|you|then|now|great|well|actually|wait|hey|perfect|please|good|cool'
      || '|yes|no|first|next|lets)?'
      || ' ?(tell|give|show|find|get|book|help|let|send|make|search|check|look|play|recommend|suggest|continue'
      || '|start|try|describe|explain|write|keep|reserve|buy|change|cancel) (me|for|it|that|this|the|a|an|up|us'
      || '|one|some|going|to|another) '
      || '|(^|and|but|so|also|okay|ok|thanks|you|then|now|well|actually|wait|hey) (what (is|are|was|were|do|does'
      || '|did|if|happens|happened|time|kind|sort|can|could|should|would|else|will|have)|whats|where|wheres|who'
      || '|whos|when (is|does|do|will|can)|why|how (is|are|do|does|did|can|could|much|many|long|far|old|about|come'
      || '|would|will)|hows|which|is there) '
      || '| (one more|another|also|what about|how about|last thing|instead|btw|by the way|need to know|let me know'
      || '|id like|i would like|i want|i wanna|looking for|as well as|go ahead|go on|please do) '
      || '|(^|please|can you|could you|would you|now|and|then) (translate|rewrite|reword|rephrase|paraphrase|proofread|shorten'
      || '|summari[sz]e|compose|draft|recite|sing|write ([a-z]+ ){1,3}about) '
      || '|翻译(成|为|一下|下|这)|(把|请)[^ ]{0,12}(翻译|改写|润色|缩写|扩写|续写)|(^| )(写|作|编|唱|背|念)(一|首|段|篇|封|句)'
      || '|请(问|帮|给|推荐|告|查|再|继续|把|介绍|讲|选)|帮(我|俺|咱)[^ 了]|给(我|俺)(推荐|介绍|找|查|来|讲|说|看|一)|推荐(一|个|家|下|些|几)|告(诉|知)(我|一下|下)'
      || '|(我|还|再|也)(想|要|得)(找|订|查|问|看看|了解|知道)([^的]|$)|想(去|吃)|什么|啥(时|地|好|特|样的|呢)|哪(里|个|家|些|儿)|怎么|怎样|如何|多少|几(点|天|号'
      || '|站)|谁|能不能|可不可以|是不是|有没有|行不行|好不好'
      || '|对了|另外|还有(个|一|就)|再(帮|给我|推|说|讲|查|看|确认)|把[^ ]{1,20}(告诉|发|说|给)|接着讲|继续(讲|说|吧)|顺便|最后(还|再)|(发|留)(给|个)(我|一|电|地'
      || '|景)|(留|发)(给|个|一)|(发|告诉)[^ ]{0,6}(我|呗)|呗 '
  ) ELSE FALSE END AS requests,
  -- Is there anything else?
  CASE WHEN NOT by_user THEN REGEXP_MATCHES(words,
    ' (anything|something|any thing|what|how|any|more|other|further) (else|more|other|further|additional'
      || '|can i|may i|could i)|(with|in) (anything|something) | (still|further) (need|help|assist)| need (me|any'
      || '|my)( [a-z]+){0,3} (help|assistance|else)'
      || '| (will|would|is|was) that (be )?(all|it|everything) | (do for|help|assist) you (with )?(today|now'
      || '|further)?'
      || '|还(有|需要|想|要|能)[^ ?]{0,12}(吗|么|呢|什么|别的|其他|其它|啥|[?])|(其(他|它)|别的)(的)?(问题|需要|需求|帮助|信息|要求)|什么(可以|能)(帮|为)'
      || '|需要(我)?(帮|为)'
  ) AND NOT REGEXP_MATCHES(words,
    ' (if|whenever|when|should|once|in case) (you|youre|theres|there is|there are|u|i can|ever) '
      || '|有(什么)?(问题|需要|事)(儿)?(您|你)?(再|随时|请|可以|就|欢迎)') ELSE FALSE END AS offers
FROM in_sessions
WHERE may_close
