import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.lexicons import LEXICON
from evalloop_assets.simulator.oracle import appraise
from evalloop_assets.simulator.policies import BestOfN, Templated, replies
from evalloop_assets.simulator.story import Story
from evalloop_assets_tests.simulator.test_text import prompts


class Foreign:
    """Any callable in a model's place."""

    spec = INCUMBENT

    def __init__(self, write):
        self.write = write

    def reply_batch(self, contexts, rng):
        return self.write(contexts)


def lengths(texts: list[str]) -> np.ndarray:
    return np.array([len(text) for text in texts])


def longer(messages: list[str], texts: list[str]) -> np.ndarray:
    return lengths(texts)


def test_best_of_n_serves_the_candidate_that_the_score_likes_best():
    asked = prompts(300)
    longest = BestOfN(INCUMBENT, 8, longer, "longest").reply_batch(asked, np.random.default_rng(0))
    shortest = BestOfN(INCUMBENT, 8, lambda m, t: -lengths(t), "shortest").reply_batch(asked, np.random.default_rng(0))
    assert all(a >= b for a, b in zip(lengths(longest), lengths(shortest), strict=True))
    assert lengths(longest).mean() > 1.1 * lengths(shortest).mean()


def test_best_of_one_is_the_model_itself():
    asked = prompts(50)
    one = BestOfN(INCUMBENT, 1, longer, "one").reply_batch(asked, np.random.default_rng(3))
    assert one == Templated(INCUMBENT).reply_batch(asked, np.random.default_rng(3))


def test_best_of_n_by_a_true_score_truly_raises_quality():
    asked = prompts(400)
    rows = np.repeat(np.arange(400), 4)

    def quality(texts: list[str], of) -> np.ndarray:
        return appraise(LEXICON.read_batch(texts), of, Story.untold(len(texts), LEXICON), LEXICON).quality

    policy = BestOfN(INCUMBENT, 4, lambda messages, texts: quality(texts, asked.take(rows)), "bo4")
    best = policy.reply_batch(asked, np.random.default_rng(1))
    plain = Templated(INCUMBENT).reply_batch(asked, np.random.default_rng(1))
    assert quality(best, asked).mean() > quality(plain, asked).mean() + 0.3


def test_the_score_sees_the_message_that_each_candidate_answers():
    asked, seen = prompts(20), []

    def score(messages: list[str], texts: list[str]) -> np.ndarray:
        seen.append(messages)
        return lengths(texts)

    BestOfN(INCUMBENT, 3, score, "bo3").reply_batch(asked, np.random.default_rng(0))
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
        BestOfN(INCUMBENT, 4, score, "bo4").reply_batch(prompts(10), np.random.default_rng(0))


def raises(contexts):
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (raises, "out of memory"),
        (lambda contexts: [b"bytes"] * len(contexts), "3 texts"),
        (lambda contexts: ["one"], "3 texts"),
        (lambda contexts: None, "3 texts"),
    ],
)
def test_a_policy_that_fails_is_named(write, why):
    with pytest.raises(UserError, match=why):
        replies({"strange": Foreign(write)}, "strange", prompts(3), np.random.default_rng(0))


def test_a_model_without_policy_is_named():
    with pytest.raises(UserError, match="model ghost: the flags serve it"):
        replies({}, "ghost", prompts(1), np.random.default_rng(0))
