"""Assets of the stage: embeddings, the daily training, rewards."""

from __future__ import annotations

from datetime import date

from evalloop_assets.days import WHOLE
from evalloop_assets.lake.assets import Frame, Scorer, frame_asset, sql_asset
from evalloop_assets.lake.store import Inputs
from evalloop_assets.reward_model.pictures import PICTURES
from evalloop_assets.reward_model.tables import (
    BREAKS,
    CREDIT,
    PAIR_SCORES,
    PERSONAS,
    REPLY_QUALITY,
    REWARD_MODEL_REPORT,
    REWARDS,
    TURN_EMBEDDINGS,
)
from evalloop_assets.settings import Settings

GROUP = "reward_model"
EMBEDDED_FOR = 27
"""Days before its own in which a step finds the vector of a text."""
BREAK_HISTORY = 6
"""Days before its own whose replies a reply is held against."""
BREAK_RULES = "rules 1"
"""Version of the rules and the lexicon of breaks: raised where some message gets another score."""
READ_FOR = 3
"""Days before its own whose replies a user is taken to remember."""


def champion_in_use(settings: Settings) -> str:
    """Version of the champion; empty where there is none."""
    from evalloop_assets.reward_model.registry import champion_version

    return champion_version(settings) or ""


def charged_as(settings: Settings) -> str:
    """How failures are charged: another encoder or setting charges the newest days anew."""
    options = settings.reward
    return (
        f"{options.encoder} {options.break_threshold:g} {options.credit_lookback} {options.drift_rate:g} "
        f"{options.credit_form}"
    )


def as_delivered(settings: Settings) -> str:
    """No model has a say in who spoke."""
    return ""


def ruled_by(settings: Settings) -> str:
    """The rules of breaks: others judge the newest days anew."""
    return BREAK_RULES


def remembered_as(settings: Settings) -> str:
    """What a user is taken to remember: another setting judges the newest days anew."""
    return f"{settings.reward.novelty_hours:g} hours {settings.reward.novelty_replies} replies"


