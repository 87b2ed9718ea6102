"""How the product learns which model serves a conversation: an OpenFeature client on the published flagd file.

The product asks once, when a conversation starts. In a real product a rollback reaches a running conversation at its
next turn; here a day is served with the flags as they were published when serving of the day began.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient

FLAG = "serving"
_DOMAIN = "evalloop-simulator"


class Assignment(NamedTuple):
    """Which model serves a conversation, and why."""

    model_id: str
    experiment_id: str | None = None
    """None outside of every experiment, as the next three are."""
    arm: str | None = None
    unit: str | None = None
    """What was randomised: conversation or user."""
    propensity: float | None = None


class Flags(Protocol):
    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        """The assignment of a conversation; `started_at` is UTC without zone."""


@dataclass(frozen=True)
class OneModel:
    """Serves everybody with one model: a product before its first experiment."""

    model_id: str

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        return Assignment(self.model_id)


@dataclass(frozen=True)
class FlagClient:
    """Asks an OpenFeature client for the flag `serving`."""

    client: OpenFeatureClient
    source: Path

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        """UserError where the flag does not resolve to an assignment."""
        from openfeature.evaluation_context import EvaluationContext

        context = EvaluationContext(
            targeting_key=conversation_id,
            attributes={
                "user_id": user_id,
                "conversation_id": conversation_id,
                "started_at": started_at.replace(tzinfo=UTC).timestamp(),
            },
        )
        details = self.client.get_object_details(FLAG, {}, context)
        if details.error_code is not None:
            why = f"flag {FLAG} did not resolve: {details.error_code} {details.error_message or ''}".strip(" .")
            raise UserError(f"flag file {self.source}", why, "Publish the allocation again.")
        return _assignment(details.value, self.source)


def _assignment(value: Any, source: Path) -> Assignment:
    if not isinstance(value, Mapping) or not isinstance(value.get("model_id"), str) or not value["model_id"]:
        raise UserError(
            f"flag file {source}", f"flag {FLAG} gave {value!r}, which names no model", "Publish the allocation again."
        )
    if not value.get("experiment_id"):
        return Assignment(value["model_id"])
    propensity = value.get("propensity")
    return Assignment(
        model_id=value["model_id"],
        experiment_id=str(value["experiment_id"]),
        arm=value.get("arm"),
        unit=value.get("unit"),
        propensity=None if propensity is None else float(propensity),
    )


@contextmanager
def published_flags(path: Path, timeout_s: float = 30.0) -> Iterator[FlagClient]:
    """A client on the flagd file as it is now; the provider looks for a later one every `timeout_s`.

    UserError if the file is missing, or is no flag file that the provider can read within `timeout_s`.
    """
    from openfeature import api
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType
    from openfeature.exception import OpenFeatureError

    if not path.is_file():
        raise UserError(f"flag file {path}", "there is none", "Publish an allocation first.")
    logging.getLogger("openfeature.contrib").setLevel(logging.CRITICAL)
    provider = FlagdProvider(
        resolver_type=ResolverType.FILE, offline_flag_source_path=str(path), deadline_ms=int(timeout_s * 1000)
    )
    try:
        api.set_provider_and_wait(provider, _DOMAIN)
    except OpenFeatureError as error:
        provider.shutdown()
        why = f"the flagd provider cannot read it ({type(error).__name__} {error.error_message or ''}".strip() + ")"
        raise UserError(f"flag file {path}", why, "Publish the allocation again.") from error
    try:
        yield FlagClient(api.get_client(_DOMAIN), path)
    finally:
        provider.shutdown()
