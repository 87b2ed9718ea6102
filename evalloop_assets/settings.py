"""One typed configuration: defaults here, `evalloop.yaml` of the working folder over them, EVALLOOP_* over both.

A field of a section is set in the file as `denoise: {session_idle_minutes: 45}` or in the environment as
`EVALLOOP_DENOISE__SESSION_IDLE_MINUTES=45`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

LEAST_MEMORY = 100_000_000
"""Bytes."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineSettings(Section):
    """What runs the transforms (`EVALLOOP_ENGINE=spark` is short for its kind), and how DuckDB runs a step."""

    kind: Literal["duckdb", "spark"] = Field(
        "duckdb", description="what runs the transforms; all else is DuckDB's in any case"
    )
    memory_limit: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?([KMGT]i?B)$",
        description="most memory that one step may use before it spills to disk, 100MB or more",
    )
    threads: int = Field(2, ge=1, description="threads of one step")

    @field_validator("memory_limit")
    @classmethod
    def _enough(cls, limit: str) -> str:
        if TypeAdapter(ByteSize).validate_python(limit) < LEAST_MEMORY:
            raise ValueError("with less than 100MB no step of any size ends")
        return limit


class SparkSettings(Section):
    """Where Spark runs, when it runs the transforms."""

    master: str = Field(
        "local[2]",
        pattern=r"^(local(\[(\d+|\*)\])?|spark://\S+)$",
        description="`local[threads]` in this process, or `spark://host:port` of a standalone master",
    )
    driver_host: str = Field("127.0.0.1", description="address under which the workers reach this process")
    memory: str = Field("2g", pattern=r"^\d+[mg]$", description="heap of this process's Spark, and of each executor")
    shuffle_partitions: int = Field(
        16, ge=1, description="parts of a shuffle; about three for each core of the cluster"
    )
    options: dict[str, str] = Field({}, description="further `spark.…` options, which go over all others")


class LogSettings(Section):
    """How deliveries are taken in."""

    future_tolerance_minutes: int = Field(10, ge=0, description="a time further ahead than this is rejected")
    batch_rows: int = Field(20_000, ge=1, description="rows read from a file at a time")


class DenoiseSettings(Section):
    """Sessions, effective reading, exits."""

    session_idle_minutes: int = Field(
        30, ge=1, le=720, description="a longer silence ends a session; at most 12 hours, as a day looks one day back"
    )
    slowest_cps: float = Field(
        2.0,
        gt=0,
        description="slowest plausible reading of Latin script, characters per second: caps the time of one reply",
    )
    typical_cps: float = Field(
        16.0,
        gt=0,
        description="reading of Latin script by most people, characters per second, until a log tells better",
    )
    fastest_cps: float = Field(
        60.0, gt=0, description="fastest plausible reading of Latin script: what is faster was skipped"
    )
    han_pace: float = Field(
        0.42,
        gt=0,
        description="characters of Chinese read or typed in the time of one of Latin script: scales all four",
    )
    other_pace: float = Field(0.7, gt=0, description="the same of scripts that are neither Latin nor Chinese")
    typing_cps: float = Field(4.0, gt=0, description="typing of Latin script, characters per second, where not logged")
    thinking_seconds: float = Field(2.0, gt=0, description="time on a reply that does not grow with its length")
    pause_seconds: float = Field(10.0, ge=0, description="pause that counts as reading, on top of the slowest reading")
    pace_spread: float = Field(
        0.35, gt=0, description="standard deviation of the logarithm of a reader's times, until a log tells better"
    )
    away_deviations: float = Field(
        1.75,
        gt=0,
        description="standard deviations above a reader's usual time at which an absence is as likely as not",
    )
    idle_deviations: float = Field(
        4.0, gt=0, description="the same where the time in front is logged, and the app would have to be left open"
    )
    away_seconds: float = Field(2.0, gt=0, description="logged time in the background that counts as background")
    pace_replies: int = Field(
        100,
        ge=2,
        description="replies of one script and day that tell what time is usual; below, only endless times count",
    )
    background_seconds: float = Field(
        300.0, gt=0, description="longer than this without a scroll or click is absence where too few replies tell more"
    )
    imputed_replies: int = Field(
        20, ge=2, description="times that one round dwell must be there on a day to be suspected of being imputed"
    )
    automatic_replies: int = Field(
        20, ge=5, description="replies of a user on a day from which on it can be told whether a script was behind them"
    )
    closure_score: float = Field(
        0.5, gt=0, lt=1, description="evidence, from 0 to 1, from which on a session counts as closed by itself"
    )
    quiet_ratio: float = Field(
        1.0,
        gt=0,
        description="time on the last reply over what its length takes, at which a silent end is as likely natural",
    )
    most_replies_a_day: int = Field(5_000, ge=1, description="more replies of one user on one day are no person's")
    longest_silence_hours: float = Field(
        4.0, gt=0, le=24, description="a user never silent for so long on a whole UTC day was active around the clock"
    )
    fastest_typing_cps: float = Field(
        20.0,
        gt=0,
        description="fastest plausible typing, characters per second: what is faster was not typed by a person",
    )
    low_intent_replies: int = Field(
        3, ge=1, description="most replies of a session without any message of the user that nobody meant to have"
    )


