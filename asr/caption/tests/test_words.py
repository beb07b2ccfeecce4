"""The captioner without sentences: each final word once, in order, at once."""

import numpy as np

from asr.caption.captioner import HypothesisChanged, Notice, WordsCommitted
from asr.caption.words import WordCaptioner
from asr.recognise.options import EngineOptions
from asr.recognise.scripted import ScriptedRecogniser

OPTIONS = EngineOptions(language="en")


def sound(ms):
    return np.full(ms * 16, 0.1, np.float32)


def drained(captioner):
    return [event for _ in range(20) for event in captioner.poll()]


def texts(events):
    return [
        word.text.strip(" .") for event in events if isinstance(event, WordsCommitted) for word in event.words
    ]


def test_words_are_given_out_when_they_are_final_and_a_hypothesis_before():
    captioner = WordCaptioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, sound(1500))
    assert [type(event) for event in drained(captioner)] == [HypothesisChanged]
    assert captioner.committed_ms == 0
    captioner.feed(1500, sound(600))
    events = drained(captioner)
    assert texts(events) == ["S0001w1", "s0001w2", "s0001w3", "s0001w4"]
    assert events[-1] == HypothesisChanged(())
    assert captioner.committed_ms == 2000


def test_successor_says_no_word_of_the_overlap_again():
    captioner = WordCaptioner(ScriptedRecogniser, OPTIONS, 4000, " s0002w4.")
    captioner.feed(2000, sound(4000))
    assert texts(drained(captioner)) == ["S0003w1", "s0003w2", "s0003w3", "s0003w4"]


def test_what_stands_before_a_gap_is_given_out_with_it():
    captioner = WordCaptioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, sound(700))
    captioner.feed(10_000, sound(2000))
    events = drained(captioner)
    assert texts(events) == ["S0001w1", "s0001w2", "S0006w1", "s0006w2", "s0006w3", "s0006w4"]
    assert Notice("audio_gap", 10_000) in events
    assert captioner.committed_ms == 12_000
