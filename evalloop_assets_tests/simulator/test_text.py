from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from evalloop_assets.simulator.demo_cast import CAST, DULL, INCUMBENT, PADDED, PLAIN, RICH
from evalloop_assets.simulator.lexicon import GAP, Kind
from evalloop_assets.simulator.packs import EN, LEXICON, ZH
from evalloop_assets.simulator.story import NO_HOOK, Contexts
from evalloop_assets.simulator.text import compose, sample_replies, say, texts_of


def prompts(n: int, seed: int = 0, hooks: bool = False) -> Contexts:
    rng = np.random.default_rng(seed)
    return Contexts(
        pack=rng.integers(0, 2, n),
        character=rng.integers(0, LEXICON.n_characters, n),
        item=rng.integers(0, LEXICON.n_items, n),
        hook=rng.integers(0, LEXICON.n_items, n) if hooks else np.full(n, NO_HOOK),
        closing=np.zeros(n, dtype=bool),
        ease=0.5 * rng.standard_normal(n),
        prompts=["?"] * n,
    )


@pytest.mark.parametrize("model", CAST, ids=lambda model: model.model_id)
def test_what_is_written_reads_back_exactly(model):
    asked = prompts(200, hooks=True)
    ids = compose(model, asked, np.random.default_rng(1), LEXICON)
    for row, text in zip(ids, texts_of(ids, asked.pack, LEXICON), strict=True):
        assert LEXICON.read(text) == row[row != GAP].tolist()


def test_each_language_in_its_own_script_only():
    asked = prompts(100)
    texts = texts_of(compose(PADDED, asked, np.random.default_rng(1), LEXICON), asked.pack, LEXICON)
    chinese = [any("\u4e00" <= sign <= "\u9fff" for sign in text) for text in texts]
    assert chinese == (asked.pack == ZH).tolist()


def test_mean_quality_follows_the_latent_quality_of_the_models():
    mean = {
        model.model_id: np.mean(
            [r.true_quality for [r] in sample_replies(model, prompts(3000), 1, np.random.default_rng(2), LEXICON)]
        )
        for model in (DULL, PLAIN, INCUMBENT, RICH, PADDED)
    }
    assert mean["ref-rich"] > mean["incumbent"] + 0.3 > mean["ref-plain"] + 0.3 > mean["ref-dull"] + 0.5
    assert mean["padded"] < mean["incumbent"] - 0.2


@pytest.mark.parametrize(
    ("dimension", "kind"), [("momentum", Kind.ADVANCE), ("instant", Kind.DETAIL), ("payoff", Kind.HOOK)]
)
def test_each_latent_dimension_shows_as_its_kind_of_sentence(dimension, kind):
    def share(value: float) -> float:
        ids = compose(replace(INCUMBENT, **{dimension: value}), prompts(2000), np.random.default_rng(3), LEXICON)
        return float(np.mean((np.where(ids >= 0, LEXICON.kind[ids], GAP) == kind).any(axis=1)))

    assert share(0.85) > share(0.5) + 0.08 > share(0.15) + 0.16


def test_freshness_shows_as_variety_and_stability_as_kept_facts():
    def ids(**changed: float) -> np.ndarray:
        return compose(replace(INCUMBENT, **changed), prompts(2000), np.random.default_rng(4), LEXICON)

    def shares(rows: np.ndarray, kind: Kind) -> np.ndarray:
        used = LEXICON.template[rows[(rows >= 0) & (np.where(rows >= 0, LEXICON.kind[rows], GAP) == kind)]]
        return np.sort(np.bincount(used)[np.bincount(used) > 0] / len(used))[::-1]

    assert shares(ids(freshness=0.1), Kind.ADVANCE)[:2].sum() > 0.8
    assert shares(ids(freshness=0.95), Kind.ADVANCE)[:2].sum() < 0.4
    stable = ids(stability=1.0)
    assert not (np.where(stable >= 0, LEXICON.kind[stable], GAP) == Kind.BREAK).any()


def test_candidates_for_one_prompt_differ_in_quality_and_their_best_is_better():
    groups = sample_replies(INCUMBENT, prompts(1500), 4, np.random.default_rng(5), LEXICON)
    quality = np.array([[reply.true_quality for reply in group] for group in groups])
    assert quality.shape == (1500, 4)
    within = quality.std(axis=1).mean()
    assert within > 0.25
    assert quality.max(axis=1).mean() > quality.mean() + 0.35


def test_quality_can_be_learned_from_the_text_alone():
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import Ridge

    groups = sample_replies(INCUMBENT, prompts(3000, hooks=True), 1, np.random.default_rng(6), LEXICON)
    texts, quality = zip(*(group[0] for group in groups), strict=True)
    seen = HashingVectorizer(analyzer="char", ngram_range=(2, 3), n_features=2**12).transform(texts)
    model = Ridge(10).fit(seen[:2000], quality[:2000])
    assert spearmanr(model.predict(seen[2000:]), quality[2000:]).statistic > 0.8


@pytest.mark.parametrize("pack", [EN, ZH])
def test_length_hardly_tells_quality_within_a_model_and_language(pack):
    asked = prompts(4000)
    groups = sample_replies(INCUMBENT, asked, 1, np.random.default_rng(7), LEXICON)
    chars = np.array([len(group[0].text) for group in groups])[asked.pack == pack]
    quality = np.array([group[0].true_quality for group in groups])[asked.pack == pack]
    assert abs(np.corrcoef(chars, quality)[0, 1]) < 0.2


def test_a_farewell_is_answered_with_one():
    asked = replace(prompts(50), closing=np.ones(50, dtype=bool))
    ids = compose(PADDED, asked, np.random.default_rng(8), LEXICON)
    kinds = np.where(ids >= 0, LEXICON.kind[ids], GAP)
    assert set(np.unique(kinds).tolist()) == {GAP, Kind.ECHO, Kind.CLOSE}
    assert (kinds == Kind.CLOSE).sum() == 50


def test_a_kept_promise_names_the_item_that_was_promised():
    asked = prompts(2000, hooks=True)
    ids = compose(RICH, asked, np.random.default_rng(9), LEXICON)
    row, column = np.nonzero(np.where(ids >= 0, LEXICON.kind[ids], GAP) == Kind.PAYOFF)
    assert len(row) > 300
    assert (LEXICON.filler[ids[row, column]] == asked.hook[row]).all()


def test_users_say_what_their_kind_of_message_is():
    said = say(
        np.array([Kind.SAY_FAREWELL] * 2),
        np.array([EN, ZH]),
        np.array([0, 0]),
        np.random.default_rng(0),
        LEXICON,
    )
    assert any(word in said[0].lower() for word in ("bye", "thank"))
    assert any(word in said[1] for word in ("谢谢", "再见", "晚安"))
