"""Which steps of a window are computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.recognise.backends.silence import NEAR, WIDEST, every_step, few_of_silence


@given(frames=st.integers(1, 1500).map(lambda steps: 2 * steps), heard=st.integers(0, 3000))
def test_audio_is_computed_step_by_step_and_all_of_the_silence_counts(frames, heard):
    chosen = few_of_silence(min(heard, frames), frames)
    near = min(frames // 2, -(-min(heard, frames) // 2) + NEAR)
    assert list(chosen.rows[:near]) == list(chosen.places[:near]) == list(range(near))
    assert not chosen.weights[:near].any()
    assert np.exp(chosen.weights).sum() == pytest.approx(frames // 2)
    assert (np.diff(chosen.places) > 0).all()
    assert chosen.places[-1] < frames // 2
    assert chosen.rows.max() < chosen.frames // 2 <= frames // 2


def test_the_farther_from_the_audio_the_more_does_a_step_stand_for():
    chosen = few_of_silence(400, 3000)
    counts = np.exp(chosen.weights).round()
    assert list(np.unique(counts[:-1])) == list(range(1, WIDEST + 1))  # the last one stands for what is left
    assert (np.diff(counts[:-1]) >= 0).all()
    assert len(counts) < 400


def test_a_window_full_of_audio_is_computed_whole():
    chosen, whole = few_of_silence(600, 600), every_step(600, 600)
    for mine, theirs in zip(
        (chosen.rows, chosen.places, chosen.weights), (whole.rows, whole.places, whole.weights), strict=True
    ):
        assert list(mine) == list(theirs)
    assert chosen.frames == whole.frames == 600
