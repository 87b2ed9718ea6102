"""From text to clauses: whom each speaks of, whether it denies, asks or supposes, in English and Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from evalloop_assets.reward_model.breaks.lexicon import CHINESE_NEGATORS, HAN, NO_NEGATION, WORD, tokens_of

MOST_CHARS = 2_000
"""Of one text, from its beginning, that are read."""

SELF, OTHER, THIRD, OPEN = "self", "other", "third", ""


class Clause(NamedTuple):
    """One clause of a text."""

    text: str
    """As it was written, lower case."""
    tokens: Mapping[str, int]
    """What it is about: concepts (`@swim`), stems or pairs of characters; each with 1, or -1 where the word denies the
    concept (an only child has no sibling)."""
    subject: str
    """SELF, OTHER, THIRD, or OPEN where nobody is named."""
    fact: int
    """-1 where it denies, else 1."""
    attitude: int
    """1 for a liking, -1 for a dislike or fear, 0 for neither; negation is counted in."""
    question: bool
    past: bool
    """Says how it used to be, or when."""
    unreal: bool
    """A condition, a wish, a quotation: claims nothing."""
    han: bool


ENGLISH_NEGATORS = frozenset(
    [
        "not",
        "never",
        "no",
        "none",
        "nobody",
        "nothing",
        "neither",
        "nor",
        "without",
        "hardly",
        "cannot",
        "nope",
        "refuse",
        "refuses",
        "refused",
        "unable",
        "incapable",
        "abstain",
        "abstains",
        "shun",
        "shuns",
        "lack",
        "lacks",
        "quit",
        "unwilling",
    ]
)
ENGLISH_GIVES_UP = re.compile(
    r"\b(?:gave|given|giving) up\b|\bsw(?:ore|orn) off\b|\bstopped(?= \w+ing\b)|"
    r"\b(?:keep|kept|stay|stayed|stays|keeps) (?:\w+ )?(?:away from|clear of|off the|out of)\b|"
    r"\b(?:skip|decline|avoid)(?:ped|d|s|ing)?\b|\bturn(?:ed|s)? down\b|\bpush(?:ed|es)? (?:\w+ ){1,4}(?:away|aside)\b|"
    r"\b(?:put|puts|set|sets|throw|threw|wave|waved|give|gave) (?:\w+ ){1,4}(?:down|away|aside)\b|"
    r"\bonly (?:from|in|through|on) (?:\w+ )?(?:pictures?|books?|films?|glass|screens?|stories)\b|"
    r"\b(?:give|gave|hand|handed) (?:\w+ ){1,4}back\b|"
    r"\b(?:bad|terrible|hopeless|awful|useless|lousy|poor) (?:at\b|(?=cook|singer|dancer|driver|swimmer|liar|shot))"
)
"""Says not to do it, or not to be able to."""
ENGLISH_NO_NEGATION = re.compile(
    r"\b(?:cannot|never|not|hardly) (?:quit|refuse|miss|skip|forget|fail|stop|resist|tire)(?:ped|ed|d|s)?\b|"
    r"\b(?:not|never|no|cannot|nothing|nobody) (?:\w+ ){1,8}?"
    r"(?:(?:without|until|till|unless|except)\b(?= \w)|before (?:i|my|the|noon|dawn|breakfast)\b)|"
    r"\bnothing more than\b|\bnot only\b|\bno (?:problem|worries|doubt|wonder|matter|longer wait)\b|\bwhy not\b|"
    r"\bnot to mention\b|\bnever mind\b|\bno,|\bcannot wait\b|\bnot just\b|\bnot bad\b|\bno one but\b"
)
A_NOT_A = re.compile("(?!得不得了)(.)[不没]\\1|是不是|有没有|会不会|能不能|要不要|喜不喜欢|知不知道")
CHINESE_QUESTION = re.compile("[吗么]\\s*$|[你您]呢\\s*$|[^才也就绝从可然并都决了还]{3}(?:不|没|没有)\\s*$")
CHINESE_WH = re.compile(
    "什么|哪[里儿个位些]|谁|几[个只岁点时]|多少|多大|怎么|为什么|为啥|咋|啥"
)  # fmt: skip
ENGLISH_QUESTION = re.compile(
    r"^(?:and |so |but |ok |oh |well |hi |hey )*(?:what|who|whom|whose|when|where|why|which|how|do|does|did|are|is|was|"
    r"were|have|has|can|could|will|would|should|shall|may|am)\b"
)
UNREAL = re.compile(
    r"\bif\b|\bwish\b|\b(?:i|we|it) (?:would|could|might)\b(?! never| not)|\bmaybe\b|\bimagine\b|\bwhether\b|"
    r"\bsuppose\b|\bpretend\b|\bguess\b|如果|要是|假如|假设|希望|也许|可能|或许|好像|听说|万一|的话|想象|要不是|若不是|换成是"
)
PAST = re.compile(
    r"\bused to\b|\bformerly\b|\bback then\b|\bas a (?:kid|child|boy|girl|teenager|student)\b|\banymore\b|\bany more\b|"
    r"\bno longer\b|\bin (?:my|his|her) youth\b|\bwhen (?:i|he|she) was\b|\b(?:\w+ )?years ago\b|\bonce upon\b|"
    "以前|曾经|从前|原先|早年|当初|年轻那会|年轻的?时候|那时候?|年前|"
    "(?<!了)过去(?!了)|小时候|当年|不再|后来|将来|以后|打算|现在"
)
FIRST = frozenset(["i", "me", "my", "mine", "myself", "we", "us", "our", "ours"])
SECOND = frozenset(["you", "your", "yours", "yourself"])
ENDED = re.compile(
    r"\banymore\b|\bany more\b|\bno longer\b|\b(?:quit|gave up|given up|stopped|sw(?:ore|orn) off)\b|"
    r"\b(?:graduated|retired|divorced)\b|"
    "不再|戒|毕业|退休|离婚"
)
"""It is so from now on."""
EVER = re.compile(
    r"\b(?:has|have|had) never\b|\bnever (?:once|ever|in)\b|\bnot once\b|\bin (?:my|his|her|their|all) life\b|"
    "从未|从没|从来没|没.{0,3}过|[一这半]辈子|未曾|不曾"
)
"""Denies all of the past as well."""
OTHERS = frozenset(
    [
        "he",
        "she",
        "they",
        "him",
        "her",
        "them",
        "his",
        "their",
        "hers",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "who",
    ]
)
CHINESE_PERSON = re.compile("我们|咱们|你们|他们|她们|它们|人家|贫道|贫僧|老夫|在下|本官|本人|我|咱|俺|你|您|他|她|它")
CHINESE_SELF = frozenset(["我们", "咱们", "贫道", "贫僧", "老夫", "在下", "本官", "本人", "我", "咱", "俺"])


@lru_cache(maxsize=1_000)
def clauses_of(text: str) -> tuple[Clause, ...]:
    """The clauses of a text in their order."""
    return tuple(clause for sentence in _sentences(normal(text)) for clause in _clauses(sentence))


@lru_cache(maxsize=50_000)
def _clauses(sentence: str) -> tuple[Clause, ...]:
    han = bool(HAN.search(sentence))
    asked, stated = sentence[-1] in "?？", sentence[-1] in ".!"
    parts = [part.strip() for part in _parts(sentence, han) if part.strip(" .!?。！？,，;；:：")]
    found: list[Clause] = []
    for place, part in enumerate(parts):
        marked = asked and (place == len(parts) - 1 or parts[place + 1].startswith("还是"))
        question = _asks(part, marked, han, stated)
        found.append(_clause(part, found[-1] if found else None, question, han))
    return tuple(found)


@lru_cache(maxsize=1_000)
def normal(text: str) -> str:
    """Lower case, one width, English contractions written out, cut to MOST_CHARS."""
    short = unicodedata.normalize("NFKC", text[:MOST_CHARS]).casefold().replace("\u2019", "'")
    if "'" in short or " m " in short or " t " in short:
        short = _written_out(short)
    return short.replace("set foot in", "been in")


def _written_out(text: str) -> str:
    text = re.sub(r"\bcan ?'? ?t\b", "cannot", text)
    text = re.sub(r"\bwon ?'? ?t\b", "will not", text)
    text = re.sub(r"\b(do|does|did|is|are|was|were|ha[sd]|have|would|could|should|need)n ?'? ?t\b", r"\1 not", text)
    text = re.sub(r"\bi ?'? ?m\b", "i am", text)
    text = re.sub(r"\bain't\b", "am not", text)
    text = re.sub(r"\blet's\b", "let us", text)
    return re.sub(r"'(re|ve|ll|d|s|m)\b", lambda found: WRITTEN_OUT.get(found[1], ""), text)


WRITTEN_OUT = {"re": " are", "ve": " have", "ll": " will"}
_SENTENCE = re.compile(r"[^.!?。！？\n…]+[.!?。！？\n…]*")
_ENGLISH_CLAUSE = re.compile(
    r"[,;:()]+|\b(?:but|because|although|though|while|however|yet|since|for(?= i\b)|so(?= i\b))\b|"
    r"\b(?:and|or)\b(?= (?:i|my|you|your|he|she|it|they|we|never|not|do|have|cannot)\b)|"
    r"(?<=[a-z]) (?=i (?:am|have|never|cannot)\b)"
)
_CHINESE_CLAUSE = re.compile(r"[,，;；:：()（）\s~～]+|但是|可是|因为|所以|毕竟|而且")


def _sentences(text: str) -> Iterator[str]:
    for found in _SENTENCE.finditer(text):
        sentence = found[0].strip()
        if sentence and sentence.strip(".!?。！？…"):
            yield sentence


def _parts(sentence: str, han: bool) -> list[str]:
    return (_CHINESE_CLAUSE if han else _ENGLISH_CLAUSE).split(sentence)


def _asks(clause: str, marked: bool, han: bool, stated: bool) -> bool:
    if han:
        if marked or CHINESE_QUESTION.search(clause) or A_NOT_A.search(clause):
            return True
        return bool(CHINESE_WH.search(clause)) and clause.lstrip()[:1] in "你您" and not CHINESE_NEGATORS.search(clause)
    return marked or (not stated and bool(ENGLISH_QUESTION.match(clause)))


def _clause(text: str, before: Clause | None, question: bool, han: bool) -> Clause:
    tokens, attitude, rest = tokens_of(TOPIC_ZH.sub("", text) if han else text, han)
    if han:
        said = DEGREE_ZH.sub("", rest) if attitude else rest
        denied = len(CHINESE_NEGATORS.findall(A_NOT_A.sub("", NO_NEGATION.sub("", said)))) % 2 == 1
    else:
        denied = any(word in ENGLISH_NEGATORS for word in WORD.findall(_denials(rest)))
    subject = _subject(text, before, han)
    inherits = bool((ELLIPSIS_ZH if han else REFERS).search(text)) and (denied or attitude != 0)
    if before is not None and not tokens and not question and inherits:
        concepts = {token: sign for token, sign in before.tokens.items() if token[0] == "@"}
        tokens = concepts or dict(before.tokens)  # the topic is said once
    if subject == SELF and _plural(text) and not any(token[0] == "@" for token in tokens):
        subject = THIRD  # what we do together is no claim of one of us
    fact = -1 if denied else 1
    return Clause(
        text, tokens, subject, fact, attitude * fact, question, bool(PAST.search(text)), bool(UNREAL.search(text)), han
    )  # fmt: skip


def _denials(text: str) -> str:
    return ENGLISH_GIVES_UP.sub("not ", ENGLISH_NO_NEGATION.sub(" ", text))


TOPIC_ZH = re.compile("^[^我你您他她它]{1,12}的事[情儿]?(?=[我咱你])")
"""Names the matter that the rest speaks of: who no longer hides it denies nothing of the thing."""
DEGREE_ZH = re.compile(" 得.*")
"""What follows a liking or a fear says how great it is: who fears something 得不敢动 fears it."""
REFERS = re.compile(r"\b(?:it|them|one|that|so|word|any)\b")
PLURAL = re.compile(r"\b(?:we|us|our)\b|我们|咱们")
NOBODY = re.compile(r"(?:nobody|no one|nothing|none of|everybody|everyone)\b|没有?人|谁[也都]|人人|大家")
ELLIPSIS_EN = re.compile(
    r"^(?:and |but |or |so |yes |no |well |oh |just |only |always |also |still |currently |really )*"
    r"(?:love|like|hate|enjoy|prefer|adore|have|had|got|never|not|no|am|been|work|live|used|going|trying|single|married)\b"
)
ELLIPSIS_ZH = re.compile(
    "^[不没喜讨有会能想在是就也都很太真还从爱怕养吃喝看听做去来当住学刚快早今已单每偶经从其才只特最非挺比再给抽骑弹唱游睡玩恨宁"
    "]"
)


OTHERS_DO = re.compile(
    r"\b(?:watch|watched|see|saw|hear|heard|let) "
    r"(?:you|him|her|them|others|everyone|people|the others)\b|"
    "(?:听|看)着?(?:你们?|您|他们?|她们?|大家|别人|人家|客人|孩子们)(?!的)"
)
ASKS_FOR_IT = re.compile(
    r"^(?:please |just |so |then |and |come |go on |now )*"
    r"(?:read|sing|drive|cook|write|play|tell|show|teach|draw|fly|row|carry|walk) "
    r"(?:it |that |this |them )?(?:to |for )?me\b"
)
"""Wants the other to do it."""
VERB_ZH = re.compile(
    "[啃灌抿尝炒炖煮烤抱骑抽弹唱游跑跳写读睡打玩买拿端拔杀开坐烧撸刷逛赢输押赌哭骂揍砍偷骗种钓点咬吞煎涮]"
)
"""With a time before it, or after another clause, its speaker does it."""
OWN_ZH = re.compile("[你您他她它]们?的")
WHEN_ZH = re.compile(
    "^(?:(?:昨|今|前|明)(?:天|晚|儿|早|夜)?(?:早上|上午|中午|下午|晚上|夜里)?|刚才?|方才|上个?(?:月|周|礼拜)|去年|早上|晚上|半夜|"
    "每(?:天|晚|早|次|年)|天天|一大早|一早|夜里|上午|下午|这会儿|待会儿?|等会儿?|回头|平时|周末|有时候?|偶尔|常常|经常)+"
)
ORDERS = re.compile(
    r"^(?:and |but |so |now |then |ok |please |come on )*"
    r"(?:another|one more|make (?:it|mine)|pass the|pour|fetch the|hand the|nothing (?:beats?|like|better))\b"
)
"""Wants what follows for oneself, and names nobody."""


def _subject(text: str, before: Clause | None, han: bool) -> str:
    """Whom a clause speaks of; where it names nobody, itself as far as it reads like half a sentence."""
    if not han and ORDERS.match(text):
        return SELF
    if OTHERS_DO.search(text) or (not han and ASKS_FOR_IT.match(text)):
        return THIRD
    if NOBODY.match(text):
        return THIRD
    if han:
        person = CHINESE_PERSON.search(OWN_ZH.sub("", text) if "我" in text else text)
        if person:
            return SELF if person[0] in CHINESE_SELF else OTHER if person[0][0] in "你您" else THIRD
        bare = WHEN_ZH.sub("", text)
        does = VERB_ZH.match(bare) and (bare != text or before is not None)
        if does or ELLIPSIS_ZH.match(bare) or len(text) <= 4:
            return before.subject if before is not None else OPEN
        return THIRD
    if re.match(r"as an? ", text):
        return SELF
    words = WORD.findall(text)
    if words and words[0] in ("it", "this", "that", "there") and not FIRST.isdisjoint(words):
        return SELF
    for word in words:
        if word in FIRST or word in SECOND or word in OTHERS:
            return SELF if word in FIRST else OTHER if word in SECOND else THIRD
    if ELLIPSIS_EN.match(text) or len(text.split()) <= 2:
        return before.subject if before is not None else OPEN
    return THIRD


def _plural(text: str) -> bool:
    return bool(PLURAL.search(text)) and not re.search(r"\b(?:i|my)\b|我(?!们)", text)
