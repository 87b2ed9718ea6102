"""One typed configuration: defaults here, `evalloop.yaml` of the working folder over them, EVALLOOP_* over both.

A field of a section is set in the file as `denoise: {session_idle_minutes: 45}` or in the environment as
`EVALLOOP_DENOISE__SESSION_IDLE_MINUTES=45`.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from evalloop_assets.settings.data import DenoiseSettings, EngineSettings, LabelSettings, LogSettings, SparkSettings
from evalloop_assets.settings.deciding import (
    ABSettings,
    AlertSettings,
    GuardrailSettings,
    RankingSettings,
    WebhookSettings,
)
from evalloop_assets.settings.evaluating import (
    BadCaseSettings,
    DynamicSettings,
    EvaluationSettings,
    LaunchSettings,
    OfflineSettings,
)
from evalloop_assets.settings.learning import ArmSettings, PolicySettings, RewardSettings, TrainingSettings

__all__ = [
    "ABSettings",
    "AlertSettings",
    "ArmSettings",
    "BadCaseSettings",
    "DenoiseSettings",
    "DynamicSettings",
    "EngineSettings",
    "EvaluationSettings",
    "GuardrailSettings",
    "LabelSettings",
    "LaunchSettings",
    "LogSettings",
    "OfflineSettings",
    "PolicySettings",
    "RankingSettings",
    "RewardSettings",
    "Settings",
    "SparkSettings",
    "TrainingSettings",
    "WebhookSettings",
]

SECRETS = {"alerts": ("urls",), "webhooks": ("routers", "alerts", "secret")}
"""Section to fields that no file may hold."""
PASSWORD = re.compile(r"://[^/@:]*:[^@]+@|[?&]password=")
"""What of a database URL tells that it holds a password."""


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
        if PASSWORD.search(str(found.get("ledger", ""))):
            raise ValidationError.from_exception_data("Settings", [_not_from_a_file("ledger")])
        return found


def _not_from_a_file(*setting: str) -> InitErrorDetails:
    why = PydanticCustomError("secret_in_file", "it may hold a secret, so that the environment alone may hold it")
    return InitErrorDetails(type=why, loc=setting, input=None)


_ODD_IN_PATHS = re.compile(r"[#?*\[\]\\\x00-\x1f\x7f-\x9f\u2028\u2029]|%[0-9A-Fa-f]{2}")


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
    evaluation: EvaluationSettings = EvaluationSettings()
    policy: PolicySettings = PolicySettings()
    ranking: RankingSettings = RankingSettings()
    ab: ABSettings = ABSettings()
    guardrails: GuardrailSettings = GuardrailSettings()
    alerts: AlertSettings = AlertSettings()
    webhooks: WebhookSettings = WebhookSettings()

    @field_validator("home", "lake")
    @classmethod
    def _plain_folder(cls, value: Path | str) -> Path | str:
        """Delta, DuckDB and MLflow give these characters of a local path a meaning of their own."""
        folder = Path(value).resolve().as_posix() if value and "://" not in str(value) else ""
        odd = _ODD_IN_PATHS.search(folder)
        if odd:
            raise ValueError(
                f"its path {folder!r} holds {odd[0]!r}, which Delta, DuckDB or MLflow would not take as part of a name"
            )
        return value

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
