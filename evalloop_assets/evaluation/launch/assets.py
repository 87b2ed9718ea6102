"""Results by slice, the six dimensions, and the launch gate as assets."""

from datetime import date

from evalloop_assets.evaluation.launch.gate_metrics import READS
from evalloop_assets.evaluation.launch.pictures import PICTURES
from evalloop_assets.evaluation.launch.tables import (
    FAIRNESS_GAPS,
    LAUNCH_GATES,
    MODEL_DIMENSIONS,
    SLICE_RESULTS,
    SLICE_REVERSALS,
)
from evalloop_assets.lake.assets import Frame, frame_asset, sql_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

GROUP = "evaluation"
WINDOW = (-13, 0)

slice_units = sql_asset("evaluation/launch/slice_units.sql", group=GROUP)


@frame_asset(
    schema=SLICE_RESULTS, reads={"slice_units": WINDOW}, group=GROUP, once=True, picture=PICTURES["slice_results"]
)
def slice_results(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """What users do with each model, by role type, locale, channel, product line, new or old user, and by how the
    message is phrased: only what has matured, with users as the unit of variance. A small slice is drawn towards the
    others; that a slice differs from the rest is adjusted for there being many.
    """
    from evalloop_assets.evaluation.launch.slice_day import result_rows

    return Frame(rows_of_day(SLICE_RESULTS, day, result_rows(inputs, settings.evaluation.launch)))


@frame_asset(schema=FAIRNESS_GAPS, reads={"slice_results": (0, 0)}, group=GROUP, once=True)
def fairness_gaps(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Fairness: how far the best served slice of a dimension is from the worst served. The largest of many estimates
    less the smallest is too large by chance alone, which is taken off; the bounds hold for all dimensions together.
    """
    from evalloop_assets.evaluation.launch.slice_day import gap_rows

    told = inputs.query("SELECT * FROM slice_results ORDER BY ALL").to_pylist()
    return Frame(rows_of_day(FAIRNESS_GAPS, day, gap_rows(told, day.toordinal())))


@frame_asset(schema=SLICE_REVERSALS, reads={"slice_units": WINDOW}, group=GROUP, once=True)
def slice_reversals(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Of two models one is better overall, the other in a slice, or once both have the same mix of slices, or by the
    weights of the business lines. Shown are pairs whose figures point both ways; claimed are those that are sure, all
    that were tested on the day together. Models are compared as they were served: where users were not randomised
    between them, a difference may be one of the users.
    """
    from dataclasses import asdict

    from evalloop_assets.evaluation.launch.slice_day import reversals_of

    found = reversals_of(inputs, settings.evaluation.launch)
    rows = [{**asdict(one), "claimed": one.claimed} for one in found if one.overall > 0 and one.there > 0]
    said = [f"{one.metric}: {one.words}" for one in found if one.claimed]
    return Frame(rows_of_day(SLICE_REVERSALS, day, rows), {"tested": len(found), "claimed": said})


@frame_asset(
    schema=MODEL_DIMENSIONS,
    reads={
        "slice_results": (0, 0),
        "fairness_gaps": (0, 0),
        "benchmark_items": (None, None),
        "benchmark_scores": (None, None),
        "policy_screen": (None, 0),
    },
    group=GROUP,
    once=True,
)
def model_dimensions(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each model in each of the six dimensions (accuracy, safety, hallucination, robustness, fairness,
    explainability): by the benchmarks whose items say what they examine, by the offline gate, and by what users meet.
    What nothing measures says so.
    """
    from dagster import MetadataValue

    from evalloop_assets.evaluation.launch.six_dimensions import dimension_rows, dimension_table

    rows = dimension_rows(inputs, settings.evaluation.launch.fairness_dimensions)
    return Frame(rows_of_day(MODEL_DIMENSIONS, day, rows), {"dimensions": MetadataValue.md(dimension_table(rows))})


@frame_asset(schema=LAUNCH_GATES, reads=READS, group=GROUP, once=True, own=(None, None))
def launch_gates(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Every candidate held against the numbers that were agreed in the file of `evaluation.launch.gate`: pass, fail or
    not enough data, line by line. Promotion reads it: whose newest gate is no pass is not promoted, and only while
    there is not enough data are more people served. By a gate that was changed after a candidate was first judged it
    does not pass until that gate is agreed anew (`evaluation.launch.agreed`). Without a file nothing is judged.
    """
    from dagster import MetadataValue

    from evalloop_assets.evaluation.launch.gate_card import cards
    from evalloop_assets.evaluation.launch.gate_day import agreed_hashes, candidates, gate_of, gate_rows, results

    path = settings.evaluation.launch.gate
    if not path:
        return Frame(rows_of_day(LAUNCH_GATES, day, []), {"gate": "none is set (evaluation.launch.gate)"})
    gate = gate_of(path)
    agreed = agreed_hashes(inputs)
    found = results(inputs, gate, candidates(inputs, day), agreed, settings.evaluation.launch.agreed)
    rows = gate_rows(gate, found, agreed)
    return Frame(
        rows_of_day(LAUNCH_GATES, day, rows),
        {"gate": f"{gate.name} {gate.hash[:12]}", "card": MetadataValue.md(cards(inputs, found))},
    )


ASSETS = [slice_units, slice_results, fairness_gaps, slice_reversals, model_dimensions, launch_gates]
