"""Pauses put into a talk move words and change nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from asr.sample import SAMPLE
from ops.measure.pauses import PAUSE_MS, with_pauses
from ops.measure.talk import ReferenceWord, Talk, read_audio


@pytest.fixture(scope="module")
def talk():
    words = (ReferenceWord("Americans,", 1500, 2050), ReferenceWord("country.", 10_000, 10_500))
    return Talk("sample", "en", read_audio(SAMPLE.path), SAMPLE.reference, words, ())


def test_every_sample_of_the_talk_is_still_there_in_order(talk):
    joined = with_pauses(talk, seed=1)
    added = len(joined.samples) - len(talk.samples)
    assert added >= PAUSE_MS[0] * 16
    first = int(np.flatnonzero(joined.samples[: len(talk.samples)] != talk.samples)[0])
    assert first > 16_000
    assert (joined.samples[-16_000:] == talk.samples[-16_000:]).all()
    assert joined.reference == talk.reference


def test_words_move_with_their_audio(talk):
    joined = with_pauses(talk, seed=1)
    before, after = talk.words[-1], joined.words[-1]
    assert after.start_ms - before.start_ms == (len(joined.samples) - len(talk.samples)) // 16
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(joined.words))


def test_the_same_seed_gives_the_same_pauses(talk):
    assert (with_pauses(talk, seed=5).samples == with_pauses(talk, seed=5).samples).all()
