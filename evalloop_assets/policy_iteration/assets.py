"""Assets of the stage: pairs that may train a policy, candidates, the offline gate."""

from __future__ import annotations

from datetime import date

from evalloop_assets.days import BEFORE
from evalloop_assets.lake.assets import Frame, frame_asset
from evalloop_assets.lake.store import Inputs
from evalloop_assets.policy_iteration.pictures import GATE
from evalloop_assets.policy_iteration.tables import POLICY_CANDIDATES, POLICY_PAIRS, POLICY_SCREEN
from evalloop_assets.settings import Settings

GROUP = "policy_iteration"


@frame_asset(
    schema=POLICY_PAIRS,
    reads={"preference_pairs": (0, 0), "bad_cases": (-1, 0), "reward_model_report": (0, 0)},
    group=GROUP,
)
def policy_pairs(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Only pairs that share their prefix may train a policy (regenerations and battles), and only after a filter.

    Kept is a pair whose horizons do not contradict each other and whose preferred reply the reward model, too, rates
    higher by a margin; repetitions and what exceeds a user's share are dropped. Every dropped pair says why.
    """
    from evalloop_assets.policy_iteration.daily import filter_day

    return Frame(*filter_day(inputs, settings))


@frame_asset(
    schema=POLICY_CANDIDATES,
    reads={
        "turns": (-6, 0),
        "characters": (None, None),
        "policy_pairs": (-6, 0),
        "bad_cases": (-7, 0),
        "reward_model_report": (0, 0),
        "policy_candidates": BEFORE,
    },
    group=GROUP,
    once=True,
)
def policy_candidates(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Whenever a reward model is promoted, it makes candidates of the kinds that the settings name.

    `best_of_n`: the best of n replies of the incumbent's base model. `lora`: weights trained on the incumbent's log, on
    kept pairs and on ranked draws, or by the reward itself; the best checkpoint is taken, not the last. `arm`: a model
    with prompt and decoding settings, offered once. The incumbent is the model that wrote most replies of the day
    outside treatment arms. Each candidate is a version of `policy` in MLflow.
    """
    from evalloop_assets.policy_iteration.making import candidate_day

    return Frame(*candidate_day(inputs, day, settings))


@frame_asset(
    schema=POLICY_SCREEN,
    reads={
        "policy_candidates": (0, 0),
        "reward_model_report": (0, 0),
        "turns": (-2, 0),
        "characters": (None, None),
        "battles": (-6, 0),
        "horizon_labels": (-2, 0),
        "bad_cases": (-3, 0),
    },
    group=GROUP,
    once=True,
    picture=GATE,
)
def policy_screen(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A candidate enters ranking and A/B, never production, and only after it passes here.

    Best-of-n is judged in closed form on logged replies of its base model, trained weights by replies drawn for prompts
    of held-out users: reward gain with its interval over users, KL to the base, length, repetition, well-formedness,
    novelty, safety words. The gain is the reward model's own opinion, so its held-out accuracy must be surely above
    chance. Arms and best-of-n are also estimated from the log by propensities, where enough rows are effective.
    """
    from evalloop_assets.policy_iteration.screening import screen_day

    return Frame(*screen_day(inputs, settings))


ASSETS = [policy_pairs, policy_candidates, policy_screen]
