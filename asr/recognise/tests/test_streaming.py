"""The live recogniser with the real model: order, completeness, silence, freezing, load."""

from itertools import pairwise

import jiwer
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.audio.samples import SAMPLES_PER_MS
from asr.caption.captioner import Captioner, SentenceReady
from asr.caption.partial import PartialText
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Committed, Hypothesis, UtteranceEnd
from asr.recognise.streaming import StreamingRecogniser
from ops.measure.normalise import words_of
from ops.measure.score import Seen, rewrites

from . import speech

pytestmark = pytest.mark.model

POLICIES = ["alignment", "local_agreement", "similarity", "utterance"]


@pytest.fixture(scope="module")
def model():
    return speech.whisper()


def drive(recogniser, samples, cuts):
    """Feed pieces of the given lengths (ms), polling until there is nothing to do; return all events."""
    events, at = [], 0
    for length in cuts:
        recogniser.feed(samples[at : at + length * SAMPLES_PER_MS])
        at += length * SAMPLES_PER_MS
        for _ in range(3):
            events.extend(recogniser.poll())
            assert recogniser.finalised_ms <= recogniser.heard_ms
    recogniser.feed(samples[at:])
    while new := recogniser.poll():
        events.extend(new)
    return events + recogniser.flush()


def committed(events):
    return [word for event in events if isinstance(event, Committed) for word in event.words]


@given(
    st.lists(st.sampled_from([20, 90, 250, 300, 1000, 2500]), min_size=6, max_size=12),
    st.sampled_from(POLICIES),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_final_text_is_in_order_and_never_rewritten_for_any_cutting(model, cuts, policy):
    talk = speech.talk("talk_en_dev")
    options = EngineOptions(policy=policy)
    captioner = Captioner(lambda start_ms: StreamingRecogniser(model, options, start_ms), options)
    seen, sentences, confirmed_text, at = [], [], "", 0
    pieces = [*cuts, 12_000 - min(12_000, sum(cuts))]
    given_out = []  # together: behind a piece of a sentence comes what is confirmed beyond it
    for length in pieces:
        captioner.feed(at, talk.samples[at * 16 : (at + length) * 16])
        at += length
        given_out.append(captioner.poll())
    given_out.extend(captioner.flush_steps())
    for events in given_out:
        for event in events:
            if isinstance(event, SentenceReady):
                sentences.append(event)
                confirmed_text = ""
            elif isinstance(event, PartialText):
                confirmed_text = event.text[: event.confirmed_chars]
        seen.append(Seen(0.0, " ".join([*(s.text for s in sentences), confirmed_text]), ""))
    assert rewrites(seen) == 0
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(sentences))
    assert len(sentences) > 0


def caption(captioner, samples, from_ms, until_ms):
    """Feed a stretch of a talk in pieces, each a pass; return the sentences."""
    events = []
    for at in range(from_ms, until_ms, PIECE_MS):
        captioner.feed(at, samples[at * 16 : min(at + PIECE_MS, until_ms) * 16])
        events.extend(captioner.poll())
    return [event.text for event in events if isinstance(event, SentenceReady)]


def finish(captioner):
    return [event.text for event in captioner.flush() if isinstance(event, SentenceReady)]


GERMAN = EngineOptions(language="de")
STRETCH_MS = 24_000
# a pass costs a second and more where other tests run: shorter pieces would show nothing else
PIECE_MS = 1000


def captioner_from(model, start_ms, line=0):
    return Captioner(lambda at_ms: StreamingRecogniser(model, GERMAN, at_ms), GERMAN, start_ms, line=line)


@pytest.fixture(scope="module")
def uninterrupted(model):
    captioner = captioner_from(model, 0)
    samples = speech.talk("talk_de_dev").samples
    return words_of(" ".join([*caption(captioner, samples, 0, STRETCH_MS), *finish(captioner)]))


