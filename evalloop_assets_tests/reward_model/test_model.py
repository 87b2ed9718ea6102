import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.bradley_terry import Training
from evalloop_assets.reward_model.calibration import Anchors, Mix
from evalloop_assets.reward_model.embeddings import CachedEncoder, embedding_rows
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.features import features, width
from evalloop_assets.reward_model.history import Exchange, situations
from evalloop_assets.reward_model.logged import log_of
from evalloop_assets.reward_model.model import HORIZONS, RewardModel, Unusable, load, save
from evalloop_assets.reward_model.pairs import read_pairs
from evalloop_assets.reward_model.training import Skipped, Trained, train
from evalloop_assets_tests.reward_model.world import pair_rows, pair_table, reply

ENCODER = HashedNgrams()
MIX = Mix(dict(zip(HORIZONS, (0.2, 0.3, 0.5), strict=True)))
GOOD = "the lantern near the harbour, violin and saffron into the orchard"
BAD = "okay maybe whatever fine thing basically something anyway"


def trained(rows: list[dict], **options: object) -> Trained | Skipped:
    pairs = read_pairs(pair_table(rows), ENCODER)
    return train(pairs, Anchors.of(pairs.difference), Training(**options), MIX, ENCODER.name, "2026-03-05")


@pytest.fixture(scope="module")
def result() -> Trained:
    found = trained(pair_rows(2500))
    assert isinstance(found, Trained)
    return found


@pytest.fixture(scope="module")
def model(result: Trained) -> RewardModel:
    return result.model


def test_tells_preferences_of_unseen_users_from_text(result: Trained):
    accuracy = {r.horizon: r.estimate for r in result.readings if r.metric == "accuracy" and r.source == "all"}
    assert set(accuracy) == {"all", *HORIZONS}
    assert all(estimate.low > 0.7 for estimate in accuracy.values())


def test_scores_good_replies_above_bad_ones(model: RewardModel):
    good, bad = model.score(["tell me more"] * 2, [GOOD, BAD])
    assert good > bad + 1


def test_a_blank_or_missing_reply_is_nan_and_the_others_are_judged(model: RewardModel):
    scores = model.score([None, "hi", "hi", "hi"], [GOOD, "", None, " \n"])
    assert np.isfinite(scores[0])
    assert np.isnan(scores[1:]).all()
    assert model.score([], []).shape == (0,)


def test_odd_replies_are_judged(model: RewardModel):
    assert np.isfinite(model.score(["hi"] * 3, ["word " * 10_000, "\ud800", "🙂"])).all()


def test_messages_and_replies_must_match(model: RewardModel):
    with pytest.raises(ValueError, match="1 messages but 2 replies"):
        model.score(["hi"], ["a", "b"])


def test_the_message_and_the_history_alone_earn_nothing():
    """Whatever was said before, the place of a reply without a word is worth the same."""
    histories = [[], [Exchange("a splendid question", "a splendid lantern", 20.0)], [Exchange("meh", "whatever", 9e5)]]
    found = features(situations(["a splendid question about lanterns", "meh", ""], [""] * 3, histories), ENCODER)
    assert (found == found[0]).all()


def test_files_give_the_same_scores(model: RewardModel, tmp_path: Path):
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.version == model.version
    np.testing.assert_array_equal(again.score(["hi"] * 2, [GOOD, BAD]), model.score(["hi"] * 2, [GOOD, BAD]))
    assert sorted(file.name for file in (tmp_path / "m").iterdir()) == ["config.json", "weights.safetensors"]


@pytest.mark.parametrize("damage", ["config.json", "weights.safetensors"])
def test_a_damaged_or_missing_file_is_one_clear_line(model: RewardModel, tmp_path: Path, damage: str):
    save(model, tmp_path)
    (tmp_path / damage).write_bytes(b"{}")
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / damage).unlink()
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path)


def test_features_that_are_not_finite_are_refused(model: RewardModel):
    with pytest.raises(ValueError, match="NaN or infinity"):
        model.values(np.full((1, width(ENCODER.dimension)), np.nan, np.float32))


def test_a_cache_in_front_changes_no_score(model: RewardModel):
    cache = CachedEncoder(ENCODER, embedding_rows([GOOD, "hi"], ENCODER))
    np.testing.assert_allclose(model.score(["hi"] * 2, [GOOD, BAD], cache), model.score(["hi"] * 2, [GOOD, BAD]))


def test_an_older_format_says_to_train_again(model: RewardModel, tmp_path: Path):
    save(model, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["format"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(Unusable, match=r"its format is 1, this release reads 2\. Train again"):
        load(tmp_path)


def test_vectors_of_another_encoder_are_refused(model: RewardModel):
    class Other(HashedNgrams):
        name = "other/1"

    with pytest.raises(UserError, match="other/1"):
        model.score(["hi"], [GOOD], Other())


def test_same_pairs_give_the_same_version(result: Trained):
    again = trained(list(reversed(pair_rows(2500))))
    assert isinstance(again, Trained)
    assert again.model.version == result.model.version


def labelled(label: str, count: int = 400) -> list[dict]:
    return [row | dict.fromkeys(HORIZONS, label) for row in pair_rows(count)]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "no pairs"),
        (labelled("tie"), "ties or censored"),
        (labelled("censored"), "ties or censored"),
        (pair_rows(30), "are needed"),
    ],
)
def test_nothing_to_learn_is_skipped_with_the_reason(rows: list[dict], why: str):
    found = trained(rows)
    assert isinstance(found, Skipped)
    assert why in found.reason


