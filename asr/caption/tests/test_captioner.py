"""The captioner, on a scripted recogniser: resume, gaps, overlap, any cutting of the audio."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.caption.captioner import Captioner, Notice, SentenceReady
from asr.caption.partial import PartialText
from asr.caption.words import HypothesisChanged, WordCaptioner
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Committed, Hypothesis
from asr.recognise.scripted import SENTENCE_MS, ScriptedRecogniser

OPTIONS = EngineOptions()
PER_MS = 16


def sound(ms, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, ms * PER_MS).astype(np.float32)


def run(captioner, samples, cuts, start_ms=0):
    """Feed in pieces that end at `cuts` (ms), polling in between; return all events."""
    events, at = [], 0
    for cut in [*cuts, len(samples) // PER_MS]:
        captioner.feed(start_ms + at, samples[at * PER_MS : cut * PER_MS])
        at = cut
        while new := captioner.poll():
            events.extend(new)
    return events + captioner.flush()


def sentences(events):
    return [(e.start_ms, e.end_ms, e.text) for e in events if isinstance(e, SentenceReady)]


cuttings = st.lists(st.integers(0, 9000), max_size=12).map(sorted)


@given(cuttings)
@settings(deadline=None)
def test_sentences_do_not_depend_on_how_the_audio_was_cut(cuts):
    samples = sound(9000)
    whole = sentences(run(Captioner(ScriptedRecogniser, OPTIONS), samples, []))
    assert sentences(run(Captioner(ScriptedRecogniser, OPTIONS), samples, cuts)) == whole
    assert len(whole) == 5


@given(st.integers(1, 8999), cuttings, st.sampled_from([0, 300, 5000]))
@settings(deadline=None)
def test_resume_from_the_committed_time_loses_and_doubles_nothing(killed_ms, cuts, overlap_missing_ms):
    samples = sound(9000)
    samples[3000 * PER_MS : 3400 * PER_MS] = 0
    whole = sentences(run(Captioner(ScriptedRecogniser, OPTIONS), samples, []))
    first = Captioner(ScriptedRecogniser, OPTIONS)
    first.feed(0, samples[: killed_ms * PER_MS])
    before = []
    while new := first.poll():
        before.extend(new)
    at = first.committed_ms
    committed_text = sentences(before)[-1][2] if sentences(before) else ""
    second = Captioner(ScriptedRecogniser, OPTIONS, start_ms=at, line=1, committed_text=committed_text)
    begin = min(at, second.heard_ms + overlap_missing_ms)
    later = [cut - begin for cut in cuts if cut > begin]
    after = run(second, samples[begin * PER_MS :], later, start_ms=begin)
    assert sentences(before) + sentences(after) == whole
    assert not any(isinstance(event, Notice) for event in after)


def test_gap_ends_the_text_and_goes_on_at_the_new_time():
    captioner = Captioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, sound(1000))
    captioner.feed(60_000, sound(2000))
    events = []
    while new := captioner.poll():
        events.extend(new)
    assert sentences(events)[0][:2] == (0, 1000)
    assert sentences(events)[1][:2] == (60_000, 62_000)
    assert Notice("audio_gap", 60_000) in events
    assert [e.new_line for e in events if isinstance(e, SentenceReady)] == [True, True]


def test_small_gap_is_silence_and_overlap_is_dropped():
    captioner = Captioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, sound(1000))
    captioner.feed(1500, sound(500))
    captioner.feed(1000, sound(1000))
    assert captioner.heard_ms == 2000
    assert sentences(captioner.flush()) == [(0, 2000, "S0001w1 s0001w2 s0001w4.")]


def test_partial_text_shows_what_is_not_yet_a_sentence():
    captioner = Captioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, sound(1200))
    events = captioner.poll()
    assert events == [PartialText(0, "S0001w1 s0001w2", 0)]
    assert captioner.committed_ms == 0


def test_silence_says_nothing_and_moves_the_committed_time():
    captioner = Captioner(ScriptedRecogniser, OPTIONS)
    events = run(captioner, np.zeros(10_000 * PER_MS, dtype=np.float32), list(range(500, 10_000, 500)))
    assert events == []
    assert captioner.committed_ms >= 10_000 - SENTENCE_MS


@given(st.integers(1, 8999))
@settings(deadline=None)
def test_audio_is_needed_from_where_the_next_generation_begins(killed_ms):
    captioner = Captioner(ScriptedRecogniser, OPTIONS)
    captioner.feed(0, sound(killed_ms))
    while captioner.poll():
        pass
    successor = Captioner(ScriptedRecogniser, OPTIONS, captioner.committed_ms, line=1)
    assert captioner.needed_ms == successor.heard_ms <= captioner.committed_ms


class LowerCaseStub(ScriptedRecogniser):
    """A scripted recogniser that never writes a capital."""

    def poll(self):
        return [
            Hypothesis(tuple(replace(word, text=word.text.lower()) for word in event.words))
            for event in super().poll()
            if isinstance(event, Hypothesis)
        ]


@pytest.mark.parametrize(("before", "shown"), [("It ends.", "S0003w1"), ("It goes on,", "s0003w1")])
def test_rest_of_a_sentence_that_was_cut_goes_on_without_a_capital(before, shown):
    captioner = Captioner(LowerCaseStub, OPTIONS, 4000, line=1, committed_text=before)
    captioner.feed(4000, sound(600))
    assert captioner.poll() == [PartialText(4000, shown, 0)]


class DoubtfulStub(ScriptedRecogniser):
    """A scripted recogniser that is in doubt about each sentence's second word until the fourth is heard."""

    def poll(self):
        return [
            Hypothesis(
                tuple(
                    replace(word, probability=0.3) if n == 1 else word for n, word in enumerate(event.words)
                )
            )
            if isinstance(event, Hypothesis) and len(event.words) < 4
            else event
            for event in super().poll()
        ]


