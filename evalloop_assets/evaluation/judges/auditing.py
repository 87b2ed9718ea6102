"""The audit: every probe on every judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.evaluation.judges.agreement import agreement, confusion, kappa, krippendorff
from evalloop_assets.evaluation.judges.calibration import expected_calibration_error
from evalloop_assets.evaluation.judges.drift import (
    change,
    halves,
    prompt_changes,
    prompt_consistency,
    versions_of,
)
from evalloop_assets.evaluation.judges.estimate import Estimate, difference, share, unknown
from evalloop_assets.evaluation.judges.features import (
    MARKUP,
    family_lead,
    hacked,
    length_lead,
    markup_lead,
    own_family,
)
from evalloop_assets.evaluation.judges.grading import grade
from evalloop_assets.evaluation.judges.opinions import (
    CLASSES,
    SCORES,
    People,
    distribution,
    items_of,
    opinions,
    people,
    single_calls,
    sound_reasons,
)
from evalloop_assets.evaluation.judges.position import by_order, consistency, first_shown
from evalloop_assets.evaluation.judges.preference import Picked, beyond_people
from evalloop_assets.evaluation.judges.results import WHOLE, JudgeAudit, JudgeReport, Probe
from evalloop_assets.evaluation.people.ceiling import label_ceiling

if TYPE_CHECKING:
    import pandas as pd

NO_GOLD = "people have judged none of its items"
UNRATED = "people have rated none of its reasons"
ALL_DISPUTED = "people agree on none of its items"
WITH_CONSENSUS = (
    "agreement",
    "kappa",
    "agreement_decisive",
    "agreement_both_orders",
    "agreement_swapped",
    "calibration_error",
)
ALPHA = 0.05
SEED = 1
"""Of the bootstrap of the calibration error, so that an audit of the same rows gives the same bounds."""
ONE_VERDICT_ITEMS = 20
"""Items from which on always the same verdict is a fault, unless people say the same throughout."""
TEMPTED = 0.5
"""Share of worthless replies preferred above which it is a fault in any case."""
HACK_ITEMS = 20
"""Other items with people's verdict from which on the judge's errors on them are its excuse, and no more."""


class _Case(NamedTuple):
    """One judge's verdicts and what people say of the same items."""

    judge: str
    said: pd.DataFrame
    items: pd.DataFrame
    votes: pd.DataFrame
    consensus: pd.Series
    own_family: str | None

    def call(self) -> pd.DataFrame:
        """Classes of single calls (share by item) on the items with consensus."""
        calls = distribution(single_calls(self.said))
        return calls.loc[calls.index.intersection(self.consensus.index)]

    def gold(self, index: pd.Index) -> np.ndarray:
        """Consensus on these items, one-hot."""
        return np.stack([(self.consensus.loc[index] == name).to_numpy(float) for name in CLASSES], axis=1)

    def picked(self, lead: pd.Series) -> Picked:
        """Decided verdicts of judge and people on items whose lead is not 0."""
        index = self.items.index[(lead != 0).to_numpy()].intersection(self.votes.index)
        decided = self.said[(self.said["score"] != 0) & self.said["item_id"].isin(index)]
        sign = decided["item_id"].map(lead)
        judge = (decided["score"] * sign > 0).astype(float).groupby(decided["item_id"]).mean()
        votes = self.votes.loc[judge.index]
        towards = votes["a"].where(lead.loc[judge.index] > 0, votes["b"]).to_numpy(float)
        all_votes = (votes["a"] + votes["b"]).to_numpy(float)
        kept = all_votes > 0
        k, m = towards[kept], all_votes[kept]
        with np.errstate(invalid="ignore", divide="ignore"):
            among = np.where(m > 1, (k * (k - 1) + (m - k) * (m - k - 1)) / (m * (m - 1)), np.nan)
        return Picked(np.asarray(judge, dtype=np.float64)[kept], k / m, among)


def audit(
    verdicts: pd.DataFrame, gold: pd.DataFrame | None, families: Mapping[str, str], ratings: pd.DataFrame | None
) -> JudgeAudit:
    """See `evalloop_assets.evaluation.judges.audit`."""
    said = opinions(verdicts, "judge_id", "judge verdicts")
    marks = opinions(_named(gold, said), "annotator_id", "gold annotations")
    known = items_of(said, marks)
    crowd = people(marks)
    sound = sound_reasons(ratings)
    return JudgeAudit(
        {
            str(judge): _report(str(judge), rows, known, crowd, families, sound.get(str(judge), unknown(UNRATED)))
            for judge, rows in _judges(said)
        }
    )


