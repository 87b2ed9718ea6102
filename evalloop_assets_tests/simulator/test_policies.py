import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.lexicon import FRAGMENT, GAP
from evalloop_assets.simulator.oracle import appraise
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.policies import BestOfN, Spoken, Templated, replies
from evalloop_assets.simulator.story import Story
from evalloop_assets_tests.simulator.test_text import prompts


def lengths(texts: list[str]) -> np.ndarray:
    return np.array([len(text) for text in texts])


def longer(messages: list[str], texts: list[str]) -> np.ndarray:
    return lengths(texts)


def test_best_of_n_serves_the_candidate_that_the_score_likes_best():
    asked = prompts(300)
    longest = BestOfN(INCUMBENT, 8, longer, "longest").write(asked, np.random.default_rng(0), LEXICON).texts
    shortest = (
        BestOfN(INCUMBENT, 8, lambda m, t: -lengths(t), "shortest")
        .write(asked, np.random.default_rng(0), LEXICON)
        .texts
    )
    assert all(a >= b for a, b in zip(lengths(longest), lengths(shortest), strict=True))
    assert lengths(longest).mean() > 1.1 * lengths(shortest).mean()


def test_best_of_one_is_the_model_itself():
    asked = prompts(50)
    one = BestOfN(INCUMBENT, 1, longer, "one").write(asked, np.random.default_rng(3), LEXICON).texts
    assert one == Templated(INCUMBENT).write(asked, np.random.default_rng(3), LEXICON).texts


def test_best_of_n_by_a_true_score_truly_raises_quality():
    asked = prompts(400)
    rows = np.repeat(np.arange(400), 4)

    def quality(texts: list[str], of) -> np.ndarray:
        return appraise(LEXICON.read_batch(texts), of, Story.untold(len(texts), LEXICON), LEXICON).quality

    policy = BestOfN(INCUMBENT, 4, lambda messages, texts: quality(texts, asked.take(rows)), "bo4")
    best = policy.write(asked, np.random.default_rng(1), LEXICON).texts
    plain = Templated(INCUMBENT).write(asked, np.random.default_rng(1), LEXICON).texts
    assert quality(best, asked).mean() > quality(plain, asked).mean() + 0.3


def test_the_score_sees_the_message_that_each_candidate_answers():
    asked, seen = prompts(20), []

    def score(messages: list[str], texts: list[str]) -> np.ndarray:
        seen.append(messages)
        return lengths(texts)

    BestOfN(INCUMBENT, 3, score, "bo3").write(asked, np.random.default_rng(0), LEXICON)
    assert seen == [[message for message in asked.prompts for _ in range(3)]]


def test_a_candidate_says_what_it_was_made_from_and_costs():
    spec = BestOfN(INCUMBENT, 4, longer, "bo4").spec
    assert (spec.model_id, spec.kind, spec.parent, spec.family) == ("bo4", "candidate", "incumbent", "incumbent")
    assert spec.cost_per_1k_tokens == 4 * INCUMBENT.cost_per_1k_tokens


@pytest.mark.parametrize(
    "score",
    [lambda m, texts: np.zeros(1), lambda m, texts: np.full(len(texts), np.nan), lambda m, t: np.zeros((len(t), 2))],
)
def test_a_score_of_the_wrong_shape_or_not_finite_is_named(score):
    with pytest.raises(UserError, match="policy bo4: its score gave shape"):
        BestOfN(INCUMBENT, 4, score, "bo4").write(prompts(10), np.random.default_rng(0), LEXICON)


STRANGE = replace(INCUMBENT, model_id="strange")


def raises(prompts):
    raise RuntimeError("out of memory")


def hangs(prompts):
    time.sleep(60)


def exits(prompts):
    sys.exit(1)


@pytest.mark.parametrize(
    ("speak", "why"),
    [
        (raises, "out of memory"),
        (hangs, "not answered 3 prompts within 0.2 s"),
        (exits, "SystemExit"),
        (lambda prompts: [b"bytes"] * len(prompts), "3 texts, one per prompt, and returned bytes"),
        (lambda prompts: ["one"], "3 texts, one per prompt, and returned 1 values"),
        (lambda prompts: "abc", "returned str, no list"),
        (lambda prompts: {"a", "b", "c"}, "returned set, no list"),
        (lambda prompts: (text for text in "abc"), "returned generator, no list"),
        (lambda prompts: ["a", " ", "c"], "returned an empty one"),
        (lambda prompts: ["a", "b", "c" * 1_000_001], "1,000,001 characters, above 1,000,000"),
        (lambda prompts: ["a", "b\0", "c"], "NUL character"),
        (lambda prompts: ["fine", None, "fine"], "returned NoneType"),
        (lambda prompts: None, "NoneType"),
        (lambda prompts: ["a", "b", "\ud800"], "not valid Unicode"),
    ],
)
def test_a_policy_that_fails_is_named(speak, why):
    strange = Spoken(STRANGE, speak, time_limit_s=0.2)
    with pytest.raises(UserError, match=why) as caught:
        replies({"strange": strange}, "strange", prompts(3), np.random.default_rng(0), LEXICON)
    assert str(caught.value).startswith("policy ")


def test_a_callable_hears_the_message_the_history_and_the_persona():
    heard = []

    def speak(asked):
        heard.extend(asked)
        return [f"I answer {one.message}" for one in asked]

    asked = replace(prompts(2), history=[("Hello.", "Welcome."), ()], prompts=["Go on.", "Who are you?"])
    texts, ids = replies(
        {"me": Spoken(replace(INCUMBENT, model_id="me"), speak)}, "me", asked, np.random.default_rng(0), LEXICON
    )
    assert texts == ["I answer Go on.", "I answer Who are you?"]
    assert ids.tolist() == LEXICON.read_batch(texts).tolist()
    assert [one.history for one in heard] == [("Hello.", "Welcome."), ()]
    who = LEXICON.packs[asked.pack[0]].characters[asked.character[0]]
    assert heard[0].persona.splitlines() == [who.name, *who.facts]


@pytest.mark.parametrize("cut", [0.0, 0.3])
def test_a_templated_model_knows_what_its_own_text_reads_as(cut):
    policy = Templated(replace(INCUMBENT, cut=cut))
    texts, ids = policy.write(prompts(2000), np.random.default_rng(4), LEXICON)
    read = LEXICON.read_batch(texts)
    for known, again in zip(ids.tolist(), read.tolist(), strict=True):
        assert [i for i in known if i != GAP] == [i for i in again if i != GAP]
    assert (read == FRAGMENT).any(axis=1).mean() == pytest.approx(cut, abs=0.03)


def test_a_model_without_policy_is_named():
    with pytest.raises(UserError, match="model ghost: the flags serve it"):
        replies({}, "ghost", prompts(1), np.random.default_rng(0), LEXICON)


def test_a_policy_under_another_id_than_its_own_is_named():
    with pytest.raises(UserError, match="policy steady: its spec calls it incumbent"):
        replies({"steady": Templated(INCUMBENT)}, "steady", prompts(1), np.random.default_rng(0), LEXICON)
