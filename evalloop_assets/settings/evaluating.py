"""Settings of the evaluation stage."""

from __future__ import annotations

from pydantic import Field

from evalloop_assets.settings.section import Section


class BadCaseSettings(Section):
    """Replies that went wrong, and what becomes of them."""

    sure_margin: float = Field(
        1.0, gt=0, description="margin of the reward model, anchor SDs, from which it surely prefers the other reply"
    )
    near_duplicate: float = Field(
        0.6, gt=0, le=1, description="share of common n-grams from which two cases are the same (Jaccard)"
    )
    most_a_day: int = Field(500, ge=1, description="groups of near duplicates that are kept of a day, the most harmful")
    relabel_most: int = Field(200, ge=1, description="bad cases that wait for people at once, the most harmful")
    evaluation_share: float = Field(0.5, ge=0, le=1, description="share of the groups that go to evaluation")


class EvaluationSettings(Section):
    """The evaluation stage, a section for each of its parts."""

    bad_cases: BadCaseSettings = BadCaseSettings()
