import numpy as np
import pytest

from evalloop_assets.distinct import distinct


@pytest.mark.parametrize("values", [[], [3, 1, 3, 2, 1], [[2, 1], [1, 2]]])
def test_as_numpy_tells_them(values):
    found = distinct(np.array(values, np.int64))
    np.testing.assert_array_equal(found, np.unique(np.array(values, np.int64)))
    assert found.dtype == np.int64
