"""A candidate held against the launch gate: pass, fail, not enough data or not agreed.

A line passes where its figure's bound clears the threshold, and fails where the other bound is beyond it; between the
two the figure may be on either side, and there is not enough data. So a candidate that is exactly at the threshold
passes a line by mistake in 2.5%, and fails it in 2.5%. The gate passes where every line does, and fails where one does.
Numbers that were changed after a candidate was judged are not those that were agreed before: it passes by them only
once they are agreed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from evalloop_assets.evaluation.launch.figures import Figure
from evalloop_assets.evaluation.launch.gate_file import Gate, Line
from evalloop_assets.evaluation.launch.markdown import figure_text, table

Verdict = Literal["pass", "fail", "not enough data", "not agreed"]
PASS: Verdict = "pass"
FAIL: Verdict = "fail"
UNKNOWN: Verdict = "not enough data"
NOT_AGREED: Verdict = "not agreed"
"""Of a gate as a whole that was changed, where it does not fail."""


class Judged(NamedTuple):
    """One line, and what was measured."""

    line: Line
    figure: Figure
    verdict: Verdict
    reason: str

    @property
    def measured(self) -> str:
        """The figure, empty where there is none: the reason is told anyway."""
        return figure_text(self.figure) if self.figure.known else ""


class GateResult(NamedTuple):
    """All lines of one candidate."""

    model_id: str
    lines: tuple[Judged, ...]
    verdict: Verdict
    reason: str

    def to_markdown(self) -> str:
        """The gate as a table, its verdict above."""
        rows = [[one.line.words, one.measured, f"{one.figure.n:,}", one.verdict, one.reason] for one in self.lines]
        head = table(["agreed", "measured [95%]", "n", "verdict", "why"], rows)
        return f"**{self.model_id}: {self.verdict}** ({self.reason})\n\n{head}"


def judge(line: Line, figure: Figure) -> Judged:
    """One line."""
    if not figure.known:
        return Judged(line, figure, UNKNOWN, figure.reason)
    if figure.n < line.minimum_sample:
        return Judged(line, figure, UNKNOWN, f"{figure.n:,} are too few, {line.minimum_sample:,} were agreed")
    wanted, worse, better = line.threshold, figure.low, figure.high
    if line.direction == "at_most":
        wanted, worse, better = -line.threshold, -figure.high, -figure.low
    if worse >= wanted:
        return Judged(line, figure, PASS, "all of its interval keeps to it")
    if better < wanted:
        return Judged(line, figure, FAIL, "all of its interval is beyond it")
    return Judged(line, figure, UNKNOWN, "its interval lies on both sides")


def result(
    model_id: str, gate: Gate, figures: Sequence[Figure], agreed_hash: str | None = None, anew: str = ""
) -> GateResult:
    """The whole gate; `agreed_hash` is that of the gate by which the candidate was first judged, None where this is
    the first time, and `anew` the first digits of that of a changed gate that was agreed since.
    """
    lines = tuple(judge(line, figure) for line, figure in zip(gate.lines, figures, strict=True))
    failed, open_ = ([one.line.words for one in lines if one.verdict == verdict] for verdict in (FAIL, UNKNOWN))
    verdict = FAIL if failed else UNKNOWN if open_ else PASS
    reason = f"all of {len(lines)} lines pass"
    if failed or open_:
        reason = f"{'not reached' if failed else 'still open'}: {'; '.join(failed or open_)}"
    if agreed_hash not in (None, gate.hash):
        reason += f". The gate was changed after the first evaluation, from {str(agreed_hash)[:12]} to {gate.hash[:12]}"
        if anew and gate.hash.startswith(anew):
            reason += ", and agreed anew"
        else:
            verdict = FAIL if failed else NOT_AGREED
            reason += f"; once that is agreed, set evaluation.launch.agreed to {gate.hash[:12]}"
    return GateResult(model_id, lines, verdict, reason)
