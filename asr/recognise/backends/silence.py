"""The silence behind a window's audio, in a few steps of the encoder. Pure.

With too little silence behind the words Whisper, trained on windows of 30 s, repeats itself or leaves words out. But what it makes
of one silent step is nearly what it makes of the next: one may stand for several, for more of them farther from the audio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 15  # steps behind the audio that stand for themselves alone
GROWTH = 10  # each so many steps farther on, one stands for one more …
WIDEST = 10  # … up to so many


@dataclass(frozen=True)
class Steps:
    """The steps of a window that are computed: see `encoder_graph.encoder`. `frames`: so many of its features are needed."""

    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    weights: NDArray[np.float32]
    frames: int


ChooseSteps = Callable[[int, int], Steps]  # of a window's frames: those that are audio, and all


def every_step(heard: int, frames: int) -> Steps:
    """All of a window of `frames`, two to a step."""
    steps = np.arange(frames // 2)
    return Steps(steps, steps, np.zeros(len(steps), np.float32), frames)


def few_of_silence(heard: int, frames: int) -> Steps:
    """Of a window of `frames`, whose first `heard` are audio, that audio, what is near it, and few of the rest."""
    steps = frames // 2
    near = min(steps, -(-heard // 2) + NEAR)
    widths, at = [1] * near, near
    while at < steps:
        widths.append(min(1 + (at - near) // GROWTH, WIDEST, steps - at))
        at += widths[-1]
    counts = np.array(widths)
    places = np.cumsum(counts) - counts + counts // 2
    needed = min(frames, 2 * near + 6)  # by the convolutions of the first silent step
    return Steps(np.minimum(places, near), places, np.log(counts).astype(np.float32), needed)
