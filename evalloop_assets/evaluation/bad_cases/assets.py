"""Bad cases as assets."""

from datetime import date, timedelta

from evalloop_assets.evaluation.bad_cases.pictures import PICTURES
from evalloop_assets.evaluation.bad_cases.tables import BAD_CASES, CASE_SCORES, FLYWHEEL, RELABEL_QUEUE
from evalloop_assets.lake.assets import Frame, frame_asset, sql_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

GROUP = "evaluation"
KNOWN = """
    SELECT
      event_id, dedup_group, side, said_grams, better_grams,
      CASE WHEN trim(user_text) <> '' THEN concat(conversation_id, chr(10), user_text) END AS turn,
      CASE WHEN said_grams IS NULL THEN conversation_id END AS conversation_id,
      CASE WHEN said_grams IS NULL THEN same_prefix END AS same_prefix,
      CASE WHEN said_grams IS NULL THEN user_text END AS user_text,
      CASE WHEN said_grams IS NULL THEN reply_text END AS reply_text,
      CASE WHEN said_grams IS NULL THEN better_reply END AS better_reply
    FROM bad_cases ORDER BY day, event_id
"""
"""Cases of all days by their n-grams; by their texts where a row was written without."""
UNSEEN = "day, event_id, user_id, dedup_group, side, by_behaviour, pair_id"
LEADS = """
    SELECT
      bad_cases.event_id,
      pair_scores.reward_version,
      CASE WHEN preference_pairs.event_id_b = bad_cases.event_id THEN margin ELSE -margin END AS lead
    FROM bad_cases
    JOIN preference_pairs ON preference_pairs.pair_id = bad_cases.pair_id
    JOIN pair_scores ON pair_scores.pair_id = bad_cases.pair_id
"""
"""By how much the champion rates the better reply above the bad one."""

bad_signals = sql_asset("evaluation/bad_cases/bad_signals.sql", GROUP)


@frame_asset(schema=BAD_CASES, reads={"bad_signals": (0, 0)}, group=GROUP, own=(None, None))
def bad_cases(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The replies that did the most harm on the day, near duplicates as one group, most harmful first.

    Each group trains or evaluates, by a hash and for good: a near duplicate that comes on another day, computed before
    or after, goes where the first one went, and one that links cases of both sides goes to neither. The rows of a day
    stand as they were found; rows that come late do not change them.
    """
    from evalloop_assets.evaluation.bad_cases.daily import cases_of

    signals = inputs.query("SELECT * FROM bad_signals ORDER BY event_id").to_pandas()
    cases = cases_of(signals, inputs.query(KNOWN), settings.evaluation.bad_cases)
    sides = cases.drop_duplicates("dedup_group")["side"].value_counts()
    told = {
        "signals": len(signals),
        "groups": int(cases["dedup_group"].nunique()),
        **{f"groups, {side}": int(count) for side, count in sides.items()},
    }
    return Frame(cases[list(BAD_CASES.column_names)], told)


bad_case_groups = sql_asset("evaluation/bad_cases/bad_case_groups.sql", GROUP, PICTURES["bad_case_groups"])
training_cases = sql_asset("evaluation/bad_cases/training_cases.sql", GROUP)


@frame_asset(
    schema=RELABEL_QUEUE, reads={"bad_cases": (-13, 0), "gold_annotations": (None, None)}, group=GROUP, once=True
)
def relabel_queue(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Bad cases that two people are to judge anew, most harmful first: two answers to one message, of which behaviour
    rejected one. Of near duplicates one is asked about. The rows have the form of `annotation_queue`.
    """
    from evalloop_assets.evaluation.bad_cases.relabelling import WAITING

    found = inputs.query(WAITING, {"most": settings.evaluation.bad_cases.relabel_most})
    return Frame(found, {"waiting": found.num_rows})


@frame_asset(
    schema=CASE_SCORES,
    reads={"bad_cases": (-41, 0), "preference_pairs": (-13, 0), "pair_scores": (-13, 0)},
    group=GROUP,
    once=True,
)
def case_scores(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """What champions make of the bad cases that they saw nothing of: those of the evaluation side, of users who are
    held out of training for good, without a near duplicate of anybody else in six weeks. Cases that only a champion
    found are left out, since it errs on all of them.
    """
    from evalloop_assets.evaluation.bad_cases.flywheel import errors, unseen

    cases = unseen(inputs.query(f"SELECT {UNSEEN} FROM bad_cases ORDER BY event_id").to_pandas())
    found = cases[cases["day"] > day - timedelta(days=14)]
    scored = found.merge(inputs.query(LEADS).to_pandas(), on="event_id", validate="one_to_one")
    rows = scored.assign(error=errors(scored["lead"]))[list(CASE_SCORES.column_names)]
    return Frame(rows, {"cases": len(found), "scored": len(rows)})


@frame_asset(schema=FLYWHEEL, reads={"case_scores": (-27, 0)}, group=GROUP, once=True, picture=PICTURES["flywheel"])
def flywheel(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Whether retraining mends what went wrong: the error of each champion on bad cases of users whom none of them
    learned from, and against the champion before it, on the cases that both scored.
    """
    from evalloop_assets.evaluation.bad_cases.flywheel import generations
    from evalloop_assets.evaluation.bad_cases.generation_rows import row_of, words

    scores = inputs.query("SELECT * FROM case_scores ORDER BY day DESC, pair_id, reward_version").to_pandas()
    found = generations(scores)
    return Frame(
        rows_of_day(FLYWHEEL, day, [row_of(one) for one in found]), {"retraining": [words(one) for one in found]}
    )


ASSETS = [bad_signals, bad_cases, bad_case_groups, training_cases, relabel_queue, case_scores, flywheel]
