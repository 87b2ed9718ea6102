"""The words that the text measures know, English and Chinese: common ones, soothing templates, signs of emotion.

They are of the language, not of any product: what a sentence says beyond them is taken for content.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMMON_WORDS = _words(
    """
    a an the this that these those here there it its it's i i'm i've i'd i'll me my mine myself we us our ours you your
    yours you're you've you'd you'll yourself he him his she her hers they them their who whom whose what which when
    where why how and or but nor so yet if then than as of in on at to for from by with without about into onto over
    under up down out off through between after before again also too very really quite rather just only even still
    ever never always often sometimes maybe perhaps well now not no yes yeah ok okay oh hm hmm ah wow hey please thanks
    be is isn't are aren't was wasn't were been being am do does don't did didn't done doing have has had having will
    won't would can can't could should shall may might must let let's get gets got go goes going went gone come comes
    came make makes made take takes took say says said tell told know knows knew think thinks thought feel feels felt
    feeling feelings want wants need needs like likes see sees saw look looks find seem seems mean means keep way ways
    thing things something anything everything nothing someone anyone everyone one ones kind sort lot lots bit part
    side sides point case time times day end all any each every both some many much more most few less least other
    others another same different such own certain sure true good great nice fine bad big little new old right wrong
    whole real interesting important possible course fact matter matters sense reason question idea because since while
    though although however of that's there's what's who's he's she's we're we've we'll they're it'll doesn't wouldn't
    couldn't shouldn't haven't hasn't cannot am worth ask talk talking try trying use used let put give gave given
    """
)
"""English words that hold the sentence together or stand for anything; contracted forms included."""

COMMON_HAN = frozenset(
    "的了是我你您他她它们們在有和与與就都也又还還很太真好不没沒无無这這那哪什么麼吗嗎呢吧啊呀嘛哦嗯哎唉个個些一二两兩几幾"
    "上下里裡中到来來去过過着著得地把被让讓给給对對向从從为為以于於而且但却卻如果因所其之会會能可要想说說看知道觉覺得"
    "做用事情时時候样樣子点點多少大小最更再才只总總是非常许許每各种種件方面本已经經直边邊然后後前当當自己谁誰怎"
)
"""Chinese characters that hold the sentence together or stand for anything, simplified and traditional."""

SOOTHING_WORDS = _words(
    """
    here alone count lean rely you ok okay fine right alright better out time rush hurry pressure pace valid normal
    natural sense proud doing worry understand hear see yourself breath breaths there hug hugs love hang
    """
)
"""Words of which one is in every English match of SOOTHING."""

SOOTHING = re.compile(
    r"\b(?:i'?m|i am|i'?ll be|i will be) (?:always |right |still )?(?:here|there|by your side)\b"
    r"|\byou(?:'?re| are) (?:not|never) alone|\bnever (?:really )?alone\b|\b(?:count|lean|rely) on me\b|\bgot you\b"
    r"|\b(?:it|this|things|everything)(?:'s|'ll| is| are| will)(?: all)?(?: going to| gonna)?(?: be| get)?(?: all)? "
    r"(?:ok|okay|fine|all ?right|better|work(?:s|ed)? out)\b"
    r"|\btake (?:all )?(?:the|your) time\b|\bno (?:real(?:ly)? )?(?:rush|hurry|pressure)\b|\bat your own pace\b"
    r"|\b(?:feel|feelings?|emotions?)\b.{0,40}\b(?:valid|normal|natural|okay|ok|make sense)\b"
    r"|\bproud of you\b|\byou(?:'?re| are) doing (?:\w+ ){0,2}(?:well|great|good|fine|amazing)\b|\bdon'?t worry\b"
    r"|\bi (?:(?:really|totally|completely|truly|do) )*(?:understand|hear|see) (?:you\b|how you feel)"
    r"|\byou(?:'ve| have)? got this\b|\b(?:kind|gentle|easy) (?:to|with|on) yourself\b|\bdeep breaths?\b"
    r"|\bthere,? there\b|\bsending (?:you )?(?:\w+ )?(?:hugs?|love)\b|\bhang in there\b"
)
"""Comfort that would fit under any message, in English; matched in lower case, within one sentence."""

SOOTHING_HAN = re.compile(
    r"我.{0,3}(?:在这|在這|在呢|陪着|陪著|陪你)|有我(?:在|呢|陪)|不是一[个個]人|不[着著]?急|[别別]急|慢慢[来來]"
    r"|没关系|沒關係|没事的|沒事的|(?:[别別]|不用)(?:担心|擔心|怕|难过|難過)|放[宽寬]心|放心吧|抱抱|摸摸[头頭]"
    r"|[会會](?:没事|沒事|好起[来來]|好的|[过過]去)|我.{0,4}(?:懂|理解|明白)你|你的(?:感受|心情|情绪|情緒)"
    r"|[为為]你.{0,2}[骄驕]傲|你.{0,4}(?:很|非常|超|真)(?:好|棒)|辛苦了|加油"
)
"""The same in Chinese."""

CHARGED_WORDS = _words(
    """
    love loved adore worship forever eternal eternally soulmate soulmates desperate desperately heartbroken shattered
    devastated obsessed passion passionate passionately insane insanely unbelievable incredible amazing perfect
    perfectly absolutely utterly breathtaking ecstatic furious terrified agony die dying kill hate scream screaming
    screamed sobbing trembling omg darling
    """
)
"""English words of strong emotion."""

CHARGED_HAN = re.compile(
    r"[爱愛]死|最[爱愛]|永[远遠]|[疯瘋]了|[发發][疯瘋]|崩[溃潰]|心碎|心痛|[绝絕]望|[离離]不[开開]|死了|去死|恨|天啊|天哪"
    r"|太.{1,4}了|完美|激[动動]|[颤顫]抖|尖叫|哭了|[亲親][爱愛]的|[宝寶][贝貝]"
)
"""Chinese words of strong emotion."""

LOUD = re.compile(r"[!！\u2764\U0001f493-\U0001f49f\U0001f60d\U0001f62d\U0001f525]|[A-Z]{3,}")
"""Exclamation marks, hearts, tears and flames, words in capitals."""

HAN = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’][^\W_\u3400-\u9fff]+)?")
"""One Chinese character, or one word of another script with its apostrophe."""
WORD_ASCII = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)?")
"""The same words in a text that is ASCII and lower case, found in half the time."""

SENTENCE = re.compile(r"[^.!?。！？…\n]+[.!?。！？…\n]*")
