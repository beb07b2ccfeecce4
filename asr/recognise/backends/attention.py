"""From cross-attention to times: dynamic time warping of tokens and steps of the encoder. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEXT_TOKEN, NEXT_STEP = 1, 2  # 0: both
MEDIAN_FILTER_WIDTH = 7


def smoothed(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the alignment heads look at, (tokens, steps), of their attention before its softmax, (heads, tokens, steps).

    Normalised over all tokens, those before the text too, the median over seven steps, the mean of the heads.
    """
    weights = np.exp(looks - looks.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    deviation = weights.std(axis=1, keepdims=True)
    weights = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(deviation, 1e-9)
    mean: NDArray[np.float32] = median_filter(weights).mean(axis=0)
    return mean


def median_filter(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median over seven steps, reflected at the ends."""
    half = MEDIAN_FILTER_WIDTH // 2
    if weights.shape[-1] <= half:
        return weights
    padded = np.pad(weights, (*[(0, 0)] * (weights.ndim - 1), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_FILTER_WIDTH, axis=-1)
    median: NDArray[np.float32] = np.partition(windows, half, axis=-1)[..., half]
    return median


def warp(weights: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The monotonic path of the largest weights through (tokens, steps): the token and the step of each of its points."""
    tokens, steps = weights.shape
    cost = np.full((tokens + 1, steps + 1), np.inf)
    cost[0, 0] = 0
    for row in range(tokens):
        entered = np.minimum(cost[row, :-1], cost[row, 1:])
        passed = np.cumsum(
            -weights[row], dtype=np.float64
        )  # the cost of staying in this row from its first step on
        cost[row + 1, 1:] = passed + np.minimum.accumulate(entered - passed - weights[row])
    moves = np.stack((cost[:-1, :-1], cost[:-1, 1:], cost[1:, :-1])).argmin(axis=0)
    return _backtrace(moves)


def _backtrace(moves: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    token, step = moves.shape[0] - 1, moves.shape[1] - 1
    path = [(token, step)]
    while token or step:
        move = NEXT_STEP if not token else NEXT_TOKEN if not step else moves[token, step]
        token -= move != NEXT_STEP
        step -= move != NEXT_TOKEN
        path.append((token, step))
    points = np.array(path[::-1], dtype=np.int64)
    return points[:, 0], points[:, 1]
