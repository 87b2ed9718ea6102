"""Bad cases as assets."""

from datetime import date

from evalloop_assets.evaluation.bad_cases.tables import BAD_CASES
from evalloop_assets.lake.assets import Frame, frame_asset, sql_asset
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

GROUP = "evaluation"
EVER = 36_500
"""Days before its own of which a case finds its near duplicates: all there are."""

bad_signals = sql_asset("evaluation/bad_cases/bad_signals.sql", GROUP)


@frame_asset(schema=BAD_CASES, reads={"bad_signals": (0, 0)}, group=GROUP, own_past=EVER)
def bad_cases(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The replies that did the most harm on the day, near duplicates as one group, most harmful first.

    Each group trains or evaluates, by a hash and for good: a near duplicate that comes later goes where the first one
    went, and one that links cases of both sides goes to neither. The rows of a day stand as they were found; rows that
    come late do not change them.
    """
    from evalloop_assets.evaluation.bad_cases.daily import cases_of

    signals = inputs.query("SELECT * FROM bad_signals ORDER BY event_id").to_pandas()
    known = inputs.query("SELECT * FROM bad_cases ORDER BY day, event_id").to_pandas()
    cases = cases_of(signals, known, settings.evaluation.bad_cases)
    sides = cases.drop_duplicates("dedup_group")["side"].value_counts()
    told = {
        "signals": len(signals),
        "groups": int(cases["dedup_group"].nunique()),
        **{f"groups, {side}": int(count) for side, count in sides.items()},
    }
    return Frame(cases[list(BAD_CASES.column_names)], told)


bad_case_groups = sql_asset("evaluation/bad_cases/bad_case_groups.sql", GROUP)

ASSETS = [bad_signals, bad_cases, bad_case_groups]
