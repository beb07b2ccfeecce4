"""Any settings that config/env/ allows, any audio, any feeding: the recogniser ends, and commits each word once.

No model but in the last test: `NumberedModel` stands in for Whisper where words do not matter. It reads the number of
every word from the audio itself, so that a word that is repeated or out of order shows.
"""

from itertools import pairwise

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Committed
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Decoded, DecodedWord
from config.env import Env

from . import speech

WORD_SAMPLES = 6400
SECONDS = 40
COARSE, FINE = 2.0**-11, 2.0**-20  # the audio is rounded to COARSE, a word's number stands in steps of FINE
MOST_DECODES = 40 * SECONDS


class NumberedModel:
    """A stand-in for Whisper: reads the number of every word that is whole in the window; `says` gives its probability."""

    def __init__(self, says):
        self._says = says
        self.decodes = 0

    def encode_text(self, text, language):
        return [1] * len(text.split())

    def decode(self, samples, request):
        self.decodes += 1
        assert self.decodes < MOST_DECODES, "decodes for ever"
        numbers = np.round((samples - np.round(samples / COARSE) * COARSE) / FINE).astype(int)
        edges = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1))
        committed = max(request.prefix, default=0)
        words = [
            _word(int(numbers[start]), start // 16, end // 16, self._says(int(numbers[start])))
            for start, end in pairwise(edges)
            if end - start >= WORD_SAMPLES and numbers[start] > committed
        ]
        words = [word for word in words if word.probability]
        return Decoded(tuple(words), len(words), True, 0.0, -0.1)


def _word(number, start_ms, end_ms, probability):
    text = f" w{number}"
    return DecodedWord(start_ms, end_ms, text, probability, probability, (number,), len(text), 1)


def numbered(samples):
    """The same sound with every 400 ms numbered from 1."""
    numbers = 1 + np.arange(len(samples)) // WORD_SAMPLES
    return (np.round(samples / COARSE) * COARSE + numbers * FINE).astype(np.float32)


def voice():
    """Vowels on a wavering pitch in the rhythm of syllables, with pauses: the VAD takes parts of it for speech."""
    random, at = np.random.default_rng(0), np.arange(SECONDS * 16_000) / 16_000
    pitch = 120 + 20 * np.sin(4.4 * at) + 8 * np.sin(19.5 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    vowels = np.array([[700, 1200], [300, 2300], [500, 900], [400, 2000], [320, 800]])
    first, second = np.repeat(vowels[random.integers(0, 5, len(at) // 2400 + 1)], 2400, axis=0)[: len(at)].T
    sound = sum(
        (np.exp(-(((n * pitch - first) / 120) ** 2)) + np.exp(-(((n * pitch - second) / 170) ** 2)))
        * np.sin(n * phase)
        for n in range(1, 24)
    )
    return (0.1 * sound * np.clip(np.sin(25 * at), 0.2, 1)).astype(np.float32)


SOUNDS = {
    "speech": numbered(voice()),
    "noise": numbered(np.random.default_rng(1).normal(0, 0.1, SECONDS * 16_000).astype(np.float32)),
    "silence": numbered(np.zeros(SECONDS * 16_000, dtype=np.float32)),
}
MODELS = {
    "decodes every word": lambda number: 0.95,
    "is never sure": lambda number: 0.4,
    "decodes nothing": lambda number: 0.0,
    "leaves out five seconds of ten": lambda number: 0.9 * (number // 12 % 2),
    "leaves out every other word": lambda number: 0.7 * (number % 2),
}
NAMES = {
    "policy": "asr_policy",
    "beam_size": "asr_beam_size",
    "min_chunk_size_s": "asr_min_chunk_size",
    "vac": "asr_vac",
    "buffer_trimming": "asr_buffer_trimming",
    "buffer_trimming_s": "asr_buffer_trimming_s",
    "confidence_validation": "asr_confidence_validation",
    "punctuation_split": "asr_punctuation_split",
}


def allowed(name):
    """Every value that the environment may give a setting."""
    field = Env.model_fields[name]
    if field.annotation is bool:
        return st.booleans()
    if field.annotation not in (int, float):
        return st.sampled_from(field.annotation.__args__)
    low = next(rule for rule in field.metadata if isinstance(rule, Gt | Ge))
    high = next(rule.le for rule in field.metadata if isinstance(rule, Le))
    if field.annotation is int:
        return st.integers(low.ge, high)
    return st.floats(low.gt, high, exclude_min=True) if isinstance(low, Gt) else st.floats(low.ge, high)


any_options = st.builds(EngineOptions, **{option: allowed(name) for option, name in NAMES.items()})
any_pieces = st.lists(st.sampled_from([20, 100, 260, 1000, 4000, 15_000]), min_size=1, max_size=8)


def play(recogniser, samples, pieces):
    """Feed pieces of these lengths (ms) over and over, polling in between; the words that were committed."""
    events, at, piece = [], 0, 0
    while at < len(samples):
        length = pieces[piece % len(pieces)] * 16
        recogniser.feed(samples[at : at + length])
        at, piece = at + length, piece + 1
        events.extend(recogniser.poll())
        assert recogniser.finalised_ms <= recogniser.heard_ms
    events.extend(recogniser.flush())
    return [word for event in events if isinstance(event, Committed) for word in event.words]


def assert_whole(recogniser, words):
    """All audio is finalised, and the words are in the order of their times."""
    assert recogniser.finalised_ms == recogniser.heard_ms
    assert all(word.start_ms <= word.end_ms for word in words)
    assert all(before.end_ms <= word.start_ms for before, word in pairwise(words))


@given(any_options, any_pieces, st.sampled_from(list(SOUNDS)), st.sampled_from(list(MODELS)))
@example(EngineOptions(vac=False, buffer_trimming_s=1.01), [100], "speech", "is never sure")
@example(EngineOptions(vac=False, buffer_trimming_s=3.9), [15_000], "speech", "decodes nothing")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_settings_end_and_commit_each_word_once_in_order(options, pieces, sound, model):
    recogniser = StreamingRecogniser(NumberedModel(MODELS[model]), options)
    words = play(recogniser, SOUNDS[sound], pieces)
    assert_whole(recogniser, words)
    numbers = [int(word.text.strip(" w.")) for word in words]
    assert all(before < number for before, number in pairwise(numbers))


@given(any_options, any_pieces)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_settings_lose_only_words_that_a_cut_divides(options, pieces):
    recogniser = StreamingRecogniser(NumberedModel(MODELS["decodes every word"]), options)
    words = play(recogniser, SOUNDS["speech"], pieces)
    assert_whole(recogniser, words)
    if not options.vac:
        divided = (
            recogniser.counters.forced_cuts + recogniser.counters.restarts + recogniser.counters.hole_retries
        )
        assert len(words) >= SECONDS * 1000 // 400 - divided - 2


@pytest.mark.model
@pytest.mark.parametrize(
    "options",
    [
        EngineOptions(buffer_trimming_s=1.1),
        EngineOptions(buffer_trimming_s=3.0, policy="similarity", buffer_trimming="segment"),
        EngineOptions(buffer_trimming_s=2.0, policy="local_agreement", vac=False),
        EngineOptions(buffer_trimming_s=30.0, policy="utterance", min_chunk_size_s=30.0),
    ],
)
def test_extreme_settings_end_with_the_real_model(options):
    recogniser = StreamingRecogniser(speech.whisper(), options)
    samples = np.concatenate(
        [speech.talk("talk_en_dev").samples[: 9 * 16_000], speech.white_noise()[: 3 * 16_000]]
    )
    words = play(recogniser, samples, [1500])
    assert_whole(recogniser, words)
    assert len(words) >= 15
