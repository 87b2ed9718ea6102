"""What text is worth that no lexicon knows: as much as a middling model's, and less the more often the same is said."""

from dataclasses import replace

import numpy as np
import pytest

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.policies import Spoken
from evalloop_assets.simulator.scenarios import Trial
from evalloop_assets.simulator.serve import serve
from evalloop_assets_tests.simulator.served import rows, small

WORDS = np.array(
    [
        "river",
        "stone",
        "under",
        "moon",
        "nobody",
        "lantern",
        "quiet",
        "over",
        "train",
        "glass",
        "winter",
        "paper",
        "gate",
    ]
)
LATE = "served >= DATE '2026-03-05'"


def constant(prompts):
    return ["Qwx zzk."] * len(prompts)


def varied(prompts):
    rng = np.random.default_rng(len(prompts))
    return [" ".join(f"{' '.join(rng.choice(WORDS, 8))}." for _ in range(5)) for _ in prompts]


def truth(tmp_path, speak) -> dict[str, tuple[float, float]]:
    """Mean utility and chance of coming back by model, once the text has been heard for some days."""
    scenario = replace(small("thin", 500), trials=(Trial("try", "steady", on_day=0, user_share=100.0),))
    policies = {"steady": Spoken(replace(INCUMBENT, model_id="steady", kind="candidate"), speak)}
    serve(scenario, Settings(home=tmp_path), 1, days=7, policies=policies)
    query = f"""
        WITH chances AS (
            SELECT model_id, avg(return_probability) AS chance FROM truth_users WHERE {LATE} GROUP BY model_id)
        SELECT model_id, avg(utility), any_value(chance) FROM truth_turns JOIN chances USING (model_id)
        WHERE {LATE} GROUP BY model_id"""
    return {model: (utility, chance) for model, utility, chance in rows(tmp_path, query)}


def test_the_same_words_for_everybody_lose_to_the_incumbent(tmp_path):
    found = truth(tmp_path, constant)
    assert found["steady"][0] < found["incumbent"][0] - 0.3
    assert found["steady"][1] < found["incumbent"][1] - 0.05


def test_varied_strange_text_is_worth_about_as_much_as_the_incumbents(tmp_path):
    found = truth(tmp_path, varied)
    assert found["steady"][0] == pytest.approx(found["incumbent"][0], abs=0.2)
    assert found["steady"][0] < found["incumbent"][0] + 0.05