def test_only_one_side_ever_preferred_is_no_obstacle():
    """Every label says A: the pairs are written with the winner first, and the model learns from their difference."""
    rows = []
    for row in pair_rows(2500):
        flip = row["immediate"] == "B"
        sides = {"reply_a": row["reply_b"], "reply_b": row["reply_a"]} if flip else {}
        rows.append(row | sides | {"delayed_5": "censored", "delayed_session": "censored"})
        rows[-1]["immediate"] = "A" if row["immediate"] in "AB" else row["immediate"]
    found = trained(rows)
    assert isinstance(found, Trained)
    good, bad = found.model.score(["hi"] * 2, [GOOD, BAD])
    assert good > bad


def test_length_that_sways_people_does_not_sway_the_reward():
    """Labels go by quality and by length; without the covariate the reward learns both, with it quality alone."""
    draw = np.random.default_rng(4)
    rows = []
    for row in pair_rows(3000):
        (reply_a, good_a), (reply_b, good_b) = (reply(draw, int(draw.integers(4, 40))) for _ in range(2))
        longer = np.log(len(reply_a) / len(reply_b))
        first = draw.random() < 1 / (1 + np.exp(-6 * (good_a - good_b) - 2 * longer))
        rows.append(row | {"reply_a": reply_a, "reply_b": reply_b} | dict.fromkeys(HORIZONS, "A" if first else "B"))
    pairs = read_pairs(pair_table(rows), ENCODER)
    blind = pairs._replace(log_length_ratio=np.zeros(len(pairs.ids)))
    fresh = [reply(draw, int(draw.integers(4, 40))) for _ in range(800)]
    texts, quality = [text for text, _ in fresh], [good for _, good in fresh]
    lengths = np.log([len(text) for text in texts])
    sway, truth = {}, {}
    for name, part in (("covariate", pairs), ("none", blind)):
        found = train(part, Anchors.of(part.difference), Training(), MIX, ENCODER.name, "2026-03-05")
        assert isinstance(found, Trained)
        rewards = found.model.score(["hi"] * 800, texts)
        sway[name] = np.corrcoef(rewards, lengths)[0, 1]
        truth[name] = np.corrcoef(rewards, quality)[0, 1]
    assert abs(sway["covariate"]) < 0.6 * sway["none"]
    assert truth["covariate"] > truth["none"] + 0.05


def test_users_who_mind_repetition_make_a_reward_that_minds_it():
    """Both sides answer the same message with equally good words; the one that had been said before loses."""
    draw = np.random.default_rng(3)
    said, rows = [], []
    for at, row in enumerate(pair_rows(900)):
        old, new = reply(draw)[0], reply(draw)[0]
        said += [(f"c{at}", 0.0, "hi", old), (f"c{at}", 60.0, row["user_text_a"], "so")]
        sides = {"reply_a": old, "reply_b": new} if at % 2 else {"reply_a": new, "reply_b": old}
        events = {"event_id_a": f"e{2 * at + 1}", "event_id_b": f"e{2 * at + 1}"}
        rows.append(row | sides | events | dict.fromkeys(HORIZONS, "B" if at % 2 else "A"))
    names = ("event_id", "conversation_id", "seconds", "user_text", "reply_text")
    columns = zip(*((f"e{at}", *row) for at, row in enumerate(said)), strict=True)
    log = log_of(
        pa.table({name: list(column) for name, column in zip(names, columns, strict=True)}),
        pa.table({"event_id": pa.array([], pa.string()), "kept_event_id": pa.array([], pa.string())}),
    )
    pairs = read_pairs(pair_table(rows), ENCODER, log)
    anchors = Anchors.of(
        features(situations(["hi"] * 50, [GOOD, BAD] * 25, [[Exchange("hi", GOOD, 60.0)]] * 50), ENCODER)
    )
    found = train(pairs, anchors, Training(), MIX, ENCODER.name, "2026-03-05")
    assert isinstance(found, Trained)
    history = [Exchange("hi", GOOD, 60.0)]
    fresh, repeated = found.model.score(["hi"] * 2, [GOOD] * 2, histories=[[Exchange("hi", BAD, 60.0)], history])
    assert fresh > repeated
    parts = found.model.components(["hi"] * 2, [GOOD] * 2, histories=[[Exchange("hi", BAD, 60.0)], history])
    assert parts.r_base[0] == pytest.approx(parts.r_base[1])
    assert parts.r_progress[0] > parts.r_progress[1]
    accuracy = next(r.estimate for r in found.readings if (r.metric, r.horizon, r.source) == ("accuracy", "all", "all"))
    assert accuracy.value > 0.9
