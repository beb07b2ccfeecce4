"""Dynamic time warping against every path there is."""

from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asr.recognise.backends import first_of_each
from asr.recognise.backends.attention import warp

WEIGHTS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 7)),
    elements=st.floats(-3, 3, width=16),
)


def most(weights):
    """What the best path collects: by recursion over the whole matrix."""

    @cache
    def best(i, j):
        if i < 0 or j < 0:
            return 0.0 if i == j == -1 else -np.inf
        return float(weights[i, j]) + max(best(i - 1, j - 1), best(i - 1, j), best(i, j - 1))

    return best(weights.shape[0] - 1, weights.shape[1] - 1)


@given(WEIGHTS)
def test_the_path_is_monotonic_whole_and_collects_the_most(weights):
    tokens, steps = warp(weights)
    assert (tokens[0], steps[0]) == (0, 0)
    assert (tokens[-1] + 1, steps[-1] + 1) == weights.shape
    moves = set(zip(np.diff(tokens), np.diff(steps), strict=True))
    assert moves <= {(1, 1), (1, 0), (0, 1)}
    assert np.isclose(weights[tokens, steps].sum(dtype=np.float64), most(weights), atol=1e-4)


def test_each_token_begins_where_its_weights_do():
    weights = np.zeros((3, 9), dtype=np.float32)
    weights[0, :4], weights[1, 4:5], weights[2, 5:] = 1, 1, 1
    assert first_of_each(*warp(weights)).tolist() == [0, 4, 5]
