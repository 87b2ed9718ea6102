"""How far the simulated people are from people on record."""

from __future__ import annotations

from evalloop_assets.simulator.realism import distances, simulated_figures
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.serve import truth_folder

STAGE = "simulator"


def measured_people(run: Run) -> list[Measured]:
    """Distances of `healthy` from the published figures; nothing for the other scenarios, whose people are the same."""
    if run.scenario.name != "healthy":
        return []
    simulated = simulated_figures(run.settings.landing, truth_folder(run.settings.home))
    return [
        Measured(
            STAGE, f"{one.figure} against {one.source}, distance by the reference's mean", LOOP, "low", one.distance
        )
        for one in distances(simulated, resamples=0)
    ]
