"""The language of the first speech: asked for until it is clear, of speech alone; then all that was heard is decoded."""

import numpy as np
import pytest

from asr.recognise.language import ENOUGH_MS, LanguageRecogniser
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import LanguageFound
from asr.sample import SAMPLE
from ops.measure.talk import read_audio

OPTIONS = EngineOptions()


class Listener:
    """What a language's recogniser was made with and fed."""

    def __init__(self, code, start_ms):
        self.code, self.start_ms, self.samples = code, start_ms, 0
        self.flushed = False

    @property
    def heard_ms(self):
        return self.start_ms + self.samples // 16

    @property
    def finalised_ms(self):
        return self.start_ms

    def feed(self, samples):
        self.samples += len(samples)

    def poll(self):
        return []

    def flush_steps(self):
        self.flushed = True
        yield []


class Ear:
    """Answers in turn, the last answer for ever; knows how long each question's audio was."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, samples):
        self.asked.append(len(samples) // 16)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def speech():
    return read_audio(SAMPLE.path)


def silence(seconds):
    return np.zeros(int(seconds * 16_000), np.float32)


def listen(ear, samples, *, until=None):
    """Feed in pieces of 100 ms, as it would come."""
    made = []

    def make(code, start_ms):
        made.append(Listener(code, start_ms))
        return made[-1]

    recogniser = LanguageRecogniser(ear, make, OPTIONS)
    events = []
    for at in range(0, len(samples), 1600):
        recogniser.feed(samples[at : at + 1600])
        events += recogniser.poll()
    return recogniser, events, made


def test_language_that_is_clear_is_taken_after_a_second_and_a_half_of_speech(speech):
    ear = Ear({"en": 0.95, "de": 0.05})
    recogniser, events, made = listen(ear, np.concatenate([silence(3), speech]))
    assert events == [LanguageFound("en")]
    assert len(ear.asked) == 1
    assert 1500 <= ear.asked[0] <= 4000
    assert made[0].code == "en"
    assert 2500 <= made[0].start_ms <= 3500  # nothing of the speech is missing
    assert recogniser.heard_ms == made[0].heard_ms == 3000 + len(speech) // 16


def test_doubtful_language_is_asked_for_again_and_the_likelier_taken_in_the_end(speech):
    ear = Ear({"en": 0.4, "de": 0.45, "fr": 0.15})
    _, events, made = listen(ear, np.concatenate([speech[16_000:], speech[16_000:]]))
    assert events == [LanguageFound("de")]
    assert 2 <= len(ear.asked) <= 1 + ENOUGH_MS // 1000 + 3
    assert made[0].code == "de"


def test_silence_is_asked_nothing_and_forgotten():
    ear = Ear({"en": 1.0})
    recogniser, events, _ = listen(ear, silence(30))
    assert (events, ear.asked) == ([], [])
    assert recogniser.finalised_ms > 29_000
    assert recogniser.flush() == []


def test_what_is_said_before_the_language_is_clear_becomes_text_when_nothing_more_comes(speech):
    ear = Ear({"en": 0.4, "de": 0.3, "fr": 0.3})
    recogniser, events, made = listen(ear, speech[:18_000])
    assert (events, made) == ([], [])
    assert recogniser.flush() == [LanguageFound("en")]
    assert made[0].flushed
