"""What an audit finds: probes with intervals, and a report for each judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.evaluation.judges.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "all"
"""Name of the slice that holds every item."""


class Probe(NamedTuple):
    """One question put to a judge's verdicts, and its answer."""

    probe: str
    slice: str
    """`all`, or a kind of item, a prompt version, a family, a kind of markup."""
    found: Estimate
    fired: bool | None = None
    """The judge has this fault; None where the probe only describes, or cannot tell."""


@dataclass(frozen=True)
class JudgeReport:
    """One judge."""

    judge_id: str
    position_consistency: Estimate
    """Share of items on which it prefers the same side in both orders, within one version of its prompt."""
    agreement: Estimate
    """Share of items on which a single call says what people say; ties are a class. The call is that in the order ab
    where there is one."""
    kappa: Estimate
    """Cohen's kappa of the same verdicts."""
    length_preference: Estimate
    """Share of decided items on which it prefers the longer reply, beyond that of a judge that follows people
    (`preference`)."""
    ceiling: Estimate
    """Agreement that a judge without error would reach, given how far people agree with each other."""
    all_probes: tuple[Probe, ...]
    """Everything that was asked, these four included."""
    confusion: tuple[tuple[float, ...], ...]
    """Items by what people say (rows) and what a single call says (columns), each in the order a, tie, b."""
    grade: str
    """A to F; empty where there is not enough to grade by (`grading`)."""
    use: str
    """What to use it for, and why not for more."""
    items: int
    verdicts: int
    gold_items: int
    """Items that people agree on too."""
    disputed: int
    """Items that people see but do not agree on; they count nowhere above."""

    @property
    def fired(self) -> tuple[str, ...]:
        """Faults that it has."""
        return tuple(probe.probe for probe in self.all_probes if probe.fired)


class JudgeAudit(Mapping[str, JudgeReport]):
    """The report of each judge, by judge_id."""

    def __init__(self, judges: Mapping[str, JudgeReport]) -> None:
        self.judges = dict(judges)

    def __getitem__(self, judge_id: str) -> JudgeReport:
        return self.judges[judge_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.judges)

    def __len__(self) -> int:
        return len(self.judges)

    def probes(self) -> pd.DataFrame:
        """One row a judge, probe and slice: value, low, high, n, fired, reason."""
        import pandas as pd

        rows = [
            {"judge_id": name, "probe": probe, "slice": part, **found._asdict(), "fired": fired}
            for name, report in self.judges.items()
            for probe, part, found, fired in report.all_probes
        ]
        columns = ["judge_id", "probe", "slice", *Estimate._fields, "fired"]
        return pd.DataFrame(rows, columns=columns).astype({"fired": "boolean"})

    def frame(self) -> pd.DataFrame:
        """One row a judge, indexed by judge_id: each of the four figures with `_low` and `_high`, grade, use, fired."""
        import pandas as pd

        rows = []
        for name, report in self.judges.items():
            row: dict[str, object] = {"judge_id": name}
            for figure in ("position_consistency", "agreement", "kappa", "length_preference"):
                found = getattr(report, figure)
                row |= {figure: found.value, f"{figure}_low": found.low, f"{figure}_high": found.high}
            rows.append(row | {"grade": report.grade, "use": report.use, "fired": ", ".join(report.fired)})
        return pd.DataFrame(rows).set_index("judge_id") if rows else pd.DataFrame(index=pd.Index([], name="judge_id"))
