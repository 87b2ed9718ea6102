"""From text to clauses: what each is about, whom it speaks of, whether it denies, in English and Chinese.

No parser and no model: closed-class words, the everyday concepts of `concepts.yaml`, and stems (English) or pairs of
characters (Chinese) of all else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

MOST_CHARS = 2_000
"""Of one text, from its beginning, that are read."""

SELF, OTHER, THIRD, OPEN = "self", "other", "third", ""
HAN = re.compile("[\u3400-\u9fff]")


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


class Lexicon(NamedTuple):
    """The words of `concepts.yaml`, ready to be found."""

    english: Mapping[str, tuple[tuple[str, int], ...]]
    """Stem to concepts with sign."""
    phrases: tuple[tuple[re.Pattern[str], str, int], ...]
    """English of several words."""
    any_phrase: re.Pattern[str]
    chinese: re.Pattern[str]
    meanings: Mapping[str, tuple[tuple[str, int], ...]]
    """Chinese word to concepts with sign."""


LIKE = "@@attitude"
NUMBERS = {
    word: number
    for number, words in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
    for word in (words,)
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100, "both": 2, "couple": 2}
HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九十")} | {"两": 2, "俩": 2}

IRREGULAR = {
    form: stem
    for stem, forms in {
        "swim": "swam swum swimming", "write": "wrote written writing", "sing": "sang sung", "drive": "drove driven",
        "lose": "lost losing", "leave": "left leaving", "keep": "kept", "grow": "grew grown", "run": "ran running",
        "have": "has had having", "be": "am is are was were been being", "do": "does did done doing",
        "go": "goes went gone", "drink": "drank drunk", "eat": "ate eaten", "speak": "spoke spoken", "fight": "fought",
        "buy": "bought", "teach": "taught", "think": "thought", "take": "took taken", "get": "got gotten getting",
        "make": "made making", "come": "came", "see": "saw seen", "say": "said", "tell": "told", "know": "knew known",
        "sleep": "slept", "meet": "met", "read": "reading", "child": "children", "man": "men", "woman": "women",
        "wife": "wives", "burn": "burnt burned", "bet": "betting", "hear": "heard", "break": "broke broken",
        "lie": "lied lying", "die": "died", "marry": "married marries", "dive": "dived dove", "smoke": "smoking",
        "wear": "wore worn", "hate": "hated hating", "dance": "dancing", "bake": "baking", "ride": "rode ridden",
        "feel": "felt", "find": "found", "give": "gave given", "win": "won", "sell": "sold", "catch": "caught",
        "frighten": "frightened", "cry": "cried", "teeth": "tooth", "foot": "feet", "cannot": "cant",
        "graduate": "graduated", "retire": "retired", "divorce": "divorced", "scare": "scared scares scary",
    }.items()
    for form in forms.split()
}  # fmt: skip

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
        "nowhere",
    ]
)
CHINESE_NEGATORS = re.compile("从不|从没|从未|没有|没得|不是|不会|不能|不敢|[不没未别无莫非]")
NO_NEGATION = re.compile(
    "不错|没错|不过|不好意思|没事|没关系|不客气|不知不觉|不得不|差不多|不但|不仅|不光|不只|不管|不论|不如|不久|不一会|"
    "不少|不断|不然|无聊|无论|无所谓|无辣不欢|离不得|离不开|特别|别人|别的|区别|分别|个别|告别|非常|未来|未必|不小了|"
    "不怎么样|不用说|没想到|不愧|不止|不禁|不由|忍不住|不可思议|不料|非得|莫非|沉没"
)
ENGLISH_NO_NEGATION = re.compile(
    r"\bnothing more than\b|\bnot only\b|\bno (?:problem|worries|doubt|wonder|matter|longer wait)\b|\bwhy not\b|"
    r"\bnot to mention\b|\bnever mind\b|\bno,|\bcannot wait\b|\bnot just\b|\bnot bad\b|\bno one but\b"
)
NOT_LOVE = re.compile("爱好|爱情|恋爱|可爱|亲爱|爱人|爱心")
A_NOT_A = re.compile("(.)[不没]\\1|是不是|有没有|会不会|能不能|要不要|喜不喜欢|知不知道")
CHINESE_QUESTION = re.compile("[吗么]\\s*$|[你您]呢\\s*$")
CHINESE_WH = re.compile("什么|哪[里儿个位些]|谁|几[个只岁点时]|多少|多大|怎么|为什么|为啥|咋|啥")
ENGLISH_QUESTION = re.compile(
    r"^(?:and |so |but |ok |oh |well |hi |hey )*(?:what|who|whom|whose|when|where|why|which|how|do|does|did|are|is|was|"
    r"were|have|has|can|could|will|would|should|shall|may|am)\b"
)
UNREAL = re.compile(
    r"\bif\b|\bwish\b|\b(?:i|we|it) (?:would|could|might)\b(?! never| not)|\bmaybe\b|\bimagine\b|\bwhether\b|"
    r"\bsuppose\b|\bpretend\b|\bguess\b|如果|要是|假如|假设|希望|也许|可能|或许|好像|听说|万一|的话|想象"
)
PAST = re.compile(
    r"\bused to\b|\bformerly\b|\bback then\b|\bas a (?:kid|child)\b|\banymore\b|\bany more\b|\bno longer\b|"
    "以前|曾经|过去|小时候|当年|不再|后来|将来|以后|打算|现在"
)
FIRST, SECOND = (
    frozenset(["i", "me", "my", "mine", "myself", "we", "us", "our", "ours"]),
    frozenset(["you", "your", "yours", "yourself"]),
)
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
        "there",
        "who",
    ]
)
CHINESE_PERSON = re.compile("我们|咱们|你们|他们|她们|它们|人家|贫道|本人|我|咱|俺|你|您|他|她|它")
CHINESE_SELF = frozenset(["我们", "咱们", "贫道", "本人", "我", "咱", "俺"])

STOP = frozenset(
    ["learn", "try", "start", "begin", "put", "use", "become", "swear", "swore", "sworn", "decide", "manage", "turn", "stand", "sit", "life", "whole", "help", "bring", "ask", "wait", "seem", "stay", "hold", "happen", "believe", "mind", "speak", "talk", "word", "set", 
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "with",
        "from",
        "by",
        "as",
        "be",
        "am",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "will",
        "would",
        "shall",
        "should",
        "can",
        "could",
        "may",
        "might",
        "must",
        "that",
        "this",
        "these",
        "those",
        "there",
        "here",
        "it",
        "its",
        "so",
        "too",
        "very",
        "really",
        "just",
        "also",
        "then",
        "than",
        "now",
        "ever",
        "never",
        "not",
        "no",
        "yes",
        "yeah",
        "yep",
        "nope",
        "oh",
        "well",
        "ok",
        "okay",
        "um",
        "uh",
        "like",
        "lot",
        "lots",
        "some",
        "any",
        "all",
        "most",
        "more",
        "much",
        "many",
        "only",
        "even",
        "still",
        "again",
        "about",
        "into",
        "out",
        "up",
        "down",
        "off",
        "over",
        "under",
        "back",
        "away",
        "i",
        "me",
        "my",
        "mine",
        "we",
        "us",
        "our",
        "you",
        "your",
        "yours",
        "he",
        "she",
        "they",
        "him",
        "her",
        "them",
        "his",
        "their",
        "what",
        "who",
        "whom",
        "when",
        "where",
        "why",
        "which",
        "how",
        "if",
        "because",
        "since",
        "while",
        "though",
        "although",
        "but",
        "however",
        "get",
        "got",
        "one",
        "thing",
        "things",
        "something",
        "anything",
        "nothing",
        "everything",
        "somebody",
        "anybody",
        "nobody",
        "someone",
        "anyone",
        "everyone",
        "know",
        "think",
        "want",
        "say",
        "tell",
        "go",
        "come",
        "make",
        "let",
        "see",
        "look",
        "mean",
        "sure",
        "always",
        "often",
        "sometimes",
        "usually",
        "actually",
        "maybe",
        "please",
        "today",
        "tonight",
        "day",
        "time",
        "way",
        "good",
        "great",
        "nice",
        "bad",
        "own",
        "keep",
        "live",
        "name",
        "call",
        "hi",
        "hello",
        "hey",
        "im",
        "am",
        "lol",
        "haha",
        "people",
        "s",
        "t",
        "d",
        "m",
        "ve",
        "re",
        "ll",
        "u",
        "r",
        "ya",
        "wanna",
        "gonna",
        "cannot",
        "without",
        "before",
        "after",
        "behind",
        "through",
        "bit",
        "kind",
        "sort",
        "everybody",
        "each",
        "other",
        "another",
        "been",
        "being",
        "both",
        "few",
        "same",
        "such",
        "own",
        "every",
        "first",
        "last",
        "next",
        "long",
        "new",
        "old",
        "right",
        "left",
    ]
)
CHINESE_STOP = re.compile(
    "[的了呢吗啊呀吧嘛哦哈呵嗯噢哎唉哇嘿么着过得地是在有和跟与就都也还很太真好挺最更又再才只来去到把被让给对从那这哪谁"
    "我你您他她它们咱个些点儿里上下中前后大小多少年月日天号岁时候么之所以因为但可不没一二三四五六七八九十两几0-9]+|"
    "特别|非常|比较|平时|一般|经常|觉得|知道|什么|怎么|现在|已经|自己|时候|一直|可以|应该|起来|出来|东西|事情|"
    "喜欢|讨厌|想|要|说|看|做|用|能|会|叫|呗|咯|哟|嗨|嘻"
)


def tokens_of(clause: str, han: bool) -> tuple[dict[str, int], int, str]:
    """What a clause is about, each with its sign, the attitude that it shows, and what is left of its words."""
    return _chinese_tokens(clause) if han else _english_tokens(clause)


def clauses_of(text: str, default: str = OPEN) -> list[Clause]:
    """The clauses of a text in their order; `default` is the subject of a clause that names none."""
    found: list[Clause] = []
    for sentence in _sentences(normal(text)):
        han = bool(HAN.search(sentence))
        asked = sentence[-1] in "?？"
        parts = [part.strip() for part in _parts(sentence, han) if part.strip(" .!?。！？,，;；:：")]
        before: Clause | None = None
        for place, part in enumerate(parts):
            question = _asks(part, asked and place == len(parts) - 1, han, sentence[-1] in ".!")
            before = _clause(part, before, default, question, han)
            found.append(before)
    return found


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
    return re.sub(
        r"'(re|ve|ll|d|s|m)\b", lambda found: {"re": " are", "ve": " have", "ll": " will"}.get(found[1], ""), text
    )


_SENTENCE = re.compile(r"[^.!?。！？\n…]+[.!?。！？\n…]*")
_ENGLISH_CLAUSE = re.compile(
    r"[,;:()]+|\b(?:but|because|although|though|while|however|yet|since|for(?= i\b)|so(?= i\b))\b|"
    r"\b(?:and|or)\b(?= (?:i|my|you|your|he|she|it|they|we|never|not|do|have|cannot)\b)|(?<=[a-z]) (?=i (?:am|have|never|cannot)\b)"
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


def _clause(text: str, before: Clause | None, default: str, question: bool, han: bool) -> Clause:
    tokens, attitude, rest = tokens_of(text, han)
    if han:
        denied = len(CHINESE_NEGATORS.findall(A_NOT_A.sub("", NO_NEGATION.sub("", rest)))) % 2 == 1
    else:
        denied = any(word in ENGLISH_NEGATORS for word in WORD.findall(ENGLISH_NO_NEGATION.sub(" ", rest)))
    subject = _subject(text, before, default, han)
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


WORD = re.compile(r"[a-z]+")
REFERS = re.compile(r"\b(?:it|them|one|that|so|word|any)\b")
PLURAL = re.compile(r"\b(?:we|us|our)\b|我们|咱们")
NOBODY = re.compile(r"(?:nobody|no one|nothing|none of|everybody|everyone)\b|没有?人|谁[也都]|人人|大家")
ELLIPSIS_EN = re.compile(
    r"^(?:and |but |or |so |yes |no |well |oh |just |only |always |also |still |currently |really )*"
    r"(?:love|like|hate|enjoy|prefer|adore|have|had|got|never|not|no|am|been|work|live|used|going|trying|single|married)\b"
)
ELLIPSIS_ZH = re.compile("^[不没喜讨有会能想在是就也都很太真还从爱怕养吃喝看听做去来当住学刚快早今已单每偶经从其才只特最非挺比]")


def _subject(text: str, before: Clause | None, default: str, han: bool) -> str:
    """Whom a clause speaks of; where it names nobody, itself as far as it reads like half a sentence."""
    if NOBODY.match(text):
        return THIRD
    if han:
        person = CHINESE_PERSON.search(text)
        if person:
            return SELF if person[0] in CHINESE_SELF else OTHER if person[0][0] in "你您" else THIRD
        if ELLIPSIS_ZH.match(text) or len(text) <= 4:
            return before.subject if before is not None else default
        return THIRD
    if re.match(r"as an? ", text):
        return SELF
    for word in WORD.findall(text):
        if word in FIRST or word in SECOND or word in OTHERS:
            return SELF if word in FIRST else OTHER if word in SECOND else THIRD
    if ELLIPSIS_EN.match(text) or len(text.split()) <= 2:
        return before.subject if before is not None else default
    return THIRD


def _plural(text: str) -> bool:
    return bool(PLURAL.search(text)) and not re.search(r"\b(?:i|my)\b|我(?!们)", text)


def _english_tokens(clause: str) -> tuple[dict[str, int], int, str]:
    lexicon = lexicon_of_concepts()
    found: dict[str, int] = {}
    attitude, rest = 0, clause
    for pattern, concept, sign in lexicon.phrases if lexicon.any_phrase.search(clause) else ():
        if match := pattern.search(clause):
            if concept == LIKE:
                attitude = attitude or sign
            else:
                found[concept] = sign
            rest = rest.replace(match[0], " ")
    for word in WORD.findall(clause):
        root = stem(word)
        for concept, sign in lexicon.english.get(root, ()):
            if concept == LIKE:
                attitude = attitude or sign
            else:
                found.setdefault(concept, sign)
        if (
            root not in lexicon.english
            and root not in STOP
            and word not in STOP
            and len(root) > 2
            and root not in NUMBERS
        ):
            found.setdefault(root, 1)
    return found, attitude, rest


def _chinese_tokens(clause: str) -> tuple[dict[str, int], int, str]:
    lexicon = lexicon_of_concepts()
    found: dict[str, int] = {}
    attitude = 0

    def note(word: re.Match[str]) -> str:
        nonlocal attitude
        for concept, sign in lexicon.meanings[word[0]]:
            if concept == LIKE:
                attitude = attitude or sign
            else:
                found.setdefault(concept, sign)
        return " "

    rest = lexicon.chinese.sub(note, NOT_LOVE.sub(" ", clause))
    content = CHINESE_STOP.sub(" ", NO_NEGATION.sub(" ", CHINESE_NEGATORS.sub(" ", rest)))
    for run in re.findall("[\u3400-\u9fff]+|[a-z]{3,}", content):
        if run[0] < "\u3400":
            found.setdefault(stem(run), 1)
        elif len(run) > 1:
            for place in range(len(run) - 1):
                found.setdefault(run[place : place + 2], 1)
    return found, attitude, rest


@cache
def stem(word: str) -> str:
    """A crude English stem: the same for the inflections of a word, whatever it looks like."""
    if word in IRREGULAR:
        return stem(IRREGULAR[word])
    for ending, kept in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ied", "y"), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is", "news")):
            root = word[: len(word) - len(ending)] + kept
            if ending in ("ing", "ed") and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
                root = root[:-1]
            return root[:-1] if root.endswith("e") and len(root) > 4 else root
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


@cache
def lexicon_of_concepts() -> Lexicon:
    """`concepts.yaml`, read once."""
    import yaml

    given = yaml.safe_load(Path(__file__).with_name("concepts.yaml").read_text(encoding="utf-8"))
    english: dict[str, list[tuple[str, int]]] = {}
    phrases: list[tuple[re.Pattern[str], str, int]] = []
    meanings: dict[str, list[tuple[str, int]]] = {}

    def add(words: list[str], concept: str, sign: int) -> None:
        for word in words[0].split():
            bare, effect = word.removeprefix("-"), -sign if word.startswith("-") else sign
            if "_" in bare or "*" in bare:
                inside = bare.replace("_", " ").replace("*", r"\w*\s+(?:\w+\s+){0,4}?")
                phrases.append((re.compile(rf"\b{inside}"), concept, effect))
            else:
                english.setdefault(stem(bare), []).append((concept, effect))
        for word in words[1].split():
            bare, effect = word.removeprefix("-"), -sign if word.startswith("-") else sign
            meanings.setdefault(bare, []).append((concept, effect))

    for concept, words in given["concepts"].items():
        add(words, f"@{concept}", 1)
    add(given["likes"], LIKE, 1)
    add(given["dislikes"], LIKE, -1)
    longest_first = sorted(meanings, key=len, reverse=True)
    return Lexicon(
        {word: tuple(found) for word, found in english.items()},
        tuple(phrases),
        re.compile("|".join(pattern.pattern for pattern, _, _ in phrases)),
        re.compile("|".join(map(re.escape, longest_first))),
        {word: tuple(found) for word, found in meanings.items()},
    )
