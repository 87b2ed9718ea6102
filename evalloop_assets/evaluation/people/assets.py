"""People who compare replies, as assets."""

from datetime import date
from typing import TYPE_CHECKING

from evalloop_assets.evaluation.judges.assets import GOLD, READS, REASONED, evidence
from evalloop_assets.evaluation.people.pictures import PICTURES
from evalloop_assets.evaluation.people.tables import ANNOTATION_QUEUE, ANNOTATOR_QUALITY, GOLD_SETS, REASON_QUEUE
from evalloop_assets.lake.assets import Frame, frame_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from evalloop_assets.evaluation.judges.estimate import Estimate

PEOPLE = {"gold_annotations": (None, None)}


@frame_asset(schema=ANNOTATION_QUEUE, reads=READS, group="evaluation", once=True)
def annotation_queue(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Says who is still needed: a third person where two disagree, a second where one has judged, two where the judges
    are not sure enough. `evalloop annotate export` hands it to annotators, `evalloop annotate import` takes their
    answers.
    """
    from evalloop_assets.evaluation.judges.opinions import items_of, opinions, people
    from evalloop_assets.evaluation.judges.voting import jury
    from evalloop_assets.evaluation.people.queue import waiting

    found = evidence(inputs)
    said = opinions(found.verdicts, "judge_id", "judge verdicts")
    marks = opinions(found.gold, "annotator_id", "gold annotations")
    chosen = settings.evaluation
    joint = jury(said, people(marks).consensus)
    queue = waiting(marks, joint, chosen.judges.grey_zone, chosen.people.queue_most)
    queue = queue.merge(items_of(said, marks), left_on="item_id", right_index=True, how="left")
    told = {str(purpose): int(count) for purpose, count in queue["purpose"].value_counts().items()}
    queue = queue.assign(place=range(1, len(queue) + 1))
    return Frame(queue[list(ANNOTATION_QUEUE.column_names)], told)


@frame_asset(schema=REASON_QUEUE, reads=REASONED, group="evaluation", once=True)
def reason_queue(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A sample of the reasons that each judge gave, for people to rate. Goes out and comes back with the annotation
    queue; the audit tells the share that is sound.
    """
    from evalloop_assets.evaluation.people.reasons import WAITING

    found = inputs.query(WAITING, {"most": settings.evaluation.people.reasons_per_judge})
    return Frame(found, {"waiting": found.num_rows})


@frame_asset(
    schema=ANNOTATOR_QUALITY, reads=PEOPLE, group="evaluation", once=True, picture=PICTURES["annotator_quality"]
)
def annotator_quality(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """How often each annotator says what others say of the same items, and how often they are right as far as the
    annotators together can tell.
    """
    from evalloop_assets.evaluation.judges.opinions import opinions, people
    from evalloop_assets.evaluation.people.annotators import quality
    from evalloop_assets.evaluation.people.ceiling import pair_agreement

    marks = opinions(inputs.query(GOLD).to_pandas(), "annotator_id", "gold annotations")
    if marks.empty:
        return Frame(rows_of_day(ANNOTATOR_QUALITY, day, []), {"annotators": "nobody has annotated yet"})
    of_all = pair_agreement(people(marks).votes)
    rows = [
        {
            "annotator_id": name,
            "items": one["agreement"].n,
            **_bounded("agreement", one["agreement"]),
            **_bounded("accuracy", one["accuracy"]),
            "worse": one["lead"].high < 0 if one["lead"].known else None,
        }
        for name, one in quality(marks).items()
    ]
    return Frame(rows_of_day(ANNOTATOR_QUALITY, day, rows), {"agreement of two people": _shown(of_all)})


@frame_asset(schema=GOLD_SETS, reads=PEOPLE, group="evaluation", once=True)
def gold_sets(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The version of what people said, how far they agree, and the accuracy that their labels allow at most."""
    from evalloop_assets.evaluation.judges.opinions import opinions
    from evalloop_assets.evaluation.people.gold_sets import gold_sets as sets_of

    found = sets_of(opinions(inputs.query(GOLD).to_pandas(), "annotator_id", "gold annotations"))
    rows = [
        {
            "guideline": one.guideline,
            "gold_version": one.version,
            "items": one.items,
            "annotators": one.annotators,
            "disputed": one.disputed,
            **_bounded("agreement", one.agreement),
            **_bounded("alpha", one.alpha),
            **_bounded("ceiling", one.ceiling),
        }
        for one in found
    ]
    told = {f"ceiling, guideline {one.guideline or 'not told'}": _shown(one.ceiling) for one in found}
    return Frame(rows_of_day(GOLD_SETS, day, rows), told)


def _bounded(name: str, found: "Estimate") -> dict[str, float | None]:
    parts = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: None if value != value else value for key, value in parts.items()}


def _shown(found: "Estimate") -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]" if found.known else f"not known: {found.reason}"


ASSETS = [annotation_queue, reason_queue, annotator_quality, gold_sets]