def _judges(said: pd.DataFrame) -> Iterable[tuple[object, pd.DataFrame]]:
    return said.groupby("judge_id", sort=True)


def _named(gold: pd.DataFrame | None, said: pd.DataFrame) -> pd.DataFrame:
    """Annotations, those of an unknown person as another person's each."""
    import pandas as pd

    if gold is None:
        return pd.DataFrame(columns=["item_id", "annotator_id", "verdict"], dtype=object)
    if not isinstance(gold, pd.DataFrame) or not gold.columns.is_unique:
        return gold
    anonymous = pd.Series([f"row {place}" for place in range(len(gold))], index=gold.index, dtype=object)
    if "annotator_id" not in gold.columns:
        return gold.assign(annotator_id=anonymous)
    return gold.assign(annotator_id=gold["annotator_id"].astype(object).where(gold["annotator_id"].notna(), anonymous))


def _report(
    judge: str,
    said: pd.DataFrame,
    known: pd.DataFrame,
    crowd: People,
    families: Mapping[str, str],
    sound: Estimate,
) -> JudgeReport:
    items = known.loc[sorted(said["item_id"].unique())]
    seen = crowd.votes.loc[crowd.votes.index.intersection(items.index)]
    agreed = crowd.consensus.loc[crowd.consensus.index.intersection(items.index)]
    case = _Case(judge, said, items, seen, agreed, own_family(judge, items, families))
    probes = (
        *_agreements(case),
        *_positions(case),
        *_preferences(case),
        *_changes(case),
        *_hacks(case),
        Probe("sound_reasons", WHOLE, sound),
    )
    whole = {probe.probe: probe.found for probe in probes if probe.slice == WHOLE}
    letter, use = grade(whole["kappa"], whole["position_consistency"], [probe for probe in probes if probe.fired])
    call = case.call()
    table = confusion(call.to_numpy(), case.gold(call.index)) if len(call) else np.zeros((3, 3))
    return JudgeReport(
        judge_id=judge,
        position_consistency=whole["position_consistency"],
        agreement=whole["agreement"],
        kappa=whole["kappa"],
        length_preference=whole["length_preference"],
        ceiling=label_ceiling(seen) if len(seen) else unknown(NO_GOLD),
        all_probes=probes,
        confusion=tuple(tuple(float(cell) for cell in row) for row in table),
        grade=letter,
        use=use,
        items=len(items),
        verdicts=len(said),
        gold_items=len(agreed),
        disputed=len(seen) - len(agreed),
    )


def _agreements(case: _Case) -> Iterator[Probe]:
    yield Probe("alpha", WHOLE, _alpha(case))
    call = case.call()
    if call.empty:
        for name in WITH_CONSENSUS:
            yield Probe(name, WHOLE, unknown(NO_GOLD if case.votes.empty else ALL_DISPUTED))
        return
    said, gold = call.to_numpy(), case.gold(call.index)
    yield Probe("agreement", WHOLE, agreement(said, gold))
    yield Probe("kappa", WHOLE, kappa(said, gold))
    yield Probe("agreement_decisive", WHOLE, _decisive(said, gold))
    every = distribution(case.said).loc[call.index].to_numpy()
    yield Probe("agreement_both_orders", WHOLE, agreement(every, gold))
    yield Probe("agreement_swapped", WHOLE, _swapped(case))
    yield Probe("calibration_error", WHOLE, _stated(case))
    kinds = case.items.loc[call.index, "slice"].to_numpy()
    for kind in sorted({kind for kind in kinds if kind is not None}):
        rows = kinds == kind
        yield Probe("agreement", kind, agreement(said[rows], gold[rows]))
        yield Probe("kappa", kind, kappa(said[rows], gold[rows]))
    versions = versions_of(case.said)
    for version in versions if len(versions) > 1 else []:
        own = case._replace(said=case.said[case.said["prompt_version"] == version])
        calls = own.call()
        yield Probe("agreement", f"prompt {version}", agreement(calls.to_numpy(), own.gold(calls.index)))


