"""The captioner without sentences: each final word once, in order, at once."""

import numpy as np

from asr.caption.captioner import HypothesisChanged, Notice, WordsCommitted
from asr.caption.speech import SpeechChanged
from asr.caption.words import WordCaptioner
from asr.recognise.options import EngineOptions
from asr.recognise.prompt import SharedPrompt
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
    assert [type(event) for event in drained(captioner)] == [SpeechChanged, HypothesisChanged]
    assert captioner.committed_ms == 0
    captioner.feed(1500, sound(600))
    events = drained(captioner)
    assert texts(events) == ["S0001w1", "s0001w2", "s0001w3", "s0001w4"]
    assert events[-1] == HypothesisChanged((), "en")
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


def told(events):
    """Speech and words in their order."""
    return [
        ("started" if event.started else "stopped", event.at_ms)
        if isinstance(event, SpeechChanged)
        else [word.text.strip(" .") for word in event.words]
        for event in events
        if isinstance(event, SpeechChanged | WordsCommitted)
    ]


def test_speech_begins_before_its_words_and_ends_behind_them():
    captioner = WordCaptioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, np.concatenate([sound(1000) * 0, sound(1500), sound(4000) * 0, sound(600)]))
    assert told(drained(captioner)) == [
        ("started", 1000), ["S0001w3", "s0001w4"], ["S0002w1"], ("stopped", 2500), ("started", 6500),
    ]  # fmt: skip
    assert told(captioner.flush()) == [["S0004w2", "s0004w3"], ("stopped", 7100)]
    captioner.feed(7100, sound(900))
    assert told([*drained(captioner), *captioner.flush()]) == [
        ("started", 7100),
        ["S0004w4"],
        ("stopped", 8000),
    ]


def test_language_is_found_before_the_first_words_and_stands_with_them():
    captioner = WordCaptioner(lambda at: ScriptedRecogniser(at, finds="de"), EngineOptions(language="auto"))
    captioner.feed(0, sound(2100))
    events = drained(captioner)
    assert {event.lang for event in events if not isinstance(event, SpeechChanged)} == {"de"}


def test_what_one_says_is_everybody_s_prompt_sentence_by_sentence():
    shared = SharedPrompt()
    ada, bo = shared.voice(), shared.voice()
    captioner = WordCaptioner(ScriptedRecogniser, OPTIONS, voice=ada)
    captioner.feed(0, sound(6100))
    drained(captioner)
    assert bo.text(0) == "S0002w1 s0002w2 s0002w3 s0002w4. S0003w1 s0003w2 s0003w3 s0003w4."
    assert ada.text(4500) == "S0002w1 s0002w2 s0002w3 s0002w4."  # the rest is in its own window
    bo.add(" What?", 1000)
    bo.add(".", 1100)
    assert ada.text(9000) == "S0003w1 s0003w2 s0003w3 s0003w4. What?"
