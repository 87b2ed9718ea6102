"""The audit of judges as assets."""

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.evaluation.judges.pictures import PICTURES
from evalloop_assets.evaluation.judges.tables import JUDGE_AUDITS, JUDGE_GRADES, JURY_VERDICTS, LEADERBOARD_OUTLIERS
from evalloop_assets.lake.assets import Frame, frame_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from evalloop_assets.evaluation.judges.results import JudgeAudit

# Verdicts lie on the day on which they were delivered, which may be after the days of an older log.
READS = {"judge_verdicts": (None, None), "gold_annotations": (None, None)}
REASONED = {"judge_verdicts": (None, None), "reason_ratings": (None, None)}
VERDICTS = "SELECT * EXCLUDE (day) FROM judge_verdicts ORDER BY ALL"
GOLD = "SELECT * EXCLUDE (day) FROM gold_annotations ORDER BY ALL"

PUBLISHED = """
    SELECT benchmark, model_id, score, mean_chars
    FROM benchmark_scores
    WHERE item_id = 'all' AND mean_chars IS NOT NULL
    ORDER BY ALL
"""


class Evidence(NamedTuple):
    """Everything that judges and people have said so far, as it came."""

    verdicts: "pd.DataFrame"
    gold: "pd.DataFrame"
    ratings: "pd.DataFrame | None" = None
    """What people found of the judges' reasons, where that was asked for."""


@frame_asset(
    schema=JUDGE_AUDITS, reads=READS | REASONED, group="evaluation", once=True, picture=PICTURES["judge_audits"]
)
def judge_audits(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Holds each judge against people and against itself: agreement beyond chance, both orders, and what it prefers
    beyond what people prefer. A preference that people share is no fault.
    """
    from evalloop_assets.evaluation.people.reasons import RATED

    audited = _audited(evidence(inputs)._replace(ratings=inputs.query(RATED).to_pandas()), settings)
    rows = [
        {
            "judge_id": judge,
            "probe": probe.probe,
            "slice": probe.slice,
            **{name: _known(getattr(probe.found, name)) for name in ("value", "low", "high")},
            "n": probe.found.n,
            "fired": probe.fired,
            "reason": probe.found.reason or None,
            "ceiling": _known(report.ceiling.value) if probe.probe in ("agreement", "agreement_both_orders") else None,
        }
        for judge, report in audited.items()
        for probe in report.all_probes
    ]
    told = {f"fired: {judge}": ", ".join(report.fired) or "nothing" for judge, report in audited.items()}
    return Frame(rows_of_day(JUDGE_AUDITS, day, rows), told)


@frame_asset(schema=JUDGE_GRADES, reads=READS, group="evaluation", once=True, picture=PICTURES["judge_grades"])
def judge_grades(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Grades each judge and says what to use it for. The ceiling beside the agreement is what a judge without error
    would reach against labels that err as these do.
    """
    from evalloop_assets.evaluation.judges.opinions import CLASSES, opinions
    from evalloop_assets.evaluation.people.gold_sets import version_of

    found = evidence(inputs)
    marks = opinions(found.gold, "annotator_id", "gold annotations")
    version = version_of(marks) if len(marks) else None
    audited = _audited(found, settings)
    rows = [
        {
            "judge_id": judge,
            "grade": report.grade or None,
            "use": report.use,
            "fired": ", ".join(report.fired),
            "agreement": _known(report.agreement.value),
            "ceiling": _known(report.ceiling.value),
            "kappa": _known(report.kappa.value),
            "position_consistency": _known(report.position_consistency.value),
            "items": report.items,
            "gold_items": report.gold_items,
            "disputed": report.disputed,
            **{
                f"{people}_{says}": report.confusion[down][across]
                for down, people in enumerate(CLASSES)
                for across, says in enumerate(CLASSES)
            },
            "gold_version": version,
        }
        for judge, report in audited.items()
    ]
    told = {judge: f"{report.grade or 'no grade'}: {report.use}" for judge, report in audited.items()}
    return Frame(rows_of_day(JUDGE_GRADES, day, rows), told)


@frame_asset(schema=JURY_VERDICTS, reads=READS, group="evaluation", once=True)
def jury_verdicts(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Lets the judges vote, each by what it is seen to confuse, and calibrates how sure they are together on people's
    verdicts. What they are not sure of is the grey zone, and goes to people.
    """
    from evalloop_assets.evaluation.judges.calibration import LEAST_ITEMS
    from evalloop_assets.evaluation.judges.opinions import opinions, people
    from evalloop_assets.evaluation.judges.voting import grey_zone, jury

    found = evidence(inputs)
    said = opinions(found.verdicts, "judge_id", "judge verdicts")
    joint = jury(said, people(opinions(found.gold, "annotator_id", "gold annotations")).consensus)
    grey = grey_zone(joint, settings.evaluation.judges.grey_zone).index
    told = joint.assign(grey=joint.index.isin(grey)).reset_index()
    known = bool(told["confidence"].notna().any())
    metadata = {
        "grey zone": f"{len(grey):,} of {len(joint):,} items",
        "confidence": "calibrated" if known else f"not known: people judged fewer than {LEAST_ITEMS} of the items",
    }
    return Frame(told[list(JURY_VERDICTS.column_names)], metadata)


@frame_asset(schema=LEADERBOARD_OUTLIERS, reads={"benchmark_scores": (None, None)}, group="evaluation", once=True)
def leaderboard_outliers(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Holds published leaderboards that give the length of replies against a known hack: a model that wins far more
    often than replies of its length do plays the judge, not the user.
    """
    from evalloop_assets.evaluation.judges.leaderboard import outliers

    found = outliers(inputs.query(PUBLISHED).to_pandas())
    return Frame(found.outliers, found.told)


def evidence(inputs: Inputs) -> Evidence:
    """The verdicts and annotations that a step reads."""
    return Evidence(inputs.query(VERDICTS).to_pandas(), inputs.query(GOLD).to_pandas())


def _audited(found: Evidence, settings: Settings) -> "JudgeAudit":
    from evalloop_assets.evaluation.judges import audit

    return audit(found.verdicts, found.gold, settings.evaluation.judges.families, found.ratings)


def _known(value: float) -> float | None:
    return None if value != value else value


ASSETS = [judge_audits, judge_grades, jury_verdicts, leaderboard_outliers]
