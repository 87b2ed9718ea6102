"""Names in pictures."""

import pytest

from evalloop_assets.lake.picture import elided


@pytest.mark.parametrize(
    ("name", "most", "shown"),
    [
        ("padded", 6, "padded"),
        ("a-long-name-2026-03-02", 11, "a-lon…03-02"),
        ("a-long-name-2026-03-02", 10, "a-lo…03-02"),
        ("abc", 1, "…"),
    ],
)
def test_of_a_long_name_the_middle_is_left_out(name, most, shown):
    assert elided(name, most) == shown
    assert len(shown) <= most
