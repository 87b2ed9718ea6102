"""What padding gains and what the gate sees, counted by hand."""

import pytest

from evalloop_assets.simulator.scenarios import find_scenario
from evalloop_assets.simulator.scoreboard.gate import DWELL, LENGTH, UNGATED, measured_gate
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values

LEAD, RANK = "lead of the model that pads, champion's SDs", "rank correlation with true quality of a reply"

ROWS = [
    # event, model, reward, r_temporal, quality, dwell, text
    ("a", "incumbent", 1.0, 1.0, 0.9, 1000, "xx"),
    ("b", "incumbent", -1.0, -1.0, 0.1, 3000, "xxx"),
    ("c", "padding", -0.5, 0.5, 0.2, 5000, "xxxx"),
]


def run(scenario: str) -> TinyRun:
    found = TinyRun(
        rewards=[
            {"event_id": e, "model_id": model, "reward": reward, "r_temporal": r, "gate": 0.5}
            for e, model, reward, r, *_ in ROWS
        ],
        truth_turns=[{"event_id": e, "quality": quality} for e, *_, quality, _, _ in ROWS],
        turns=[{"event_id": e, "dwell_ms": dwell, "reply_text": text} for e, *_, dwell, text in ROWS],
    )
    found.scenario = find_scenario(scenario)
    return found


def test_what_padding_gains_by_hand():
    """The champion's rewards have mean 0 and SD 1.

    Logarithms of dwell are 6.9078 and 8.0064, their mean 7.4571 and SD 0.5493; 8.5172 lies 1.9300 SDs above.
    """
    found = measured_gate(run("padding"))
    assert values(found) == pytest.approx({RANK: 1.0, LEAD: -0.5})
    assert values(found, UNGATED) == pytest.approx({RANK: 1.0, LEAD: 0.5})
    assert values(found, DWELL) == pytest.approx({LEAD: 1.93}, abs=1e-3)
    assert values(found, LENGTH)[RANK] < 0


def test_nothing_is_said_of_padding_where_nobody_pads():
    assert LEAD not in values(measured_gate(run("a_a")))
