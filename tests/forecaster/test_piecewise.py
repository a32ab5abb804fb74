"""Numbers as shares of bins."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nextsem.forecaster.piecewise import bin_edges, encode


@given(arrays(float, (30, 2), elements=st.floats(-5, 5)), st.integers(1, 15))
def test_bins_keep_the_order_and_lose_nothing_within_the_range(
    values: np.ndarray, bins: int
) -> None:
    used = np.ones(30, dtype=bool)
    edges = bin_edges(values, used, bins)
    encoded = encode(values, edges)
    assert ((encoded >= 0) & (encoded <= 1)).all()
    assert encoded.shape[1] == sum(max(len(own) - 1, 0) for own in edges)
    first = 0
    for column, own in zip(values.T, edges, strict=True):
        shares = encoded[:, first : first + max(len(own) - 1, 0)]
        first += shares.shape[1]
        if own:
            np.testing.assert_allclose(own[0] + shares @ np.diff(own), column, atol=1e-9)


def test_values_beyond_the_bins_count_as_their_ends() -> None:
    edges = bin_edges(np.arange(11.0)[:, None], np.ones(11, dtype=bool), 2)
    assert edges == [[0.0, 5.0, 10.0]]
    assert encode(np.array([[-3.0], [7.5], [12.0]]), edges).tolist() == [[0, 0], [1, 0.5], [1, 1]]
