"""A small language model, trained here on replies of a templated one, takes its place in the product."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.packs import EN, LEXICON
from evalloop_assets.simulator.policies import Spoken
from evalloop_assets.simulator.serve import serve
from evalloop_assets.simulator.text import sample_replies
from evalloop_assets.simulator.users import People
from evalloop_assets_tests.simulator.served import rows, small
from evalloop_assets_tests.simulator.test_text import prompts

REPLIES, EPOCHS, LONGEST = 1_000, 6, 90


class WordModel(nn.Module):
    """The next word from the words before it."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        words = [text.split() for text in texts]
        self.words = ["", *sorted({word for row in words for word in row})]
        self.number = {word: number for number, word in enumerate(self.words)}
        self.embed = nn.Embedding(len(self.words), 64)
        self.gru = nn.GRU(64, 160, batch_first=True)
        self.out = nn.Linear(160, len(self.words))
        rows = [[0, *(self.number[word] for word in row), 0][: LONGEST + 1] for row in words]
        self.rows = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=-1)

    def train_on_rows(self) -> None:
        torch.manual_seed(0)
        optimiser = torch.optim.Adam(self.parameters(), lr=4e-3)
        for _ in range(EPOCHS):
            for batch in self.rows[torch.randperm(len(self.rows))].split(64):
                seen, wanted = batch[:, :-1].clamp(min=0), batch[:, 1:]
                guess = self.out(self.gru(self.embed(seen))[0])
                loss = nn.functional.cross_entropy(guess.flatten(0, 1), wanted.flatten(), ignore_index=-1)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    @torch.no_grad()
    def speak(self, asked: list[Prompt]) -> list[str]:
        chance = torch.Generator().manual_seed(len(asked))
        word, state = torch.zeros(len(asked), 1, dtype=torch.long), None
        written = []
        for _ in range(LONGEST):
            hidden, state = self.gru(self.embed(word), state)
            word = torch.multinomial(torch.softmax(self.out(hidden[:, -1]) / 0.7, dim=1), 1, generator=chance)
            written.append(word)
        texts = []
        for row in torch.cat(written, dim=1).tolist():
            ended = row.index(0) if 0 in row else len(row)
            texts.append(" ".join(self.words[number] for number in row[:ended]))
        return texts


@pytest.fixture(scope="module")
def model() -> WordModel:
    torch.set_num_threads(1)
    asked = replace(prompts(REPLIES), pack=np.full(REPLIES, EN))
    replies = sample_replies(INCUMBENT, asked, 1, np.random.default_rng(1), LEXICON)
    trained = WordModel([one.text for (one,) in replies])
    trained.train_on_rows()
    return trained


def test_a_trained_model_is_served_and_its_text_judged_by_the_same_oracle(model, tmp_path):
    scenario = small("thin", 80)
    english = replace(scenario, conditions=replace(scenario.conditions, people=People(english=1.0)))
    policies = {"steady": Spoken(replace(INCUMBENT, model_id="steady", kind="candidate"), model.speak)}
    serve(english, Settings(home=tmp_path), 1, days=5, policies=policies)
    said = [text for (text,) in rows(tmp_path, "SELECT reply_text FROM turns WHERE model_id = 'steady'")]
    assert len(said) > 200
    known = np.concatenate([np.array(LEXICON.read(text)) >= 0 for text in said])
    assert known.mean() > 0.6
    [(quality, dull)] = rows(
        tmp_path,
        """SELECT avg(quality) FILTER (model_id = 'steady'), avg(quality) FILTER (model_id = 'incumbent')
           FROM truth_turns""",
    )
    assert -1.0 < quality < dull
