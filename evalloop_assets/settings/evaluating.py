"""Settings of the evaluation stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalloop_assets.settings.section import Section

Group = Literal["role_type", "locale", "channel", "product_line", "seniority", "length", "form", "script", "formality"]


class LaunchSettings(Section):
    """Results by slice, and the gate before a launch."""

    gate: str = Field("", description="YAML file of the launch gate (docs/evaluation/launch.md); empty: no gate")
    agreed: str = Field(
        "",
        pattern="^([0-9a-f]{12,64})?$",
        description="first digits, twelve or more, of the SHA-256 of a gate file that was changed after models were "
        "judged by it and then agreed anew; without it none of these models passes",
    )
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


class JudgeSettings(Section):
    """Models that compare two replies."""

    families: dict[str, str] = Field(
        {}, description="model family of a judge, where its id does not hold the name of one, as {judge_id: family}"
    )
    grey_zone: float = Field(
        0.8, ge=0, le=1, description="calibrated confidence of the judges below which an item goes to people"
    )


class PeopleSettings(Section):
    """People who compare replies."""

    queue_most: int = Field(1_000, ge=1, description="most items that wait for people at once")
    guideline: str = Field("1", min_length=1, description="version of the guideline that annotators work by")
    reasons_per_judge: int = Field(50, ge=0, description="reasons of each judge that people rate")


class OfflineSettings(Section):
    """Offline scores against online metrics."""

    metric: Literal["returned_next_day", "d1", "d7", "session_minutes", "abrupt_exits", "reward"] = Field(
        "returned_next_day", description="online metric by whose order offline scores are trusted or demoted"
    )
    windows: tuple[Annotated[int, Field(ge=1, le=28)], ...] = Field(
        (7, 28), min_length=1, description="days over which online metrics count; the longest decides"
    )
    least_models: int = Field(4, ge=4, description="models with both scores below which nothing is said")
    bar: float = Field(
        0.5, gt=0, lt=1, description="rank correlation below which, when it surely is, an offline score is demoted"
    )
    alpha: float = Field(
        0.05, gt=0, lt=1, description="chance within `looks` days that a score is demoted whose order is as good"
    )
    looks: int = Field(28, ge=1, description="days over which alpha is spread")
    stale_days: int = Field(30, ge=1, description="days after which a model's benchmark score is due anew")
    command: tuple[str, ...] = Field(
        (),
        description="program and arguments that evaluate one model, with {model_id}, {benchmark} and {landing} in "
        "them; empty: what is due is only shown",
    )
    command_minutes: int = Field(60, ge=1, description="minutes after which such an evaluation is given up")


class DynamicSettings(Section):
    """Conversations with a simulated user."""

    least_conversations: int = Field(
        8, ge=2, description="conversations of a policy in a slice below which it has no figure there"
    )


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


class ReportSettings(Section):
    """The report of a period."""

    url: str = Field(
        "http://127.0.0.1:3001",
        pattern=r"^https?://\S+$",
        description="address under which people reach the folder `reports`, for the link in the UI; `evalloop report "
        "--serve` serves it there, others behind a proxy of their own",
    )


class EvaluationSettings(Section):
    """The evaluation stage, a section for each of its parts."""

    launch: LaunchSettings = LaunchSettings()
    judges: JudgeSettings = JudgeSettings()
    people: PeopleSettings = PeopleSettings()
    offline: OfflineSettings = OfflineSettings()
    dynamic: DynamicSettings = DynamicSettings()
    bad_cases: BadCaseSettings = BadCaseSettings()
    report: ReportSettings = ReportSettings()
