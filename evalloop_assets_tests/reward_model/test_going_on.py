"""What is kept from the last call changes nothing: the oracle is a reader that begins anew each time."""

import tracemalloc

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model import lexical
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.going_on import LastRead, Readers
from evalloop_assets.reward_model.history import Exchange
from evalloop_assets.reward_model.lexical import WORD, WORD_ASCII
from evalloop_assets.reward_model.reader import Judgement, Reader
from evalloop_assets_tests.reward_model.test_quality import ADVANCING, EMPTY

TAU = 600.0
SAID = [
    ("Hello", ADVANCING[0]),
    ("Go on", ADVANCING[1]),
    (None, None),
    ("And then?", ADVANCING[0]),
    ("Hm", EMPTY),
]


class Chat:
    """A conversation whose exchanges were told at these seconds."""

    def __init__(self, *told: float) -> None:
        self.told = told

    def before(self, turn: int, now: float) -> list[Exchange]:
        """The first exchanges, as they are told of at that moment."""
        return [Exchange(*SAID[at], now - self.told[at]) for at in range(turn)]


ASKED = "And then?"
CANDIDATES = [ADVANCING[0], EMPTY]


def judged(readers: Readers, histories: list[list[Exchange]]) -> list[tuple[float, ...]]:
    """Two candidates after each history."""
    shared = [history for history in histories for _ in CANDIDATES]
    return told(readers.judged([ASKED] * len(shared), CANDIDATES * len(histories), shared))


def afresh(histories: list[list[Exchange]]) -> list[tuple[float, ...]]:
    """The same by a reader that begins anew for each history, on a clock that stands at 0 when it judges."""
    found = []
    for history in histories:
        reader = Reader(TAU)
        for exchange in history:
            reader.remember(exchange.user_text, exchange.reply, -exchange.seconds)
        found += [reader.judge(ASKED, reply, 0.0) for reply in CANDIDATES]
    return told(found)


def told(found: list[Judgement]) -> list[tuple[float, ...]]:
    return [(*one[:3], *one.penalty) for one in found]


def test_histories_that_grow_are_judged_as_if_read_from_their_start():
    chats = [Chat(0, 10, 20, 30, 40), Chat(0, 10, 20, 30, 40), Chat(0, 500, 1_000, 2_000, 4_000)]
    readers = Readers(TAU)
    for turn in range(len(SAID) + 1):
        histories = [chat.before(turn, chat.told[turn - 1] + 7.25 if turn else 0.0) for chat in chats]
        found = judged(readers, histories)
        assert np.allclose(found, afresh(histories), atol=1e-9)
    assert not np.allclose(found[0:2], found[4:6], atol=1e-3)  # of the same words an older memory is another one


@pytest.mark.parametrize("turn", [2, 3])
def test_a_reply_written_anew_and_a_later_moment_have_the_same_history(turn: int):
    chat, readers = Chat(0, 10, 20, 30, 40), Readers(TAU)
    for now in (25.0, 60.0, 900.0):
        history = chat.before(turn, now)
        assert np.allclose(judged(readers, [history]), afresh([history]), atol=1e-9)


def test_the_same_words_at_other_times_are_another_history():
    readers = Readers(TAU)
    judged(readers, [Chat(0, 10, 20).before(2, 15.0)])
    other = Chat(0, 5_000, 5_010).before(3, 5_020.0)
    assert np.allclose(judged(readers, [other]), afresh([other]), atol=1e-9)


def test_one_history_twice_in_one_call_and_taken_up_twice_is_two_memories():
    """Two conversations that began alike: one goes on, one stands, and each is another's beginning."""
    chat, readers = Chat(0, 10, 20, 30, 40), Readers(TAU)
    for turns in ([2, 2], [2, 3, 2], [3, 2, 4, 3], [5, 4, 3, 0, 4]):
        histories = [chat.before(turn, 47.0) for turn in turns]
        assert np.allclose(judged(readers, histories), afresh(histories), atol=1e-9)


def test_what_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch):
    remembered = []
    remember = Reader.remember
    monkeypatch.setattr(Reader, "remember", lambda *given: (remembered.append(given[2]), remember(*given)))
    chat, readers = Chat(0, 10, 20, 30, 40), Readers(TAU)
    for turn in range(len(SAID) + 1):
        judged(readers, [chat.before(turn, 50.0)])
    assert remembered == [reply for _, reply in SAID]


@pytest.mark.parametrize(("kept", "again"), [(7, 0), (6, 4), (3, 4), (2, 7), (0, 7)])
def test_no_more_exchanges_are_kept_than_allowed_and_those_that_are_not_are_read_again(monkeypatch, kept, again):
    """A history of three exchanges and one of four."""
    histories = [Chat(0, 10, 20, 30).before(3, 50.0), Chat(0, 11, 21, 31).before(4, 50.0)]
    readers, remembered, remember = Readers(TAU, kept), [], Reader.remember
    judged(readers, histories)
    monkeypatch.setattr(Reader, "remember", lambda *given: (remembered.append(given), remember(*given)))
    found = judged(readers, histories)
    assert len(remembered) == again
    assert np.allclose(found, afresh(histories), atol=1e-9)


def test_vectors_are_those_of_the_encoder_and_encoded_once():
    asked: list[str] = []

    class Counting(HashedNgrams):
        def encode(self, texts):
            asked.extend(texts)
            return super().encode(texts)

    kept = LastRead(Counting())
    for texts in (["a b", "c d", "a b"], ["c d", "e f", ""], ["a b"], []):
        assert (kept.encode(texts) == HashedNgrams().encode(texts)).all()
    assert asked == ["a b", "c d", "e f", "", "a b"]


def test_an_encoder_that_gives_no_vector_for_a_text_is_told_with_its_name():
    class Short(HashedNgrams):
        def encode(self, texts):
            return super().encode(texts)[1:]

    with pytest.raises(UserError, match=f"text encoder '{Short().name}': it gave an array of shape"):
        LastRead(Short()).encode(["a b", "c d"])


def test_what_is_kept_of_texts_has_a_bound_however_long_they_and_their_words_are():
    han = ["".join(chr(0x4E00 + at + number) for at in range(lexical.MOST_KEPT)) for number in range(20)]
    pictures = [f"{number}" + "f" * 20_000 for number in range(20)]
    lexical.grams(han)  # the hashes of the words themselves are kept once
    lexical._kept_words.cache_clear()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        lexical.grams(han)
        a_text = (tracemalloc.get_traced_memory()[0] - before) / len(han)
        before = tracemalloc.get_traced_memory()[0]
        lexical.grams(pictures)
        pictured = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 8 * lexical.MOST_KEPT < a_text < 200 * 2**20 / lexical._kept_words.cache_parameters()["maxsize"]
    assert pictured < 100_000 < sum(map(len, pictures))


def test_words_of_ascii_are_the_same_either_way():
    text = "".join(map(chr, range(128))) + " it's snake_case, 42 times; don't\tstop\n\x1c__ a-b"
    assert WORD_ASCII.findall(text) == WORD.findall(text)
    assert len(WORD.findall(text)) > 10
