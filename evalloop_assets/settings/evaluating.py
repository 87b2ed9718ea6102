"""Settings of the evaluation stage."""

from __future__ import annotations

from pydantic import Field

from evalloop_assets.settings.section import Section


class DynamicSettings(Section):
    """Conversations with a simulated user."""

    least_conversations: int = Field(
        8, ge=2, description="conversations of a policy in a slice below which it has no figure there"
    )


class EvaluationSettings(Section):
    """The evaluation stage, a section for each of its parts."""

    dynamic: DynamicSettings = DynamicSettings()
