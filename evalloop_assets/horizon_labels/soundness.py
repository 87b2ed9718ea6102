"""Whether pairs are fit to learn from: nothing but the text tells the preferred side, and each says its own thing once.

All of it is asked of a relation `pairs`: columns of `preference_pairs`, and `preferred`, the side preferred at the
horizon that the pair is used for (A, B, tie or censored).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.horizon_labels.leakage import leak
from evalloop_assets.settings import LabelSettings

if TYPE_CHECKING:
    import pyarrow as pa

Query = Callable[[str], "pa.Table"]
"""Runs one SELECT over `pairs`."""

SPOKEN = "CASE horizon_tag WHEN 'immediate' THEN immediate WHEN 'medium' THEN delayed_5 ELSE delayed_session END"
"""Side preferred at the horizon that a pair's evidence speaks about."""

LEADS = """
    SELECT
        source,
        user_id,
        if(preferred = 'A', 1, -1) * (position_a - position_b) AS position,
        if(preferred = 'A', 1, -1) * (ln(length(reply_a) + 1) - ln(length(reply_b) + 1)) AS length
    FROM pairs
    WHERE preferred IN ('A', 'B')
"""

COUNTS = f"""
    SELECT
        source,
        count(*) AS pairs,
        count(*) FILTER (({SPOKEN}) NOT IN ('A', 'B')) AS undecided,
        count(*) FILTER (preferred = 'A') AS a,
        count(*) FILTER (preferred = 'B') AS b,
        count(*) - count(DISTINCT pair_id) AS same_id,
        -- A user may be asked about the same two replies in another battle.
        count(*) FILTER (behaved) - count(DISTINCT [least(event_id_a, event_id_b), greatest(event_id_a, event_id_b)])
            FILTER (behaved) AS same_replies
    FROM (SELECT *, source <> 'battle' AND event_id_a || event_id_b IS NOT NULL AS behaved FROM pairs)
    GROUP BY source
    ORDER BY source
"""

REPEATS = """
    WITH said AS (
        SELECT
            source, user_id, preferred,
            md5(to_json([user_text_a, reply_a])) AS a,
            md5(to_json([user_text_b, reply_b])) AS b
        FROM pairs
        WHERE reply_a IS NOT NULL AND reply_b IS NOT NULL
    ),
    choices AS (
        SELECT
            source, user_id, least(a, b) AS one, greatest(a, b) AS other,
            CASE preferred WHEN 'A' THEN a WHEN 'B' THEN b END AS chosen
        FROM said
    ),
    by_source AS (SELECT source, count(*) - 1 AS again FROM choices GROUP BY source, user_id, one, other),
    by_user AS (
        SELECT least(count(*) FILTER (chosen = one), count(*) FILTER (chosen = other)) AS against
        FROM choices GROUP BY user_id, one, other
    )
    SELECT
        (SELECT count(*) FROM choices)               AS pairs,
        (SELECT sum(again)::BIGINT FROM by_source)   AS repeated,
        (SELECT sum(against)::BIGINT FROM by_user)   AS contradicted
"""

POSITION, LENGTH, SIDES, UNDECIDED, TWICE, REPEATED, CONTRADICTED = (
    "position", "length", "sides", "undecided", "twice", "repeated", "contradicted",
)  # fmt: skip
EVERY = "every source"
OTHER_SOURCES = "Leave the source out (--source), or choose other days."
AGAIN = "Compute the days again: evalloop run --from DAY --to DAY."
SAME_LOG = "Look for users whose log was delivered under two sets of ids, and choose days without it."


class Finding(NamedTuple):
    """One check of one source of pairs."""

    check: str
    source: str
    figure: float
    """AUC, share or count, as `said` tells; NaN where there is nothing to tell it from."""
    pairs: int
    broken: bool
    said: str
    mend: str


def findings(query: Query, limits: LabelSettings) -> list[Finding]:
    """Every check on `pairs`; ten pairs prove little, so leaks and sides must also be beyond what chance gives."""
    rows = query(COUNTS).to_pylist()
    return [
        *_leaks(query(LEADS), limits),
        *_sides(sum(row["a"] for row in rows), sum(row["b"] for row in rows)),
        *(_undecided(row, limits.undecided_tolerance) for row in rows),
        *(_twice(row) for row in rows),
        *_repeats(query(REPEATS).to_pylist()[0], limits.repeat_tolerance),
    ]


def of_check(found: Iterable[Finding], *checks: str) -> list[Finding]:
    return [one for one in found if one.check in checks]


def _leaks(leads: pa.Table, limits: LabelSettings) -> list[Finding]:
    import pyarrow.compute as pc

    found = []
    for check, tolerance in ((POSITION, limits.leak_tolerance), (LENGTH, limits.length_tolerance)):
        known = leads.filter(pc.is_valid(leads[check]))
        for source in sorted(pc.unique(known["source"]).to_pylist()):
            of = known.filter(pc.equal(known["source"], source))
            one = leak(of[check].to_numpy(), of["user_id"].to_numpy())
            said = f"{check} alone tells the preferred side of {source} pairs with AUC {one.auc:.3f} of {one.pairs}"
            found.append(Finding(check, source, one.auc, one.pairs, one.found(tolerance), said, OTHER_SOURCES))
    return found


def _sides(a: int, b: int) -> list[Finding]:
    """A coin drew the sides, whoever the user: four standard errors are chance in one of 16,000."""
    n = a + b
    share = a / n if n else float("nan")
    broken = n > 0 and abs(share - 0.5) > 2 / n**0.5
    return [Finding(SIDES, EVERY, share, n, broken, f"side a is preferred in {share:.1%} of {n} decided pairs", AGAIN)]


def _undecided(row: dict[str, int], tolerance: float) -> Finding:
    share = row["undecided"] / row["pairs"]
    said = f"{share:.1%} of {row['pairs']} {row['source']} pairs are ties or censored"
    return Finding(UNDECIDED, str(row["source"]), share, row["pairs"], share > tolerance, said, OTHER_SOURCES)


def _twice(row: dict[str, int]) -> Finding:
    count = max(row["same_id"], row["same_replies"])
    said = f"{count} of {row['pairs']} {row['source']} pairs join two replies that another one joins"
    return Finding(TWICE, str(row["source"]), count, row["pairs"], count > 0, said, AGAIN)


def _repeats(row: dict[str, int], tolerance: float) -> list[Finding]:
    n = row["pairs"]
    found = []
    for check, count, what in (
        (REPEATED, row["repeated"] or 0, "say of one user again what another of their source says"),
        (
            CONTRADICTED,
            row["contradicted"] or 0,
            "prefer, of the same two texts, what the same user rejects in another",
        ),
    ):
        share = count / n if n else float("nan")
        found.append(Finding(check, EVERY, share, n, share > tolerance, f"{count} of {n} pairs {what}", SAME_LOG))
    return found
