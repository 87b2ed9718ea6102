"""Settings of ranking, online A/B, guardrails and alerts."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from evalloop_assets.settings.section import Section


class RankingSettings(Section):
    """Relative ranking."""

    anchors: dict[str, Annotated[float, Field(ge=-75, le=125)]] = Field(
        {}, description="models whose rating is a constant of the fit, with its value; at least three, else unused"
    )
    z_limit: float = Field(3.0, ge=3, description="standard errors below the best before a model is eliminated")
    minimum_battles: int = Field(200, ge=1, description="battles before a model can be eliminated")
    minimum_turns: int = Field(1, ge=1, description="turns seen of each side before a vote counts, where the log tells")
    most_votes_a_day: int = Field(200, ge=1, description="more votes of one user on one day are no person's")
    suspicious_votes: int = Field(
        20,
        ge=5,
        description="decided votes of a user in 14 days from which on it can be told whether they go by position",
    )
    suspicious_z: float = Field(
        5.0, gt=0, description="standard errors from the crowd's share of votes for the first shown that are no chance"
    )
    control_length: bool = Field(False, description="rate as if both sides of each battle were equally long")
    elimination_alpha: float = Field(
        0.005, gt=0, lt=1, description="chance over all looks that a model is eliminated which is not worse"
    )
    planned_users: int = Field(
        1_000, ge=2, description="users who battle in a window, at which eliminations are to need least evidence"
    )
    shuffles: int = Field(20, ge=2, description="random orders of the battles in which the online rating is repeated")
    user_samples: int = Field(100, ge=20, description="samples of the users in which the ranks are found again")
    anchor_z: float = Field(
        4.0, ge=3, description="standard errors by which an anchor may be off before it is fitted like the rest"
    )
    anchor_share: float = Field(0.15, ge=0, le=1, description="share of the battles between a survivor and an anchor")
    newcomer_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="share of the battles of models with fewer than minimum_battles; goes where none is",
    )
    uniform_share: float = Field(
        0.1, ge=0, le=1, description="share of the battles between any two of the pool; the rest is between survivors"
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.anchor_share + self.newcomer_share + self.uniform_share > 1:
            raise ValueError("anchor_share, newcomer_share and uniform_share add up to more than 1")
        return self


class ABSettings(Section):
    """Online A/B."""

    alpha: float = Field(0.05, gt=0, lt=1, description="error budget of one experiment over all causes")
    planned_users: int = Field(
        20_000,
        ge=2,
        description="users at which always-valid bounds are to be tightest: those expected by the decision",
    )
    spending: Literal["obrien_fleming", "pocock"] = Field(
        "obrien_fleming",
        description="how planned bounds spend alpha on early looks: sparingly, or nearly the same on each",
    )
    cuped: bool = Field(
        True, description="take away the variance that the users' behaviour before their first exposure explains"
    )
    winsorise_quantile: float = Field(
        0.999,
        gt=0,
        le=1,
        description="quantile at which a user's mean replies, seconds, costs and other sums are cut; 1: not at all",
    )
    srm_alpha: float = Field(
        0.001, gt=0, lt=1, description="a p-value of the sample ratio below it invalidates a reading"
    )
    minimum_users: int = Field(150, ge=2, description="users per arm below which a reading is thin")


class GuardrailSettings(Section):
    """Verdicts and the limits they compare with."""

    retention_margin: float = Field(0.01, ge=0, description="loss of retention that counts as harm, as a share")
    complaint_limit: float = Field(
        0.005, ge=0, description="rise of complaints per reply that is a red flag when confirmed"
    )
    regeneration_limit: float = Field(
        0.02, ge=0, description="rise of regenerations per reply that is a red flag when confirmed"
    )
    padding_limit: float = Field(
        0.05, ge=0, description="rise of the share of padded replies that is a red flag when confirmed"
    )
    repetition_limit: float = Field(
        0.05, ge=0, description="rise of the share of repeated replies that is a red flag when confirmed"
    )
    error_limit: float = Field(
        0.01, ge=0, description="rise of the share of failed replies that is a red flag when confirmed"
    )
    latency_limit: float = Field(
        1.0, ge=0, description="rise of the seconds until a reply is there that is a red flag when confirmed"
    )
    multiple_exposure_limit: float = Field(
        0.01, ge=0, description="share of units seen in both arms above which a reading is invalid"
    )
    volume_floor: int = Field(50_000, ge=0, description="daily users below which promotions are only advised")
    week_users: int = Field(
        150,
        ge=0,
        description="users per arm to be known a week after their assignment before a promotion; 0: not awaited",
    )
    planned_effect: float = Field(
        0.02, gt=0, lt=1, description="change of retention that an experiment is planned to see, as a share"
    )
    planned_days: int = Field(14, ge=1, le=14, description="days after which it is planned to be seen")
    planned_power: float = Field(
        0.8, ge=0, lt=1, description="chance to see it by then below which promotions are only advised; 0: never asked"
    )


class AlertSettings(Section):
    """Who is told when a guardrail fires, a verdict is missing or a run fails; addresses only from the environment."""

    urls: SecretStr = Field(SecretStr(""), description="Apprise addresses, separated by spaces: slack://… mailto://…")
    runbooks: str = Field("docs/runbooks", description="folder or URL that alerts name, one page per cause in it")
    rollback_minutes: float = Field(
        5.0, ge=0, description="time that a rollback may take before its alert goes out without it"
    )
    dead_man_hours: float = Field(
        36.0, gt=0, description="hours without a verdict on a new day after which an experiment in flight is unwatched"
    )


class WebhookSettings(Section):
    """Signed webhooks (evalloop_assets/serving/webhook.py). All from the environment only."""

    routers: SecretStr = Field(SecretStr(""), description="addresses that get the allocation, separated by spaces")
    alerts: SecretStr = Field(SecretStr(""), description="addresses that get alerts as JSON, separated by spaces")
    secret: SecretStr = Field(SecretStr(""), description="what the signatures are made with")
