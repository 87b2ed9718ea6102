"""The cast and the size of the demo.

What the cast must show, in truth and in the log of two days (the tests measure it): `padded` against `incumbent` raises
effective reading per conversation by at least 40% and lowers next-day return by at least 15 points; the best of 4
replies of the incumbent by a decent reward raises next-day return by at least 10 points at nearly the same length. Over
four seeds, with half of the users randomised 50/50 by user (about 680 users an arm after two days), the log showed +59%
to +71% and -16 to -19 points, and for the best of 4 by a noisy score +11 to +17 points.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from evalloop_assets.simulator.conditions import Conditions, Scale
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.policies import Policy, templated
from evalloop_assets.simulator.product import Product

DULL = ModelSpec("ref-dull", "reference", instant=0.3, momentum=0.25, payoff=0.2, freshness=0.3, stability=0.8)
PLAIN = ModelSpec("ref-plain", "reference", instant=0.5, momentum=0.5, payoff=0.4, freshness=0.6, stability=0.9)
RICH = ModelSpec(
    "ref-rich", "reference", instant=0.8, momentum=0.8, payoff=0.7, freshness=0.9, stability=0.98, latency_ms=1600,
    cost_per_1k_tokens=0.01,
)  # fmt: skip
INCUMBENT = ModelSpec("incumbent", "incumbent", instant=0.55, momentum=0.55, payoff=0.5, freshness=0.7, stability=0.92)
PADDED = ModelSpec(
    "padded", "candidate", instant=0.55, momentum=0.5, payoff=0.4, freshness=0.6, stability=0.92, padding=7.0,
    latency_ms=1500, parent="incumbent",
)  # fmt: skip
REFERENCES = (DULL, PLAIN, RICH)
CAST = (*REFERENCES, INCUMBENT, PADDED)

DEMO_SCALE = Scale(base_users=3200, new_users=125, battles=800)
"""About 1,400 users and 17,000 replies a day."""


def demo_policies() -> dict[str, Policy]:
    """The templated cast by model id; add candidates of the loop (`BestOfN`) to it."""
    return templated(CAST)


def demo_product(folder: Path, seed: int, first_day: date, scale: Scale = DEMO_SCALE) -> Product:
    """The demo's product with state and truth in sub-folders of `folder`."""
    return Product(folder / "product", folder / "truth", seed, first_day, Conditions(scale))