class LabelSettings(Section):
    """Returns, labels per horizon, pairs."""

    definition_version: str = Field("2", description="goes into every exported pair")
    absence_days: int = Field(
        7, ge=1, le=28, description="whole local days without a start after which a start is a re-engagement"
    )
    feedback_weight: float = Field(1.0, ge=0, le=1, description="weight of explicit feedback in `immediate`")
    reading_weight: float = Field(0.5, ge=0, le=1, description="weight of the reading speed in `immediate`")
    kept_weight: float = Field(
        0.1,
        ge=0,
        le=1,
        description="weight of being the version kept, in `immediate`; low, since the version replaced was a poor one",
    )
    next_weight: float = Field(
        0.3, ge=0, le=1, description="weight of the next message, long, short or none, in `immediate`"
    )
    turns_weight: float = Field(
        0.4,
        ge=0,
        le=1,
        description="weight of how many of the next five turns came, in `delayed_5`; the rest is their reception",
    )
    min_habit_replies: int = Field(
        20, ge=2, description="replies read in the 28 days before that tell how fast a user usually reads"
    )
    min_read_replies: int = Field(
        4, ge=2, description="replies of known reading that a session needs before its percentiles mean something"
    )
    validity_user_days: int = Field(
        200, ge=2, description="days of users below which nothing is said of whether a signal still predicts returns"
    )
    tail_share: float = Field(
        0.35, gt=0, le=0.5, description="share of a session's replies that counts as read fast, and as read slowly"
    )
    sustained_turns: int = Field(3, ge=1, le=5, description="of the next five turns, those that a good position needs")
    label_gap: float = Field(
        0.3,
        ge=0,
        description="where reading is unknown: least difference of delayed_5 between the sides of a tail pair",
    )
    tail_pairs_per_session: int = Field(2, ge=1, description="tail pairs of one session in each direction")
    regeneration_pairs_per_reply: int = Field(
        3, ge=1, description="replaced versions of one reply that are compared with the kept one, the latest first"
    )
    regeneration_pairs_per_session: int = Field(8, ge=1, description="regeneration pairs of one session")
    tie_margin: float = Field(0.1, ge=0, description="labels nearer than this are a tie")
    leak_tolerance: float = Field(
        0.05, gt=0, description="distance of an AUC from 0.5 up to which position says nothing"
    )
    length_tolerance: float = Field(
        0.12,
        gt=0,
        description="the same of length, which people may truly mind: wider, so that only an artefact is told",
    )
    undecided_tolerance: float = Field(
        0.6, gt=0, le=1, description="share of a source's pairs that may be ties or censored at their own horizon"
    )
    repeat_tolerance: float = Field(
        0.01, ge=0, lt=1, description="share of pairs that may say the same twice, or contradict one another"
    )
    history_turns: int = Field(8, ge=0, description="replies before a candidate that an export tells with it")


