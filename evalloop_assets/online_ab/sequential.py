"""Always-valid bounds under the name by which the A/B stage is known; ranking shares them."""

from evalloop_assets.sequential import always_valid_bounds, mixture_scale

__all__ = ["always_valid_bounds", "mixture_scale"]