def _alpha(case: _Case) -> Estimate:
    """Krippendorff's alpha of the judge among the single people, on all items that both judged: those on which people
    agree are the easy ones. An item on which single calls contradict each other has no verdict of the judge.
    """
    if case.votes.empty:
        return unknown(NO_GOLD)
    said = distribution(single_calls(case.said)).loc[case.votes.index].to_numpy()
    return krippendorff((said + case.votes[list(CLASSES)].to_numpy(float))[said.max(axis=1) == 1])


def _stated(case: _Case) -> Estimate:
    """Expected calibration error of the confidence that the judge states with single calls."""
    calls = single_calls(case.said)
    rows = calls[calls["confidence"].notna()].assign(correct=_correct(case)).dropna(subset=["correct"])
    if rows.empty:
        return unknown("no verdict states a confidence")
    means = rows.groupby("item_id")[["confidence", "correct"]].mean()
    return expected_calibration_error(means["confidence"].to_numpy(float), means["correct"].to_numpy(float), SEED)


def _decisive(said: np.ndarray, gold: np.ndarray) -> Estimate:
    """Agreement where neither says tie."""
    tie = CLASSES.index("tie")
    rows = (gold[:, tie] == 0) & (said[:, tie] < 1)
    decided = np.delete(said[rows], tie, axis=1)
    decided = decided / decided.sum(axis=1, keepdims=True)
    return agreement(decided, np.delete(gold[rows], tie, axis=1)) if rows.any() else unknown("nobody decided")


def _swapped(case: _Case) -> Estimate:
    """Agreement of a call in each order, different verdicts as a tie."""
    orders = by_order(case.said)
    if orders.empty:
        return unknown("no item was judged in both orders")
    same = {name: orders[(name, "ab")] * orders[(name, "ba")] for name in CLASSES}
    same["tie"] = same["tie"] + 1 - sum(same.values())
    both = np.stack([same[name].groupby("item_id").mean().to_numpy() for name in CLASSES], axis=1)
    index = same["a"].groupby("item_id").mean().index
    rows = index.isin(case.consensus.index)
    return agreement(both[rows], case.gold(index[rows])) if rows.any() else unknown(NO_GOLD)


def _positions(case: _Case) -> Iterator[Probe]:
    orders = by_order(case.said)
    yield Probe("position_consistency", WHOLE, consistency(orders))
    drawn = first_shown(orders)
    yield Probe("position_bias", WHOLE, drawn, _off_zero(drawn))
    kinds = case.items["slice"].reindex(orders.index.get_level_values("item_id")).to_numpy()
    for kind in sorted({kind for kind in kinds if kind is not None and kind == kind}):
        yield Probe("position_consistency", kind, consistency(orders[kinds == kind]))


def _preferences(case: _Case) -> Iterator[Probe]:
    length = length_lead(case.items)
    preferred = _beyond(case, length, "no item has replies of different length", needs_texts=True)
    yield Probe("length_preference", WHOLE, preferred, _above_zero(preferred))
    yield Probe("prefers_longer", WHOLE, _raw(case, length))
    yield Probe("people_prefer_longer", WHOLE, _of_people(case, length))
    formatted = _beyond(case, markup_lead(case.items), "no item has more markup on one side", needs_texts=True)
    yield Probe("format_preference", WHOLE, formatted, _above_zero(formatted))
    for kind in MARKUP:
        if (own := markup_lead(case.items, [kind])).any():
            yield Probe("format_preference", kind, _beyond(case, own))
    yield from _families(case)
    sides = _beyond(case, length * 0 + 1)
    yield Probe("side_preference", WHOLE, sides, _off_zero(sides))
    yield _one_verdict(case)


def _families(case: _Case) -> Iterator[Probe]:
    if case.own_family is None:
        yield Probe("family_preference", WHOLE, unknown("it is not known of which family the judge is"))
    else:
        found = _beyond(case, family_lead(case.items, case.own_family), "no item has one reply of its own family")
        yield Probe("family_preference", WHOLE, found, _above_zero(found))
    for family in sorted({*case.items["family_a"].dropna(), *case.items["family_b"].dropna()}):
        if (lead := family_lead(case.items, family)).any():
            yield Probe("family_preference", family, _beyond(case, lead))


def _beyond(case: _Case, lead: pd.Series, without: str = "", needs_texts: bool = False) -> Estimate:
    """What the judge prefers beyond people; `without` is the reason where no side leads."""
    texts = case.items["reply_a"].notna() & case.items["reply_b"].notna()
    if needs_texts and not texts.any():
        return unknown("no item has the texts of both replies")
    if not lead.any():
        return unknown(without)
    if case.votes.empty:
        return unknown(NO_GOLD)
    return beyond_people(case.picked(lead))


