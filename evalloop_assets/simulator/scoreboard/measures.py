"""Everything that is measured of one run, in the order of the board."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalloop_assets.simulator.scoreboard.ab import measured_ab
from evalloop_assets.simulator.scoreboard.breaks import measured_breaks
from evalloop_assets.simulator.scoreboard.credit import measured_credit
from evalloop_assets.simulator.scoreboard.exits import measured_exits
from evalloop_assets.simulator.scoreboard.gate import measured_gate
from evalloop_assets.simulator.scoreboard.labels import measured_labels
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.offline import measured_offline
from evalloop_assets.simulator.scoreboard.pairs import measured_pairs
from evalloop_assets.simulator.scoreboard.people import measured_people
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.scoreboard.policy import measured_policy
from evalloop_assets.simulator.scoreboard.ratings import measured_ratings
from evalloop_assets.simulator.scoreboard.reading import measured_reading
from evalloop_assets.simulator.scoreboard.returns import measured_returns
from evalloop_assets.simulator.scoreboard.reward import measured_reward
from evalloop_assets.simulator.scoreboard.verdicts import measured_verdicts

MEASURES: Sequence[Callable[[Run], list[Measured]]] = (
    measured_people,
    measured_exits,
    measured_reading,
    measured_labels,
    measured_pairs,
    measured_reward,
    measured_gate,
    measured_breaks,
    measured_credit,
    measured_returns,
    measured_offline,
    measured_policy,
    measured_ratings,
    measured_ab,
    measured_verdicts,
)
