"""Returns against the true ones, by hand."""

import pytest

from evalloop_assets.simulator.scoreboard.returns import FROM_ZERO, TURNS, UNGATED, measured_returns
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, at, values

FIGURE = "rank correlation of returns with the true ones"


def test_returns_by_hand():
    """Three users of one reply: true utilities 1, 2, 3, and an immature one. The table has their order, the rewards the
    reverse; as many replies come after each."""
    told = [("a", 0.1, 3.0, 1.0), ("b", 0.5, 2.0, 2.0), ("c", 0.9, 1.0, 3.0), ("d", None, 9.0, -5.0)]
    run = TinyRun(
        trajectory_returns=[
            {"event_id": e, "user_id": e, "session_id": e, "trajectory_return": known} for e, known, *_ in told
        ],
        rewards=[{"event_id": e, "reward": reward, "r_temporal": -reward} for e, _, reward, _ in told],
        reading=[{"event_id": e, "shown_at": at(number)} for number, (e, *_) in enumerate(told)],
        truth_turns=[{"event_id": e, "utility": utility} for e, *_, utility in told],
    )
    found = measured_returns(run)
    assert values(found) == pytest.approx({FIGURE: 1})
    assert values(found, FROM_ZERO) == pytest.approx({FIGURE: -1})
    assert values(found, UNGATED) == pytest.approx({FIGURE: 1})
    assert values(found, TURNS) == pytest.approx({FIGURE: float("nan")}, nan_ok=True)