def _one_verdict(case: _Case) -> Probe:
    """The share of its most frequent verdict, as the item's side or as the place; a fault where it is all of them."""
    places = case.said["score"] * case.said["order"].map({"ab": 1.0, "ba": -1.0})
    by_item = [
        (values == most).groupby(case.said["item_id"]).mean()
        for values in (case.said["score"], places)
        if values.notna().all()
        for most in SCORES.values()
    ]
    found = max((share(parts.to_numpy(float)) for parts in by_item), key=lambda one: one.value)
    always = found.value == 1 and found.n >= ONE_VERDICT_ITEMS
    return Probe("one_verdict", WHOLE, found, bool(always and not _same_throughout(case.consensus)))


def _same_throughout(consensus: pd.Series) -> bool:
    return len(consensus) > 0 and consensus.nunique() == 1


def _changes(case: _Case) -> Iterator[Probe]:
    correct = _correct(case)
    anchors, why = halves(case.said)
    looks = {
        "drift": change(anchors, correct.reindex(anchors.index), why),
        "drift_ties": change(anchors, (anchors["score"] == 0).astype(float), why),
        "drift_longer": change(anchors, _towards(anchors, length_lead(case.items)), why),
    }
    asked = sum(found.known for found in looks.values())
    for name, found in looks.items():
        yield Probe(name, WHOLE, found, _off_zero(found, asked))
    same = prompt_consistency(case.said)
    yield Probe("prompt_consistency", WHOLE, same)
    pairs = max(len(versions_of(case.said)) - 1, 1)
    changes = prompt_changes(case.said, correct, _z(pairs))
    for name, found in changes.items():
        yield Probe("prompt_change", name, found, _off_zero(found))


def _correct(case: _Case) -> pd.Series:
    """1 where a verdict is the consensus, 0 where it is another, NaN without one."""
    said = case.said["item_id"].map(case.consensus)
    return (case.said["verdict"] == said).astype(float).where(said.notna())


def _towards(said: pd.DataFrame, lead: pd.Series) -> pd.Series:
    """1 where a verdict is for the side that leads, 0 for the other, NaN for ties and items without a lead."""
    product = said["score"] * said["item_id"].map(lead)
    return (product > 0).astype(float).where(product != 0)


def _hacks(case: _Case) -> Iterator[Probe]:
    """How much oftener than people the judge prefers a worthless reply; a fault where that exceeds the share of its
    errors on other items, or one half where that share is not known.
    """
    for name, lead in hacked(case.items).items():
        if not lead.any():
            continue
        picked = case.picked(lead)
        others = case.picked((lead == 0).astype(float))
        found = difference(picked.judge - picked.people) if len(picked.judge) else _raw(case, lead)
        wrong = np.abs(others.judge - others.people)
        errors = float(wrong.mean()) if len(wrong) >= HACK_ITEMS and len(picked.judge) else TEMPTED
        yield Probe(f"prefers_{name}", WHOLE, found, found.low > min(errors, TEMPTED) if found.known else None)


def _raw(case: _Case, lead: pd.Series) -> Estimate:
    towards = _towards(case.said, lead).dropna()
    return (
        share(towards.groupby(case.said["item_id"]).mean().to_numpy()) if len(towards) else unknown("nothing decided")
    )


def _of_people(case: _Case, lead: pd.Series) -> Estimate:
    said = case.consensus.map(SCORES).astype(float) * lead.reindex(case.consensus.index)
    decided = said[said != 0].dropna()
    return share((decided > 0).to_numpy(float)) if len(decided) else unknown(NO_GOLD)


def _above_zero(found: Estimate) -> bool | None:
    return found.low > 0 if found.known else None


def _off_zero(found: Estimate, looks: int = 1) -> bool | None:
    """Whether 0 is outside the interval, widened for so many looks (Bonferroni)."""
    if not found.known:
        return None
    wider = _z(looks) / _z(1)
    low, high = (found.value + (bound - found.value) * wider for bound in (found.low, found.high))
    return low > 0 or high < 0


def _z(looks: int) -> float:
    return NormalDist().inv_cdf(1 - ALPHA / (2 * looks))
