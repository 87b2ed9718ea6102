"""A small reward model whose rewards are known by their order: cheerful words win."""

import numpy as np

from evalloop_assets.reward_model.bradley_terry import Training
from evalloop_assets.reward_model.calibration import Anchors
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.model import HORIZONS, RewardModel
from evalloop_assets.reward_model.pairs import read_pairs
from evalloop_assets.reward_model.training import Trained, train
from evalloop_assets_tests.reward_model.world import CHEERFUL, DULL, pair_rows, pair_table

MERRY, DREARY = " ".join(CHEERFUL), " ".join(DULL)


def small_model() -> RewardModel:
    pairs = read_pairs(pair_table(pair_rows(800)), HashedNgrams())
    anchors = Anchors.of(np.concatenate([pairs.a, pairs.b])[:200])
    weights = dict.fromkeys(HORIZONS, 1.0)
    found = train(pairs, anchors, Training(hidden=0, epochs=6), weights, HashedNgrams.name, "2026-03-05")
    assert isinstance(found, Trained)
    return found.model