@pytest.mark.parametrize("killed_ms", [7_000, 11_700, 17_300])
def test_a_successor_begins_behind_the_last_sentence_and_doubles_or_loses_nothing(
    model, uninterrupted, killed_ms
):
    samples = speech.talk("talk_de_dev").samples
    killed = captioner_from(model, 0)
    sentences = caption(killed, samples, 0, killed_ms)
    successor = captioner_from(model, killed.committed_ms, line=1)
    sentences += caption(successor, samples, killed.committed_ms, STRETCH_MS) + finish(successor)

    words = words_of(" ".join(sentences))
    changes = jiwer.process_words(" ".join(uninterrupted), " ".join(words))
    assert changes.insertions + changes.deletions <= 2
    assert changes.wer < 0.2
    pairs = list(pairwise(words))
    assert not any(pair == after for pair, after in zip(pairs, pairs[2:], strict=False))


@pytest.mark.parametrize("policy", POLICIES)
def test_concatenated_finals_are_the_words_in_order_of_time(model, policy):
    talk = speech.talk("talk_de_dev")
    recogniser = StreamingRecogniser(model, EngineOptions(language="de", policy=policy))
    words = committed(drive(recogniser, talk.samples[: 20 * 16000], [1000] * 18))
    times = [(word.start_ms, word.end_ms) for word in words]
    assert times == sorted(times)
    assert all(start <= end for start, end in times)
    text = "".join(word.text for word in words)
    assert 25 <= len(words_of(text)) <= 45
    assert "Landkreises" in text
    assert recogniser.finalised_ms == recogniser.heard_ms


NOISES = ["silence", "white_noise", "tone", "applause", "breathing", "speech_shaped_noise"]


@pytest.mark.parametrize("noise", NOISES)
def test_a_minute_without_speech_yields_no_words(model, noise):
    recogniser = StreamingRecogniser(model, EngineOptions(language="de"))
    assert committed(drive(recogniser, getattr(speech, noise)(), [300] * 199)) == []


@pytest.mark.parametrize("voices", [6, 8, 24])
def test_a_minute_of_babble_yields_no_words(model, voices):
    recogniser = StreamingRecogniser(model, EngineOptions())
    samples = speech.babble(speech.talk("talk_en_dev").samples, voices)[: 20 * 16_000]
    assert committed(drive(recogniser, samples, [300] * 66)) == []


def test_silence_costs_no_decode(model):
    recogniser = StreamingRecogniser(model, EngineOptions())
    drive(recogniser, speech.silence(), [300] * 199)
    assert recogniser.counters.decodes == 0


def test_pause_ends_the_utterance_and_everything_in_it_is_final(model):
    talk = speech.talk("talk_de_dev")
    recogniser = StreamingRecogniser(model, EngineOptions(language="de"))
    samples = np.concatenate([talk.samples[: int(5.3 * 16000)], np.zeros(16000, dtype=np.float32)])
    events = []
    for at in range(0, len(samples), 1600):
        recogniser.feed(samples[at : at + 1600])
        events.extend(recogniser.poll())
    ends = [index for index, event in enumerate(events) if isinstance(event, UtteranceEnd)]
    assert ends
    left = [
        word.text for event in events[ends[-1] :] if isinstance(event, Hypothesis) for word in event.words
    ]
    assert all(text == "." for text in left)
    assert "benannt" in "".join(word.text for word in committed(events))


def test_audio_behind_the_window_is_evicted(model):
    recogniser = StreamingRecogniser(model, EngineOptions())
    samples = speech.talk("talk_en_dev").samples[: 35 * 16000]
    kept = []
    for at in range(0, len(samples), 32_000):  # each piece is a pass, and a pass costs seconds
        recogniser.feed(samples[at : at + 32_000])
        recogniser.poll()
        kept.append(recogniser.kept_ms)
    assert max(kept) <= 30_000


def test_engine_that_is_far_behind_lowers_its_cost_and_catches_up(model):
    samples = speech.talk("talk_en_dev").samples[: 40 * 16000]
    recogniser = StreamingRecogniser(model, EngineOptions(shed_delay_s=6.0))
    recogniser.feed(samples)
    levels = []
    for _ in range(200):
        if not recogniser.poll():
            break
        levels.append(recogniser.counters.shed_level)
    assert max(levels) == 2
    assert recogniser.counters.shed_level == 0
    recogniser.flush()
    assert recogniser.finalised_ms == recogniser.heard_ms
