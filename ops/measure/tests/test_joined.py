"""Several readers in one talk: every word is where its sound is, and the pauses are known."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from asr.sample import SAMPLE
from ops.measure.joined import PAUSE_MS, joined, turns
from ops.measure.talk import ReferenceWord, Talk, read_audio


@pytest.fixture(scope="module")
def reader():
    """The sample, its words guessed evenly between its silences: enough to see them move."""
    spoken = SAMPLE.reference.split()
    words = tuple(ReferenceWord(word, 450 * n, 450 * n + 300) for n, word in enumerate(spoken))
    return Talk("kennedy", "en", read_audio(SAMPLE.path), SAMPLE.reference, words, ())


@pytest.fixture(scope="module")
def readers(reader):
    quieter = Talk("echo", "en", reader.samples / 2, reader.reference, reader.words, ())
    return [reader, quieter]


def test_turns_are_the_recording_in_order_and_no_word_is_lost(reader):
    parts = turns(reader, np.random.default_rng(3))
    assert len(parts) > 1
    whole = np.concatenate([part.samples for part in parts])
    assert (whole == reader.samples[: len(whole)]).all()
    assert " ".join(word.text for part in parts for word in part.words) == reader.reference


def test_each_word_of_a_joined_talk_lies_on_the_samples_that_it_was_on(readers):
    talk = joined(readers, seed=2, seconds=60)
    assert talk.reference == " ".join(word.text for word in talk.words)
    assert len(talk.words) == 2 * len(readers[0].words)
    for word in talk.words:
        sound = talk.samples[word.end_ms * 16 - 1700 : word.end_ms * 16 - 1600]
        sources = [
            reader.samples[own.end_ms * 16 - 1700 : own.end_ms * 16 - 1600]
            for reader in readers
            for own in reader.words
            if own.text == word.text
        ]
        assert any((sound == source).all() for source in sources), word


def test_pauses_are_of_the_lengths_that_were_asked_for_and_no_word_is_in_them(readers):
    talk = joined(readers, seed=2, seconds=60)
    assert all(PAUSE_MS[0] <= end - start <= PAUSE_MS[1] for start, end in talk.nonspeech_ms)
    assert all(before[1] < after[0] for before, after in pairwise(talk.nonspeech_ms))
    for start, end in talk.nonspeech_ms:
        assert not [word for word in talk.words if start <= (word.start_ms + word.end_ms) / 2 < end]
        assert np.abs(talk.samples[start * 16 : end * 16]).max() < 0.1


def test_a_word_that_an_aligner_stretched_over_the_pause_before_it_goes_with_its_sound(reader):
    parts = turns(reader, np.random.default_rng(3))
    first = parts[1].words[0]
    cut_ms = len(parts[0].samples) // 16
    stretched = tuple(
        replace(word, start_ms=word.start_ms - 900) if word.end_ms == cut_ms + first.end_ms else word
        for word in reader.words
    )
    again = turns(replace(reader, words=stretched), np.random.default_rng(3))
    assert [word.text for word in again[1].words] == [word.text for word in parts[1].words]
    assert again[1].words[0].start_ms == 0


def test_the_same_seed_gives_the_same_talk_and_another_seed_another(readers):
    assert (joined(readers, 5, 60).samples == joined(readers, 5, 60).samples).all()
    assert joined(readers, 5, 60).words != joined(readers, 6, 60).words


def test_pauses_may_be_asked_for_in_other_lengths(readers):
    pauses = joined(readers, 2, 60, (1000, 6000), (1000, 1500)).nonspeech_ms
    assert len(pauses) > 2
    assert all(1000 <= end - start <= 1500 for start, end in pauses)


def test_prompts_are_turns_that_end_in_the_first_silence_behind_their_length(readers):
    short = joined(readers, 2, 60, turn_ms=(1000, 1001))
    assert len(short.nonspeech_ms) > len(joined(readers, 2, 60, turn_ms=(9000, 9001)).nonspeech_ms)
    assert len(short.words) == 2 * len(readers[0].words)


def test_it_ends_with_the_turn_in_which_the_time_is_over(readers):
    assert len(joined(readers, 2, seconds=1).nonspeech_ms) == 1
