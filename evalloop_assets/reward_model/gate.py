"""Whether a challenger becomes the champion."""

from __future__ import annotations

from typing import NamedTuple

from evalloop_assets.reward_model.evaluation import Comparison


class Verdict(NamedTuple):
    """Promoted or not, with the reason in plain words."""

    promoted: bool
    reason: str


def judge(
    challenger_through: str, champion_through: str | None, comparison: Comparison | None, slack: float
) -> Verdict:
    """A challenger is promoted if there is no champion that can be read, or if its reward agrees with the held-out
    labels no worse than the champion's, by more than `slack` (a share). One trained on older days never replaces a
    champion, and without a held-out label a champion stays. The days are ISO dates.
    """
    if champion_through is None or comparison is None:
        return Verdict(True, "there is no champion to compare with")
    if challenger_through < champion_through:
        return Verdict(False, f"trained through {challenger_through}, the champion through {champion_through}")
    labels = comparison.difference.n
    if not labels:
        return Verdict(False, "no held-out label to compare on")
    figures = (
        f"accuracy {comparison.challenger:.3f} against {comparison.champion:.3f} of the champion "
        f"on {labels} labels of {comparison.difference.users} held-out users"
    )
    if comparison.difference.value < -slack:
        return Verdict(False, f"worse: {figures}")
    return Verdict(True, f"no worse: {figures}")