def test_words_that_will_hardly_survive_are_not_shown_and_none_behind_them():
    captioner = Captioner(DoubtfulStub, OPTIONS)
    captioner.feed(0, sound(1600))
    assert captioner.poll() == [PartialText(0, "S0001w1", 0)]
    assert captioner.text_ms == 500  # what is hidden is no text yet: the delay says so
    captioner.feed(1600, sound(400))
    assert sentences(captioner.flush()) == [(0, 2000, "S0001w1 s0001w2 s0001w3 s0001w4.")]


def test_gateways_of_words_get_every_word_with_its_probability():
    captioner = WordCaptioner(DoubtfulStub, OPTIONS)
    captioner.feed(0, sound(1600))
    (changed,) = [event for event in captioner.poll() if isinstance(event, HypothesisChanged)]
    assert [word.probability for word in changed.words] == [1.0, 0.3, 1.0]


class WordByWordStub(ScriptedRecogniser):
    """A scripted recogniser that commits a sentence's first two words as soon as the third is heard."""

    def __init__(self, start_ms=0):
        super().__init__(start_ms)
        self._early = False

    def poll(self):
        events = super().poll()
        words = next((event.words for event in events if isinstance(event, Hypothesis)), ())
        if len(words) < 3 or self._early:
            return events
        self._early = True
        self._finalised_ms = words[1].end_ms
        return [Committed(words[:2]), Hypothesis(words[2:])]


def test_sentence_that_is_broken_off_ends_at_its_committed_words_and_what_follows_begins_one():
    captioner = Captioner(WordByWordStub, OPTIONS)
    captioner.feed(0, sound(1600))
    assert [e.text for e in captioner.poll()] == ["S0001w1 s0001w2 s0001w3"]
    broken = captioner.break_off()
    assert sentences(broken) == [(0, 1000, "S0001w1 s0001w2")]
    assert broken[-1] == PartialText(1000, "S0001w3", 0)
    assert captioner.committed_ms == 1000
    captioner.feed(1600, sound(400))
    rest = captioner.flush()
    assert [e.start_ms for e in rest if isinstance(e, SentenceReady)] == [1000]
    assert [word.start_ms for e in rest if isinstance(e, SentenceReady) for word in e.words] == [1000, 1500]


def test_breaking_off_where_nothing_is_unfinished_gives_nothing_out():
    captioner = Captioner(ScriptedRecogniser, OPTIONS)
    assert captioner.break_off() == []
    samples = sound(9000)
    whole = run(Captioner(ScriptedRecogniser, OPTIONS), samples, [])
    assert run(captioner, samples, []) == whole
