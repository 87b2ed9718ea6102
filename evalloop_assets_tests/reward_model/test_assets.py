from collections.abc import Callable
from datetime import date, timedelta

import pytest

from evalloop_assets.lake.assets import STEPS, Frame, run_frames
from evalloop_assets.lake.days import Days
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets.reward_model import assets, checks  # noqa: F401
from evalloop_assets.reward_model.daily import train_day
from evalloop_assets.reward_model.embeddings import embedding_rows
from evalloop_assets.reward_model.encoder import HashedNgrams, text_hash
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.registry import find_champion, load_champion
from evalloop_assets.reward_model.scoring import score_day
from evalloop_assets.reward_model.tables import REWARD_MODEL_REPORT, REWARDS, TURN_EMBEDDINGS
from evalloop_assets.settings import Settings
from evalloop_assets_tests.reward_model.world import DAY, fill, pair_rows, turn_rows
