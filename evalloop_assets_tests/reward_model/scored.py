"""A small reward model whose rewards are known by their order: cheerful words win."""

from evalloop_assets.reward_model.bradley_terry import Training
from evalloop_assets.reward_model.calibration import Anchors, Mix
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.model import HORIZONS, RewardModel
from evalloop_assets.reward_model.pairs import read_pairs
from evalloop_assets.reward_model.training import Trained, train
from evalloop_assets.settings import RewardSettings
from evalloop_assets_tests.reward_model.world import CHEERFUL, DULL, pair_rows, pair_table

MERRY, DREARY = " ".join(CHEERFUL), " ".join(DULL)
GATE = Gate.of(RewardSettings())


def small_model() -> RewardModel:
    pairs = read_pairs(pair_table(pair_rows(800)), HashedNgrams())
    mix = Mix(dict.fromkeys(HORIZONS, 1.0))
    found = train(pairs, Anchors.of(pairs.difference[:200]), Training(), mix, HashedNgrams.name, "2026-03-05")
    assert isinstance(found, Trained)
    return found.model
