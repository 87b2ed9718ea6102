"""Settings of evaluation: judges, people, benchmarks."""

from __future__ import annotations

from pydantic import Field

from evalloop_assets.settings.section import Section


class EvaluationSettings(Section):
    """Evaluation before and beside the users."""

    judge_families: dict[str, str] = Field(
        {}, description="model family of a judge, where its id does not hold the name of one, as {judge_id: family}"
    )
    grey_zone: float = Field(
        0.8, ge=0, le=1, description="calibrated confidence of the judges below which an item goes to people"
    )
    queue_most: int = Field(1_000, ge=1, description="most items that wait for people at once")
    guideline: str = Field("1", min_length=1, description="version of the guideline that annotators work by")
