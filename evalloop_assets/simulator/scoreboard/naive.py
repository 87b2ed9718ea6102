"""What analysts without the loop would do: naive methods that see exactly the same data of a simulated experiment.

- `daily peeking`: the guardrail's rules with fixed 95% bounds, users as clusters;
- `daily peeking, no margin`: the same, but any loss of return beyond its fixed bounds is harm;
- `daily peeking, conversation t-test`: the guardrail's rules with fixed 95% bounds of Welch's t-test, in which every
  conversation (every reply for red flags) is a unit of its own, and return is whether its user came on the next day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.guardrails.verdict import DURATION, Limits
from evalloop_assets.online_ab.influence import Z_95
from evalloop_assets.online_ab.results import Result
from evalloop_assets.simulator.scoreboard.experiment_rows import RETURN
from evalloop_assets.simulator.scoreboard.experiments import WINDOW, Chats, Floats
from evalloop_assets.simulator.scoreboard.figures import LOOP

PEEKING = "daily peeking"
NO_MARGIN = "daily peeking, no margin"
T_TEST = "conversation t-test"
PEEKING_T_TEST = f"{PEEKING}, {T_TEST}"
POOLED = "pooled over the ramp"
METHODS = (LOOP, PEEKING, NO_MARGIN, PEEKING_T_TEST)
"""All that judge an experiment day by day."""


def naive_causes(results: Sequence[Result], limits: Limits) -> dict[str, str | None]:
    """Cause of the alarm of each method with fixed bounds and users as clusters."""
    found = {result.metric: result for result in results if result.least_users >= limits.minimum_users}
    flag = next((n for n, limit in limits.red_flags.items() if n in found and found[n].low > limit), None)
    stayed, came_back = found.get(DURATION), found.get(RETURN)
    down = came_back is not None and came_back.high < 0
    gaming = "gaming" if down and stayed is not None and stayed.low > 0 else None
    harm = "harm" if came_back is not None and came_back.high < -limits.retention_margin else None
    flagged = "red_flag" if flag else None
    return {PEEKING: flagged or gaming or harm, NO_MARGIN: flagged or ("harm" if down else None)}


@dataclass(frozen=True)
class ArmSums:
    """What a t-test with conversations as units needs: sums of the window of each look by arm, (looks, 2) each."""

    conversations: Floats
    seconds: Floats
    seconds_squared: Floats
    replies: Floats
    flags: Mapping[str, Floats]
    """Regenerations and complaints."""
    followed: Floats
    """Conversations of which it is known whether their user came on the next day."""
    returned: Floats

    @classmethod
    def of(cls, log: Chats, days: int) -> ArmSums:
        known = ~np.isnan(log.came_next_day)
        return cls(
            conversations=_windows(log, None, days),
            seconds=_windows(log, log.seconds, days),
            seconds_squared=_windows(log, log.seconds**2, days),
            replies=_windows(log, log.replies, days),
            flags={
                "regeneration": _windows(log, log.regenerations, days),
                "complaint": _windows(log, log.complaints, days),
            },
            followed=_windows(log, known, days, unknown=2),
            returned=_windows(log, np.where(known, log.came_next_day, 0.0), days, unknown=2),
        )

    def alarm(self, limits: Limits) -> dict[str, tuple[int, str]]:
        """The method's first day of alarm, 1 is the first, and its cause; empty without any."""
        stayed, _ = _welch(self.conversations, self.seconds, self.seconds_squared)
        _, came_back = _welch(self.followed, self.returned, self.returned)
        flagged = np.zeros(len(stayed), np.bool_)
        for name, count in self.flags.items():
            flagged |= _welch(self.replies, count, count)[0] > limits.red_flags[name]
        flagged &= self.conversations.min(axis=1) >= limits.minimum_users
        ripe = self.followed.min(axis=1) >= limits.minimum_users
        causes = {
            "red_flag": flagged,
            "gaming": ripe & (stayed > 0) & (came_back < 0),
            "harm": ripe & (came_back < -limits.retention_margin),
        }
        first = [(int(np.argmax(days)) + 1, cause) for cause, days in causes.items() if days.any()]
        return {PEEKING_T_TEST: min(first, key=lambda alarm: alarm[0])} if first else {}

    def seconds_differ(self, look: int) -> bool:
        """Whether p < 0.05 for seconds per conversation."""
        low, high = _welch(self.conversations, self.seconds, self.seconds_squared)
        return not low[look] <= 0 <= high[look]


def _windows(log: Chats, value: NDArray[Any] | None, days: int, unknown: int = 0) -> Floats:
    """(days, 2) sums by arm over the 14 days up to each, of which the last `unknown` are not known yet."""
    sums = np.zeros((days + 1, 2))
    np.cumsum(np.bincount(log.day * 2 + log.treated, value, days * 2).reshape(days, 2), axis=0, out=sums[1:])
    last = np.arange(days)
    begin: NDArray[np.int64] = np.maximum(last - WINDOW + 1, 0)
    return np.subtract(sums[np.maximum(last + 1 - unknown, begin)], sums[begin])


def _welch(n: Floats, s: Floats, q: Floats) -> tuple[Floats, Floats]:
    """95% bounds of the difference of means from counts, sums and sums of squares, (looks, 2) each."""
    size = np.maximum(n, 2)
    m = s / size
    half = Z_95 * np.sqrt((np.maximum(q / size - m**2, 0) / (size - 1)).sum(axis=1))
    effect = m[:, 1] - m[:, 0]
    return effect - half, effect + half
