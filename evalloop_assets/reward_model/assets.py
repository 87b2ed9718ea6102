"""Assets of the stage: embeddings, the daily training, rewards."""

from __future__ import annotations

from datetime import date

from evalloop_assets.lake.assets import Frame, Scorer, frame_asset, sql_asset
from evalloop_assets.lake.picture import Picture
from evalloop_assets.lake.store import Inputs
from evalloop_assets.reward_model.retention_picture import SERIES, draw_series
from evalloop_assets.reward_model.tables import REWARD_MODEL_REPORT, REWARDS, TURN_EMBEDDINGS
from evalloop_assets.settings import Settings

GROUP = "reward_model"


def champion_in_use(settings: Settings) -> str:
    """Version of the champion; empty where there is none."""
    from evalloop_assets.reward_model.registry import champion_version

    return champion_version(settings) or ""


@frame_asset(schema=TURN_EMBEDDINGS, reads={"turns": (0, 0)}, group=GROUP)
def turn_embeddings(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each distinct text of a day is embedded once, messages and replies alike, by the encoder of the settings.

    A vector depends on the text and the encoder's version only, so whoever finds it on any day may use it.
    """
    from evalloop_assets.reward_model.embeddings import embedding_rows
    from evalloop_assets.reward_model.encoder import find_encoder

    texts = inputs.query("""
        SELECT DISTINCT text FROM (SELECT user_text AS text FROM turns UNION ALL SELECT reply_text AS text FROM turns)
        WHERE text IS NOT NULL
    """)
    encoder = find_encoder(settings.reward.encoder)
    return Frame(embedding_rows(texts.column("text").to_pylist(), encoder), {"encoder": encoder.name})


@frame_asset(
    schema=REWARD_MODEL_REPORT,
    reads={"preference_pairs": (-13, 0), "turn_embeddings": (-14, 1), "reading": (-14, 0), "turns": (-14, 1)},
    group=GROUP,
    once=True,
)
def reward_model_report(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A reward model is trained at the end of every run on the pairs of two weeks, and tested on users it never saw.

    Bradley-Terry per horizon with censored labels masked; length is a covariate of the training and dropped at scoring.
    The model goes to the MLflow registry as challenger and becomes champion if it tells the held-out preferences no
    worse than the champion does. Too few pairs, or only ties and censored ones: one row `skipped` with the reason, and
    the champion stays.
    """
    from evalloop_assets.reward_model.daily import train_day

    return Frame(*train_day(inputs, day, settings))


@frame_asset(
    schema=REWARDS,
    reads={"reading": (-7, 0), "turns": (-7, 1), "turn_embeddings": (-7, 1), "reward_model_report": (0, 0)},
    group=GROUP,
    scorer=Scorer(champion_in_use, lambda settings: settings.reward.rescore_days),
)
def rewards(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each kept reply of the day is scored by the champion, from its text, the message that it answers, and what was
    said in its conversation on the day and the seven before.

    A reply without text has no reward. Where there is no champion yet, the day has no rows. Another champion scores the
    newest days anew (`reward.rescore_days`); what was trained or decided with the former rewards stands.
    """
    from evalloop_assets.reward_model.scoring import score_day

    return Frame(*score_day(inputs, day, settings))


reward_retention = sql_asset("reward_model/reward_retention.sql", GROUP, Picture(SERIES, draw_series, days_before=27))

ASSETS = [turn_embeddings, reward_model_report, rewards, reward_retention]
