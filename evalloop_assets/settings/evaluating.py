"""Settings of the evaluation stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalloop_assets.settings.section import Section

Group = Literal["role_type", "locale", "channel", "product_line", "seniority", "length", "form", "script", "formality"]


class LaunchSettings(Section):
    """Results by slice, and the gate before a launch."""

    gate: str = Field("", description="YAML file of the launch gate (docs/evaluation/launch.md); empty: no gate")
    minimum_users: int = Field(
        100, ge=2, description="users that a model must have in a slice before its figure there is told or compared"
    )
    business_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="what each product line is worth, of any sum; models are then compared by these weights too"
    )
    fairness_dimensions: tuple[Group, ...] = Field(
        ("locale",), description="dimensions of slices whose values are groups of people to be served alike"
    )
    fairness_limit: float = Field(
        0.05, ge=0, description="gap of the return between such groups that warns when it is surely larger, a share"
    )


class EvaluationSettings(Section):
    """The evaluation stage, a section for each of its parts."""

    launch: LaunchSettings = LaunchSettings()
    judge_families: dict[str, str] = Field(
        {}, description="model family of a judge, where its id does not hold the name of one, as {judge_id: family}"
    )
    grey_zone: float = Field(
        0.8, ge=0, le=1, description="calibrated confidence of the judges below which an item goes to people"
    )
    queue_most: int = Field(1_000, ge=1, description="most items that wait for people at once")
    guideline: str = Field("1", min_length=1, description="version of the guideline that annotators work by")
