"""Across a rhetorical pause: what stood before it is context for what follows, and is never rewritten."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from asr.audio.samples import SAMPLES_PER_MS
from asr.caption.captioner import Captioner, SentenceReady
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Committed, Hypothesis, UtteranceEnd
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.tests import speech
from asr.recognise.whisper import DecodedWord, DecodeRequest
from asr.sample import SAMPLE
from ops.measure.normalise import words_of
from ops.measure.talk import read_audio

from .test_streaming_rules import ScriptedModel


@pytest.fixture(scope="module")
def sample():
    """And so, my fellow Americans | ask not | what your country can do for you | ask what you can …"""
    return read_audio(SAMPLE.path)


def silence(ms):
    return np.zeros(ms * SAMPLES_PER_MS, dtype=np.float32)


def caption(recogniser, samples, blob_ms):
    captioner = Captioner(recogniser, EngineOptions())
    events = []
    for at_ms in range(0, len(samples) // SAMPLES_PER_MS, blob_ms):
        captioner.feed(at_ms, samples[at_ms * SAMPLES_PER_MS : (at_ms + blob_ms) * SAMPLES_PER_MS])
        events.extend(captioner.poll())
    return [event.text for event in [*events, *captioner.flush()] if isinstance(event, SentenceReady)]


@pytest.mark.model
@pytest.mark.parametrize(
    ("delay_ms", "blob_ms", "gain"),
    [(0, 100, 1.0), (150, 300, 1.0), (350, 200, 0.3)],
)
def test_short_words_between_two_pauses_are_recognised_with_their_context(sample, delay_ms, blob_ms, gain):
    model = speech.whisper()
    shifted = np.concatenate([silence(delay_ms), sample * np.float32(gain)])
    sentences = caption(lambda at_ms: StreamingRecogniser(model, EngineOptions(), at_ms), shifted, blob_ms)
    text = " ".join(sentences)
    assert words_of(text) == words_of(SAMPLE.reference)
    assert "NOT" not in text
    assert "Americans." not in text


def spoken(seconds, *texts, probability=0.95):
    """Words of 300 ms in the last second but one of the window; punctuation behind a word is no part of it."""
    start_ms = round(seconds * 1000) - 1300
    return [
        DecodedWord(start_ms + i * 300, start_ms + i * 300 + 300, text, probability, probability, (7,) * len(text),
                    len(text.rstrip(".")) or len(text), len(text.rstrip(".")) or len(text))
        for i, text in enumerate(texts)
    ]  # fmt: skip


class Listener(ScriptedModel):
    """Says a word and a full stop to each utterance, and keeps what it was asked."""

    def __init__(self):
        super().__init__(lambda seconds, request: spoken(seconds, f" word{len(request.prefix)}."))


def play(recogniser, samples, blob_ms=300):
    events = []
    for at in range(0, len(samples), blob_ms * SAMPLES_PER_MS):
        recogniser.feed(samples[at : at + blob_ms * SAMPLES_PER_MS])
        events.extend(recogniser.poll())
    return [*events, *recogniser.flush()]


def utterance(sample):
    """ "… fellow Americans" and no pause behind it: a second of speech, which one scripted word accounts for."""
    return sample[1200 * SAMPLES_PER_MS : 2300 * SAMPLES_PER_MS]


def first_request_behind(sample, pause_ms, **options):
    model = Listener()
    recogniser = StreamingRecogniser(model, EngineOptions(policy="utterance", **options))
    play(recogniser, np.concatenate([utterance(sample), silence(pause_ms), utterance(sample), silence(1000)]))
    return model.requests[-1]


def test_an_utterance_is_decoded_behind_the_words_of_the_one_before(sample):
    assert first_request_behind(sample, 1000).prefix
    assert first_request_behind(sample, 2000).prefix


def test_a_long_pause_ends_the_context(sample):
    assert not first_request_behind(sample, 5000).prefix


def test_context_can_be_switched_off(sample):
    assert not first_request_behind(sample, 1000, context_s=0.0).prefix


def texts_by_kind(events):
    """Texts by kind, in order."""
    return [
        (type(event).__name__, "".join(word.text for word in event.words))
        for event in events
        if isinstance(event, Committed | Hypothesis) and event.words
    ]


def test_words_are_final_at_the_pause_and_their_full_stop_after_a_longer_one(sample):
    recogniser = StreamingRecogniser(Listener(), EngineOptions(policy="utterance"))
    short = play_without_flush(recogniser, np.concatenate([utterance(sample), silence(1000)]))
    assert texts_by_kind(short) == [("Committed", " word0"), ("Hypothesis", ".")]
    assert any(isinstance(event, UtteranceEnd) for event in short)
    longer = play_without_flush(recogniser, silence(900))
    assert texts_by_kind(longer) == [("Committed", ".")]


def play_without_flush(recogniser, samples, blob_ms=100):
    events = []
    for at in range(0, len(samples), blob_ms * SAMPLES_PER_MS):
        recogniser.feed(samples[at : at + blob_ms * SAMPLES_PER_MS])
        events.extend(recogniser.poll())
    return events


@pytest.mark.parametrize("pause_ms", [700, 1500, 2000, 6000])
def test_every_full_stop_is_committed_once_whatever_the_pause(sample, pause_ms):
    def answer(seconds, request):
        return spoken(seconds, " two.") if request.prefix else spoken(seconds, " one.")

    recogniser = StreamingRecogniser(ScriptedModel(answer), EngineOptions(policy="utterance"))
    audio = np.concatenate([utterance(sample), silence(pause_ms), utterance(sample), silence(1000)])
    words = [
        word for event in play(recogniser, audio) if isinstance(event, Committed) for word in event.words
    ]
    text = "".join(word.text for word in words)
    expected = {700: " one two.", 1500: " one. two.", 2000: " one. two.", 6000: " one. one."}
    assert text == expected[pause_ms]
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(words))


def test_noise_behind_a_pause_takes_no_full_stop_with_it(sample):
    def answer(seconds, request):
        return spoken(seconds, " two.", probability=0.1) if request.prefix else spoken(seconds, " one.")

    recogniser = StreamingRecogniser(ScriptedModel(answer), EngineOptions(policy="utterance"))
    audio = np.concatenate([utterance(sample), silence(800), utterance(sample), silence(1000)])
    assert texts_by_kind(play(recogniser, audio))[-1] == ("Committed", ".")


@pytest.mark.model
def test_a_doubtful_beginning_without_punctuation_is_asked_again_behind_a_comma(sample):
    model = speech.whisper()
    window = sample[100 * SAMPLES_PER_MS : 4700 * SAMPLES_PER_MS]
    prefix = tuple(model.encode_text(" And so my fellow Americans", "en"))
    comma = tuple(model.encode_text(",", "en"))
    request = DecodeRequest(language="en", prefix=prefix, joint=comma, beam_size=5, window_s=12.0)
    decoded = model.decode(window, request)
    assert words_of("".join(word.text for word in decoded.words)) == ["ask", "not"]
    assert decoded.words[0].text == ","


def sure_then(rest):
    """Two words that last as long as `utterance` does and are sure, then `rest`, whatever the audio holds."""
    said = [
        DecodedWord(200 + i * 400, 600 + i * 400, text, 0.95, 0.95, (7,), 4, 1)
        for i, text in enumerate((" one", " two"))
    ]
    return lambda seconds, request: [*said[len(request.prefix) :], *rest]


def full_stop(ms=1000):
    return [DecodedWord(ms, ms, ".", 0.4, 0.4, (7,), 1, 1)]


def test_silence_in_which_nothing_is_undecided_is_not_decoded(sample):
    model = ScriptedModel(sure_then([]))
    recogniser = StreamingRecogniser(model, EngineOptions(min_chunk_size_s=0.2))
    play_without_flush(recogniser, np.concatenate([utterance(sample), silence(300)]))
    before = len(model.requests)

    play_without_flush(recogniser, silence(2000))

    assert before
    assert len(model.requests) == before


def test_a_full_stop_alone_is_no_reason_for_a_final_pass(sample):
    model = ScriptedModel(sure_then(full_stop()))
    options = EngineOptions()

    play_without_flush(
        StreamingRecogniser(model, options), np.concatenate([utterance(sample), silence(1500)])
    )

    assert all(request.window_s < options.final_pass_window_s for request in model.requests)


def test_only_where_no_speech_is_left_may_the_text_end_behind_the_committed_words(sample):
    model = ScriptedModel(sure_then([DecodedWord(1000, 1020, " uh", 0.2, 0.2, (7,), 3, 1)]))

    play_without_flush(
        StreamingRecogniser(model, EngineOptions()), np.concatenate([utterance(sample), silence(900)])
    )

    first, *_, last = model.requests
    assert (len(first.prefix), first.may_end) == (0, False)
    assert (len(last.prefix), last.may_end) == (2, True)


@pytest.mark.model
def test_the_model_invents_nothing_behind_words_that_hold_all_that_was_said(sample):
    model = speech.whisper()
    window = sample[100 * SAMPLES_PER_MS : 2500 * SAMPLES_PER_MS]
    first = DecodeRequest(language="en", beam_size=5, window_s=12.0)
    said = tuple(token for word in model.decode(window, first).words for token in word.tokens)

    again = model.decode(window, replace(first, prefix=said, may_end=True))

    assert said
    assert again.words == ()


def test_punctuation_that_one_pass_saw_behind_a_committed_word_is_looked_for_in_the_next(sample):
    two_words = sure_then([])
    costs = []

    def answer(seconds, request):
        if len(request.prefix) < 2:
            return two_words(seconds, request)
        costs.append(request.penalty(" and") - request.penalty(", and"))
        assert request.penalty(". And") == request.penalty(", and")
        assert request.penalty(",") == request.penalty(" and")
        return [DecodedWord(1000, 1000, ",", 0.6, 0.6, (7,), 1, 1)]

    audio = np.concatenate([utterance(sample), silence(300), utterance(sample)])
    play_without_flush(StreamingRecogniser(ScriptedModel(answer), EngineOptions()), audio)

    assert costs[0] == 0
    assert costs[-1] > 0
