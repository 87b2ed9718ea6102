import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from evalloop_assets.policy_iteration.prompts import MOST_CHARS, Prompt, prompt_text

ASKED = Prompt("And then?", ("Hello", "Good evening.", "Go on", "The bell rings."), "Mara\nMara drinks tea.", "en-GB")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))


def test_persona_last_exchange_and_message(tokenizer: PreTrainedTokenizerFast):
    assert prompt_text(ASKED, tokenizer, "Stay in character.", 1) == (
        "Stay in character.\nMara\nMara drinks tea.\nUser: Go on\nReply:\nThe bell rings.\nUser: And then?\nReply:\n"
    )


def test_nothing_but_the_message(tokenizer: PreTrainedTokenizerFast):
    bare = ASKED._replace(persona="", history=())
    assert prompt_text(bare, tokenizer, "", 3) == prompt_text(bare, tokenizer, "", 0) == "User: And then?\nReply:\n"


def test_a_tokenizer_s_own_template_goes_first(tokenizer: PreTrainedTokenizerFast):
    own = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    own.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    assert prompt_text(ASKED._replace(persona=""), own, "", 0) == "<user>And then?<assistant>"


def test_a_message_of_50_000_characters_is_cut(tokenizer: PreTrainedTokenizerFast):
    long = Prompt("x" * 50_000, (), "", "")
    assert len(prompt_text(long, tokenizer, "", 0)) == MOST_CHARS + len("User: \nReply:\n")
