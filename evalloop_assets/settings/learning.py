"""Settings of the reward model and of policy iteration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

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
        4.0, ge=0, description="weight of the squared coefficients beside the summed loss of the labels"
    )
    tail_weight: float = Field(
        0.3, ge=0.01, le=1, description="weight of a tail pair's label beside 1 of pairs that answer one message"
    )
    min_labels: int = Field(50, ge=1, description="decided labels of a horizon below which it is not learned")
    max_pairs: int = Field(50_000, ge=1, description="pairs of one training; more are sampled by hash")
    max_labelled: int = Field(
        40_000, ge=0, description="labelled replies of one training, drawn by session; 0: pairs alone"
    )
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


class TrainingSettings(Section):
    """Training of a policy: LoRA weights on a base model, by TRL."""

    base_model: str = Field(
        "", description="folder or Hugging Face name of the base model; empty: a tiny one learned from logged replies"
    )
    method: Literal["sft", "dpo", "grpo"] = Field(
        "grpo",
        description="sft: imitate the best of n replies; dpo: kept pairs and ranked draws; grpo: the reward itself",
    )
    lora_rank: int = Field(16, ge=1, description="rank of the adapter")
    learning_rate: float = Field(5e-4, gt=0, description="constant")
    beta: float = Field(0.04, ge=0, description="weight of staying near the base model, in dpo and grpo")
    steps: int = Field(40, ge=1, description="optimiser steps")
    eval_every: int = Field(20, ge=1, description="steps between checkpoints, each with its probes")
    batch: int = Field(8, ge=1, description="pairs, examples or prompts of a step")
    generations: int = Field(8, ge=2, description="replies drawn for each prompt, to be ranked or for grpo")
    draw_prompts: int = Field(
        400, ge=0, description="prompts for which replies are drawn and ranked; 0: only logged pairs"
    )
    probe_prompts: int = Field(100, ge=2, description="prompts of held-out users on which checkpoints are probed")
    temperature: float = Field(0.8, gt=0, description="of the replies drawn")
    top_p: float = Field(0.95, gt=0, le=1, description="share of the likeliest tokens that is drawn from")
    max_reply_tokens: int = Field(128, ge=1, description="after which a reply breaks off")
    history_turns: int = Field(0, ge=0, description="earlier exchanges that the model is shown")
    system: str = Field("", description="instruction put before the persona")
    examples: int = Field(6_000, ge=1, description="logged replies from which the tiny base model learns")
    base_steps: int = Field(400, ge=1, description="steps of the tiny base model")
    seed: int = Field(0, description="seed of the training")

    @model_validator(mode="after")
    def _whole_slices(self) -> TrainingSettings:
        """A step after the last checkpoint would be lost."""
        if self.steps % self.eval_every:
            raise ValueError(f"steps ({self.steps}) must be a multiple of eval_every ({self.eval_every})")
        return self


class ArmSettings(Section):
    """An arm: a model with a prompt and decoding settings, offered as a candidate."""

    model: str = Field(description="model id by which the product serves it, or folder or Hugging Face name of weights")
    system: str = Field("", description="instruction put before the persona")
    temperature: float = Field(1.0, ge=0, description="0 takes the likeliest token")
    top_p: float = Field(1.0, gt=0, le=1, description="share of the likeliest tokens that is drawn from")
    max_reply_tokens: int = Field(128, ge=1, description="after which a reply breaks off")
    history_turns: int = Field(4, ge=0, description="earlier exchanges that the model is shown")


class PolicySettings(Section):
    """Policy iteration."""

    kinds: tuple[Literal["arm", "best_of_n", "lora"], ...] = Field(
        ("best_of_n",), description="candidates that a promoted reward model makes; lora needs the extra `policy`"
    )
    arms: tuple[ArmSettings, ...] = Field((), description="arms to offer, each once")
    training: TrainingSettings = Field(TrainingSettings(), description="how lora weights are trained")
    best_of: int = Field(4, ge=2, description="replies drawn, of which a best-of-n policy shows the best")
    best_of_growth: int = Field(
        1, ge=1, description="times as many are drawn by a best-of-n that is to replace a best-of-n; 1: never more"
    )
    best_of_most: int = Field(16, ge=2, description="replies drawn at most")
    min_margin: float = Field(
        0.1, ge=0, description="reward of the chosen less the rejected reply that a kept pair needs, in anchor SDs"
    )
    pairs_per_user: int = Field(20, ge=1, description="kept pairs of one user a day, and in one training")
    screen_prompts: int = Field(300, ge=1, description="logged prompts on which a candidate is screened")
    screen_replies: int = Field(16, ge=2, description="logged replies of the base model ranked for each prompt")
    min_reward_gain: float = Field(0.0, ge=0, description="least lower bound of the reward gain, in anchor SDs")
    max_kl: float = Field(
        0.5, gt=0, description="most nats a token by which trained weights may differ from their base"
    )
    max_length_ratio: float = Field(1.5, gt=1, description="most a candidate's replies may be longer, or shorter, by")
    max_repetition_gain: float = Field(0.05, ge=0, description="most by which the repeated share of a reply may rise")
    max_variety_loss: float = Field(
        0.5,
        ge=0,
        le=1,
        description="most by which the share of different word runs over all replies may fall, relative",
    )
    max_validity_loss: float = Field(0.05, ge=0, description="most by which the share of well-formed replies may fall")
    max_novelty_gain: float = Field(
        0.3, ge=0, description="most by which the share of word runs that no logged reply holds may rise"
    )
    safety_words: str = Field("", description="YAML file of words by kind; empty: the list that is shipped")
