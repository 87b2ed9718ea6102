"""Real experiments: whoever looks at fixed bounds all the time sees effects that are gone at the end."""

import pytest

from benchmarks.ab import ASOS, peeked

pytestmark = pytest.mark.skipif(not ASOS.exists(), reason="no folder with the experiments of ASOS")


@pytest.fixture(scope="module")
def trajectories():
    return peeked(ASOS, every=4)


def test_bounds_for_many_looks_exclude_no_effect_far_less_often_than_peeking_and_take_it_back_less_often(trajectories):
    assert len(trajectories) > 40
    ever, back = (
        {
            name: sum(getattr(one, name).any() and (last or not getattr(one, name)[-1]) for one in trajectories)
            for name in ("naive", "planned", "always")
        }
        for last in (True, False)
    )
    assert ever["always"] < ever["planned"] < ever["naive"]
    assert 3 * back["always"] < back["naive"]
    fixed = sum(one.naive[-1] for one in trajectories)
    assert ever["always"] <= fixed < ever["naive"] / 2


def test_always_valid_bounds_are_wider_than_fixed_ones_at_every_look(trajectories):
    for one in trajectories:
        assert not (one.always & ~one.naive).any()
        assert not (one.planned & ~one.naive).any()
