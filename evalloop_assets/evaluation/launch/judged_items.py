"""Whether judges and people see a candidate win on the same items: the classifier's report card of its judging.

A win rate by judges says as much of a candidate as judges agree with people about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalloop_assets.evaluation.launch.report_card import Extras, ReportCard, card

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

WINS, TIE, LOSES = "wins", "tie", "loses"
LEAST_ITEMS = 30
SIDES = """
    SELECT item_id, verdict, family_a = $model AS is_a
    FROM {table} WHERE $model IN (family_a, family_b) AND family_a <> family_b
"""
WON = """
    SELECT item_id, avg(CASE verdict WHEN 'tie' THEN 0 WHEN 'a' THEN 1 ELSE -1 END * CASE WHEN is_a THEN 1 ELSE -1 END)
      AS won
    FROM ({sides}) GROUP BY item_id
"""
SAID = f"CASE WHEN {{0}}.won > 0 THEN '{WINS}' WHEN {{0}}.won < 0 THEN '{LOSES}' ELSE '{TIE}' END"
BOTH = f"""
    WITH judges AS ({WON.format(sides=SIDES.format(table="judge_verdicts"))}),
    people AS ({WON.format(sides=SIDES.format(table="gold_annotations"))})
    SELECT {SAID.format("people")} AS by_people, {SAID.format("judges")} AS by_judges
    FROM judges JOIN people ON people.item_id = judges.item_id
    ORDER BY judges.item_id
"""


def judged_card(inputs: Inputs, model: str) -> ReportCard | None:
    """What the majority of judges says of an item, held against what the majority of people says, item by item; None
    where fewer than LEAST_ITEMS were judged by both.
    """
    rows = inputs.query(BOTH, {"model": model})
    if rows.num_rows < LEAST_ITEMS:
        return None
    return card(rows["by_people"].to_pylist(), rows["by_judges"].to_pylist(), None, Extras(), LEAST_ITEMS)


def judged_text(found: ReportCard | None) -> str:
    """The card as Markdown, or why there is none."""
    if found is None:
        return f"Judges against people: not enough data, fewer than {LEAST_ITEMS} items were judged by both."
    return f"Judges (predicted) against people (true), {found.rows:,} items\n\n{found.to_markdown()}"
