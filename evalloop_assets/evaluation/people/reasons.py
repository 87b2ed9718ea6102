"""Reasons of judges, a sample of them for people to rate: a right verdict for a wrong reason is luck.

A person is shown what the judge was shown, its verdict and its reason, not which judge it was, and says whether the
reason is sound: true of the replies, and speaking for the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOUND = {"sound": True, "unsound": False}
"""What a person may answer."""
SHOWN = {
    "ab": {"a": "first", "b": "second", "tie": "tie"},
    "ba": {"a": "second", "b": "first", "tie": "tie"},
}
"""A verdict in the words of the order in which the replies were shown."""
REASONS = """
    SELECT
      *,
      md5(concat_ws(chr(31), item_id, judge_id, coalesce(prompt_version, ''), coalesce("order", ''), reason))
                                                                         AS reason_id
    FROM judge_verdicts
    WHERE reason IS NOT NULL AND reply_a IS NOT NULL AND reply_b IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY reason_id ORDER BY decided_at, verdict) = 1
"""
"""SELECT over judge_verdicts: each reason once, however often it was given in the same words for the same question."""
WAITING = f"""
WITH reasons AS ({REASONS}),
of_items AS (
  SELECT *
  FROM reasons
  QUALIFY row_number() OVER (PARTITION BY judge_id, item_id ORDER BY reason_id) = 1
),
-- Ids are hashes, so the first of them are a sample that neither judge nor verdict decides, and that stays.
sampled AS (
  SELECT *, row_number() OVER (PARTITION BY judge_id ORDER BY reason_id) AS drawn
  FROM of_items
)
SELECT
  reason_id,
  row_number() OVER (ORDER BY drawn, judge_id)                           AS place,
  judge_id,
  item_id,
  "order",
  verdict,
  reason,
  user_text,
  reply_a,
  reply_b
FROM sampled
WHERE drawn <= $most AND reason_id NOT IN (SELECT reason_id FROM reason_ratings)
ORDER BY place
"""
"""SELECT over judge_verdicts and reason_ratings: `most` reasons of each judge, an item once, less those rated."""
RATED = f"""
WITH reasons AS ({REASONS})
SELECT judge_id, reasons.item_id, avg(CAST(sound AS DOUBLE)) AS sound
FROM reason_ratings
JOIN reasons USING (reason_id)
GROUP BY judge_id, reasons.item_id, reason_id
ORDER BY ALL
"""
"""SELECT over the same: how many of the people who rated a reason found it sound, a share."""


def reason_task(row: Mapping[str, Any], guideline: str) -> dict[str, Any]:
    """One waiting reason as an annotator gets it; `row` is one of `reason_queue`."""
    order = row["order"] or "ab"
    first, second = (row["reply_a"], row["reply_b"]) if order == "ab" else (row["reply_b"], row["reply_a"])
    return {
        "reason_id": row["reason_id"],
        "item_id": row["item_id"],
        "prompt_version": guideline,
        "user_text": row["user_text"] or "",
        "first": first,
        "second": second,
        "judge_says": SHOWN[order][row["verdict"]],
        "judge_reason": row["reason"],
    }
