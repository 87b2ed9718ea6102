"""Settings of the reward model and of policy iteration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evalloop_assets.settings.section import Section


class RewardSettings(Section):
    """Reward model."""

    encoder: str = Field(
        "hashed-ngrams-256/1",
        description="text encoder, name and version; sentence-transformers:MODEL takes a folder or a name on the hub",
    )
    immediate_weight: float = Field(0.2, ge=0, description="share of the preference right now in the reward")
    delayed_5_weight: float = Field(0.3, ge=0, description="share of the next five turns in the reward")
    delayed_session_weight: float = Field(0.5, ge=0, description="share of the return in the reward")
    alpha: float = Field(1.0, ge=0, description="share of the consistency with the history in the reward")
    beta: float = Field(1.0, ge=0, description="share of the progress in the reward")
    epochs: int = Field(40, ge=1, description="most rounds of five steps over the pairs")
    penalty: float = Field(
        1.0, ge=0, description="weight of the squared coefficients beside the summed loss of the labels"
    )
    min_labels: int = Field(50, ge=1, description="decided labels of a horizon below which it is not learned")
    max_pairs: int = Field(50_000, ge=1, description="pairs of one training; more are sampled by hash")
    anchors: int = Field(2_000, ge=2, description="replies of the frozen set that fixes a version's scale")
    promotion_slack: float = Field(
        0.01, ge=0, description="loss of held-out accuracy, as a share, up to which a challenger replaces the champion"
    )
    rescore_days: int = Field(
        28, ge=0, description="newest complete days that a new champion scores anew; 0: only days to come"
    )
    quality_threshold: float = Field(0.6, description="q0: quality of a reply at which its gate is half open")
    quality_temperature: float = Field(0.1, gt=0, description="T: quality above q0 that opens the gate to 73%")
    novelty_hours: float = Field(72.0, gt=0, description="hours after which a phrase that was read counts 1/e")
    novelty_replies: int = Field(40, ge=0, description="replies of three days before that a user is taken to remember")
    break_threshold: float = Field(0.5, ge=0, lt=1, description="delta: a break counts in credit if its score is above")
    credit_lookback: int = Field(5, ge=0, description="n: replies before a failed one that may be charged with it")
    drift_rate: float = Field(
        2.0, gt=0, description="eta: how fast blame follows drift; drift 1 is the median of the day's failures"
    )
    credit_form: Literal["growing", "printed"] = Field(
        "growing", description="weight of blame: 1 - exp(-eta d), or exp(-eta d) as the paper prints it"
    )
    failure_penalty: float = Field(1.0, ge=0, description="taken off the return of who is to blame, in anchor SDs")
    intra_minutes: float = Field(10.0, ge=3, description="minutes in which a reward to come falls to 1/e in a session")
    inter_hours: float = Field(
        24.0, ge=1, description="hours in which it falls to 1/e across the gap to a later session"
    )
    kappa: float = Field(1.0, gt=0, description="worth of a reward in a later session beside one in this; may exceed 1")


class PolicySettings(Section):
    """Policy iteration."""

    best_of: int = Field(4, ge=2, description="replies drawn, of which a best-of-n policy shows the best")
    min_margin: float = Field(
        0.1, ge=0, description="reward of the chosen less the rejected reply that a kept pair needs, in anchor SDs"
    )
    pairs_per_user: int = Field(20, ge=1, description="kept pairs of one user and day")
    screen_prompts: int = Field(300, ge=1, description="logged prompts on which a candidate is screened")
    screen_replies: int = Field(16, ge=2, description="logged replies of the base model ranked for each prompt")
    min_reward_gain: float = Field(0.0, ge=0, description="least lower bound of the reward gain, in anchor SDs")
    max_length_ratio: float = Field(1.5, gt=1, description="most a candidate's replies may be longer, or shorter, by")
    max_repetition_gain: float = Field(0.05, ge=0, description="most by which the repeated share of a reply may rise")