class RewardSettings(Section):
    """Reward model."""

    encoder: str = Field("hashed-ngrams-128/1", description="text encoder, name and version")
    immediate_weight: float = Field(0.2, ge=0, description="share of the preference right now in the reward")
    delayed_5_weight: float = Field(0.3, ge=0, description="share of the next five turns in the reward")
    delayed_session_weight: float = Field(0.5, ge=0, description="share of the return in the reward")
    hidden: int = Field(32, ge=0, description="width of the hidden layer; 0 leaves a linear model")
    epochs: int = Field(20, ge=1, description="most passes over the pairs")
    penalty: float = Field(0.01, ge=0, description="weight of the squared coefficients in the loss")
    min_labels: int = Field(50, ge=1, description="decided labels of a horizon below which it is not learned")
    max_pairs: int = Field(50_000, ge=1, description="pairs of one training; more are sampled by hash")
    anchors: int = Field(2_000, ge=2, description="replies of the frozen set that fixes a version's scale")
    promotion_slack: float = Field(
        0.01, ge=0, description="loss of held-out accuracy, as a share, up to which a challenger replaces the champion"
    )
    rescore_days: int = Field(
        28, ge=0, description="newest complete days that a new champion scores anew; 0: only days to come"
    )
    seed: int = Field(0, description="seed of the training")


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


SECRETS = {"alerts": ("urls",), "webhooks": ("routers", "alerts", "secret")}
"""Section to fields that no file may hold."""


class _Environment(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if field_name == "engine" and str(value).isidentifier():
            return {"kind": value}
        return super().decode_complex_value(field_name, field, value)


class _File(YamlConfigSettingsSource):
    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        if isinstance(found.get("engine"), str):
            found["engine"] = {"kind": found["engine"]}
        for section, names in SECRETS.items():
            held = found.get(section)
            for name in set(names) & set(held if isinstance(held, dict) else ()):
                raise ValidationError.from_exception_data("Settings", [_not_from_a_file(section, name)])
        return found


def _not_from_a_file(section: str, name: str) -> InitErrorDetails:
    why = PydanticCustomError("secret_in_file", "it may hold a secret, so that the environment alone may hold it")
    return InitErrorDetails(type=why, loc=(section, name), input=None)


class Settings(BaseSettings):
    """Everything that may be set. Relative paths are relative to the working folder."""

    model_config = SettingsConfigDict(
        env_prefix="EVALLOOP_",
        env_nested_delimiter="__",
        yaml_file="evalloop.yaml",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(Path("data"), description="folder of the local state: ledger, MLflow store, catalogue, spill")
    ledger: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL of the allocation ledger, PostgreSQL when shared; empty: SQLite in home",
    )
    lake: str = Field("", description="root of the lake, a folder or an object store URL; empty: `lake` in home")
    first_day: date = Field(date(2016, 1, 1), description="first day of the daily partitions")
    engine: EngineSettings = EngineSettings()
    spark: SparkSettings = SparkSettings()
    logs: LogSettings = LogSettings()
    denoise: DenoiseSettings = DenoiseSettings()
    labels: LabelSettings = LabelSettings()
    reward: RewardSettings = RewardSettings()
    policy: PolicySettings = PolicySettings()
    ranking: RankingSettings = RankingSettings()
    ab: ABSettings = ABSettings()
    guardrails: GuardrailSettings = GuardrailSettings()
    alerts: AlertSettings = AlertSettings()
    webhooks: WebhookSettings = WebhookSettings()

    @property
    def lake_root(self) -> str:
        return self.lake or str((self.home / "lake").resolve())

    @property
    def landing(self) -> Path:
        """Folder from which the daily run takes new deliveries."""
        return self.home / "landing"

    @property
    def ledger_url(self) -> str:
        """Holds a password where the setting does: not for metadata, logs or messages."""
        return self.ledger.get_secret_value() or f"sqlite:///{(self.home / 'ledger.sqlite').resolve()}"

    @property
    def flags(self) -> Path:
        """The published allocation, a flagd file."""
        return self.home / "serving" / "flags.json"

    @property
    def matchups(self) -> Path:
        """The published matchups, a flagd file."""
        return self.home / "serving" / "matchups.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls), _File(settings_cls)