@frame_asset(
    schema=TURN_EMBEDDINGS,
    reads={"turns": (0, 0)},
    group=GROUP,
    code_version="2",
    own=(-EMBEDDED_FOR, 0),
)
def turn_embeddings(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each text is embedded by the encoder of the settings on the day it is first seen, messages and replies alike.

    A vector depends on the text and the encoder's version only, so whoever finds it on any day may use it. A text that
    was not seen for four weeks is embedded again, so that the cost of a day does not grow with the log.
    """
    from evalloop_assets.reward_model.embeddings import embed_day
    from evalloop_assets.reward_model.encoder import find_encoder

    return Frame(*embed_day(inputs, day, find_encoder(settings.reward.encoder), settings.engine.threads))


@frame_asset(
    schema=PERSONAS,
    reads={"reading": (0, 0), "turns": (0, 1), "characters": WHOLE},
    group=GROUP,
    scorer=Scorer(as_delivered, lambda settings: settings.reward.rescore_days),
)
def personas(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The characters behind the kept replies of the day. A persona counts for every day, whenever it was delivered.

    What is delivered later is taken over into the newest complete days (`reward.rescore_days`), and into those that
    late rows reopen: a new character costs the days before nothing, and one that is written anew only those on which it
    spoke.
    """
    from evalloop_assets.reward_model.breaks.personas import personas_of_day

    return Frame(personas_of_day(inputs))


@frame_asset(
    schema=BREAKS,
    reads={
        "reading": (-BREAK_HISTORY, 0),
        "turns": (-BREAK_HISTORY, 1),
        "personas": (-BREAK_HISTORY, 0),
    },
    group=GROUP,
    scorer=Scorer(ruled_by, lambda settings: settings.reward.rescore_days),
)
def breaks(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each kept reply is held against its persona and what was said in its conversation in the week before.

    Found are contradictions of the persona or of what the character has said, promises denied or overdue, and replies
    that lose the thread, by rules over the text, English and Chinese; a score of 0.5 or more is a break. Replies that
    the user had written anew are no part of the conversation.
    """
    from evalloop_assets.reward_model.breaks.daily import break_day

    return Frame(*break_day(inputs, day, settings.engine.threads))


@frame_asset(
    schema=REWARD_MODEL_REPORT,
    reads={
        "preference_pairs": (-13, 0),
        "horizon_labels": (-13, 0),
        "turn_embeddings": (-14 - EMBEDDED_FOR, 1),
        "reading": (-14, 0),
        "turns": (-14, 1),
        "first_seen": (None, 0),
    },
    group=GROUP,
    once=True,
)
def reward_model_report(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A reward model is trained at the end of every run on the pairs of two weeks, and tested on users it never saw.

    Bradley-Terry per horizon with censored labels masked; length is a covariate of the training and dropped at scoring.
    Where labels of single replies rise within sessions, and where the texts of the models differ, are more directions
    for the fit, weighed by the pairs. What whole sessions differ in and no pair compares, such as the language, has no
    say.
    The model goes to the MLflow registry as challenger and becomes champion if it tells the held-out preferences no
    worse than the champion does. Too few pairs, or only ties and censored ones: one row `skipped` with the reason, and
    the champion stays.
    """
    from threadpoolctl import threadpool_limits

    from evalloop_assets.reward_model.daily import train_day

    with threadpool_limits(1, "blas"):  # two take twice the CPU time and save no wall time
        return Frame(*train_day(inputs, day, settings))


@frame_asset(
    schema=REPLY_QUALITY,
    reads={"reading": (-READ_FOR, 0), "turns": (-READ_FOR, 1)},
    group=GROUP,
    scorer=Scorer(remembered_as, lambda settings: settings.reward.rescore_days),
)
def reply_quality(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each kept reply of the day by its text, held against what its user had read in three days: what the gate of the
    rewards opens for. Another champion changes nothing here, so that it scores the newest days anew without reading
    their texts for this.
    """
    from evalloop_assets.reward_model.judging import judge_day

    return Frame(judge_day(inputs, day, settings))


@frame_asset(
    schema=REWARDS,
    reads={
        "reply_quality": (0, 0),
        "reading": (-7, 0),
        "turns": (-7, 1),
        "turn_embeddings": (-7 - EMBEDDED_FOR, 1),
        "reward_model_report": (0, 0),
    },
    group=GROUP,
    code_version="4",
    picture=PICTURES["rewards"],
    scorer=Scorer(champion_in_use, lambda settings: settings.reward.rescore_days),
)
def rewards(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each kept reply of the day is scored by the champion, from its text, the message that it answers, and what was
    said in its conversation on the day and the seven before.

    What the champion says passes a gate: where the text tells little, says again what was said, comforts anybody about
    anything, or wears out what its reader has read in three days, a positive reward is withheld, and a negative one
    stands. Length as such changes nothing. A reply unlike those that the champion was trained on is marked as
    unfamiliar: of it the champion knows little. A reply without text has no reward. Where there is no champion yet, the
    day has no rows. Another champion scores the newest days anew (`reward.rescore_days`); what was trained or decided
    with the former rewards stands.
    """
    from evalloop_assets.reward_model.scoring import score_day

    return Frame(*score_day(inputs, day, settings))


@frame_asset(
    schema=PAIR_SCORES,
    reads={
        "preference_pairs": (0, 0),
        "reading": (-7, 0),
        "turns": (-7, 1),
        "turn_embeddings": (-7 - EMBEDDED_FOR, 1),
        "reward_model_report": (0, 0),
    },
    group=GROUP,
    scorer=Scorer(champion_in_use, lambda settings: settings.reward.rescore_days),
)
def pair_scores(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each preference pair of the day by the champion: by how much it rates the first reply above the second, each in
    its place. Where that goes against what behaviour said, one of the two is wrong.
    """
    from threadpoolctl import threadpool_limits

    from evalloop_assets.reward_model.pair_scores import score_pairs

    with threadpool_limits(1, "blas"):
        return Frame(*score_pairs(inputs, day, settings))


@frame_asset(
    schema=CREDIT,
    reads={
        "exits": (0, 0),
        "reading": (0, 0),
        "turns": (0, 1),
        "turn_embeddings": (-EMBEDDED_FOR, 1),
        "breaks": (0, 0),
    },
    group=GROUP,
    picture=PICTURES["credit"],
    scorer=Scorer(charged_as, lambda settings: settings.reward.rescore_days),
)
def credit(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A session that was left abruptly is charged to those of its last replies that broke something, and to no other.

    Looked at are the last reply and a few before it (`reward.credit_lookback`). Of those whose break score is above the
    threshold, each is charged the more, the further it moved the dialogue. Where none is, nobody is blamed: somebody
    left, and nothing shows why. Natural, interrupted and open ends are no failures.
    """
    from evalloop_assets.reward_model.failures import charge_day

    return Frame(*charge_day(inputs, day, settings))


trajectory_returns = sql_asset("reward_model/trajectory_returns.sql", group=GROUP)

reward_retention = sql_asset("reward_model/reward_retention.sql", GROUP, PICTURES["reward_retention"])

ASSETS = [
    turn_embeddings,
    personas,
    breaks,
    reward_model_report,
    reply_quality,
    rewards,
    pair_scores,
    credit,
    trajectory_returns,
    reward_retention,
]
