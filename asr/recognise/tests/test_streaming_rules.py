"""The live recogniser's rules, on a scripted model: what it does when the model says nothing, loops or skips."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from asr.recognise.counters import Counters
from asr.recognise.front_end import VadFrontEnd
from asr.recognise.options import EngineOptions
from asr.recognise.prompt import Prompt
from asr.recognise.recogniser import Committed, Hypothesis, Reset, Unexplained
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.transcriber import Transcriber
from asr.recognise.whisper import Decoded, DecodedWord
from asr.recognise.window import DecodeWindow

SECOND = np.full(16_000, 0.1, dtype=np.float32)
ALWAYS_SPEECH = EngineOptions(vac=False)


class ScriptedModel:
    """No model: answers every window by a function of (seconds of audio, forced prefix), one word a second."""

    def __init__(self, answer):
        self._answer = answer
        self.requests = []

    def encode_text(self, text, language):
        return [hash(part) % 1000 for part in text.split()]

    def decode(self, samples, request):
        self.requests.append(request)
        words = self._answer(len(samples) / 16_000, request)
        return Decoded(tuple(words), len(words), True, 0.0, -0.1)


def decoded_words(texts, start_ms=0, step_ms=1000, probability=0.95):
    return [
        DecodedWord(
            start_ms + i * step_ms,
            start_ms + (i + 1) * step_ms,
            f" {t}",
            probability,
            probability,
            (7,),
            len(t) + 1,
            1,
        )
        for i, t in enumerate(texts)
    ]


def play(recogniser, seconds):
    events = []
    for _ in range(seconds):
        recogniser.feed(SECOND)
        events.extend(recogniser.poll())
        assert recogniser.finalised_ms <= recogniser.heard_ms
    return events


def numbered(seconds, request):
    """A word a second, numbered; the prefix holds those that are committed."""
    done = len(request.prefix)
    return decoded_words([f"word{n}" for n in range(done, int(seconds))], start_ms=1000 * done)


def test_speech_without_output_resets_behind_the_audio_fed_and_reports_it():
    recogniser = StreamingRecogniser(ScriptedModel(lambda seconds, request: []), ALWAYS_SPEECH)
    events = play(recogniser, 45)
    resets = [event for event in events if isinstance(event, Reset)]
    assert [event.reason for event in resets] == ["no_output", "no_output"]
    assert 19_000 <= resets[0].at_ms <= 22_000
    assert recogniser.kept_ms < 15_000


def test_words_are_confirmed_once_though_the_model_repeats_itself():
    recogniser = StreamingRecogniser(ScriptedModel(numbered), ALWAYS_SPEECH)
    events = play(recogniser, 7)
    words = [word.text for event in events if isinstance(event, Committed) for word in event.words]
    assert words == [f" word{n}" for n in range(len(words))]
    assert len(words) >= 5


def test_loop_is_never_confirmed():
    recogniser = StreamingRecogniser(
        ScriptedModel(lambda s, r: decoded_words(["and", "on"] * 20, step_ms=40)), ALWAYS_SPEECH
    )
    play(recogniser, 2)
    assert recogniser.counters.loops_cut == 2


def test_committed_words_are_not_confirmed_again_where_somebody_else_is_heard_and_the_model_repeats_them():
    echoes = []

    def echoing(seconds, request):
        done = len(request.prefix)
        if done >= 4:
            echoes.append(decoded_words([f"word{n}" for n in range(done - 4, done)], 1000 * done, step_ms=0))
            return echoes[-1]
        return [] if echoes else numbered(seconds, request)

    recogniser = StreamingRecogniser(ScriptedModel(echoing), ALWAYS_SPEECH)
    words = [w.text for event in play(recogniser, 12) if isinstance(event, Committed) for w in event.words]
    assert echoes
    assert words[:4] == [" word0", " word1", " word2", " word3"]
    assert len(words) == len(set(words))


def test_words_behind_a_deletion_wait_for_another_pass():
    def skipping(seconds, request):
        return (
            decoded_words(["start"]) + decoded_words(["end"], start_ms=int(seconds * 1000) - 1000)
            if not request.prefix
            else []
        )

    recogniser = StreamingRecogniser(ScriptedModel(skipping), ALWAYS_SPEECH)
    events = play(recogniser, 4)
    assert recogniser.counters.holes > 0
    shown = {
        word.text for event in events if isinstance(event, Hypothesis | Committed) for word in event.words
    }
    assert " start" in shown


def test_window_never_grows_past_its_bound_though_nothing_is_agreed_on():
    calls = iter(range(10_000))
    model = ScriptedModel(
        lambda seconds, request: decoded_words(
            [f"x{next(calls)}"], start_ms=int(seconds * 1000) - 1000, step_ms=900
        )
    )
    recogniser = StreamingRecogniser(model, EngineOptions(vac=False, policy="local_agreement"))
    for _ in range(60):
        recogniser.feed(SECOND)
        recogniser.poll()
        assert recogniser.kept_ms <= 30_000


def test_prompt_holds_title_speakers_and_glossary_and_is_bounded():
    options = EngineOptions(
        vac=False, title="On printing", speakers=("William Morris",), glossary=("Schoeffer",) * 500
    )
    model = ScriptedModel(numbered)
    play(StreamingRecogniser(model, options), 2)
    assert 5 <= len(model.requests[0].prompt) <= 120


def test_the_last_words_are_in_the_prompt_only_while_the_sentence_goes_on():
    prompt = Prompt(EngineOptions(title="Type"), lambda text: text.split())

    prompt.append([" the", " invention"])
    prompt.end_utterance()
    assert prompt.tokens() == ("Type.", "the", "invention")

    prompt.append([" of", " printing."])
    prompt.end_utterance()
    assert prompt.tokens() == ("Type.",)

    prompt.append([" It", " is"])
    assert prompt.tokens()[-2:] == ("It", "is")


def test_token_budget_follows_the_speech_that_has_no_words_yet():
    model = ScriptedModel(numbered)
    play(StreamingRecogniser(model, ALWAYS_SPEECH), 8)
    assert all(request.max_new_tokens <= 8 * 4 + 8 for request in model.requests[3:])


def test_one_late_word_in_a_long_window_does_not_stop_the_stream():
    def one_late_word(seconds, request):
        return decoded_words(["late"], start_ms=12_000) if seconds > 13.2 and not request.prefix else []

    recogniser = StreamingRecogniser(
        ScriptedModel(one_late_word), EngineOptions(vac=False, freeze_reset_s=600)
    )
    play(recogniser, 60)
    recogniser.flush()
    assert recogniser.finalised_ms == recogniser.heard_ms
    assert recogniser.kept_ms <= 30_000


def flushed(answer, seconds=6):
    """Some seconds of speech, finalised at once: the model, the recogniser, its events and its words."""
    model = ScriptedModel(answer)
    recogniser = StreamingRecogniser(model, ALWAYS_SPEECH)
    recogniser.feed(np.concatenate([SECOND] * seconds))
    events = recogniser.flush()
    words = [word for event in events if isinstance(event, Committed) for word in event.words]
    return model, recogniser, events, words


@pytest.mark.parametrize(
    "skipping",
    [
        lambda: decoded_words(["first"]) + decoded_words(["last"], start_ms=5000),
        lambda: decoded_words(["first", "second"]),
        lambda: decoded_words(["last"], start_ms=4000),
        list,
    ],
)
def test_speech_that_the_last_decode_left_out_is_decoded_again(skipping):
    def answer(seconds, request):
        return skipping() if seconds > 5.9 else decoded_words([f"word{n}" for n in range(int(seconds))])

    _, recogniser, events, words = flushed(answer)
    ends = [0, *(word.end_ms for word in words)]
    assert all(word.start_ms - end_ms < 1300 for word, end_ms in zip(words, ends, strict=False))
    assert 5_984 - ends[-1] < 1300
    assert not any(isinstance(event, Unexplained) for event in events)
    assert recogniser.counters.hole_retries == 1


def test_speech_that_no_retry_finds_words_for_is_counted_and_reported_and_the_retries_are_bounded():
    def answer(seconds, request):
        return decoded_words(["only"]) if seconds > 5.9 else []

    model, recogniser, events, words = flushed(answer)
    assert [word.text for word in words] == [" only"]
    assert [event.at_ms for event in events if isinstance(event, Unexplained)] == [1000]
    assert recogniser.counters.unexplained == 1
    assert 4 < recogniser.counters.unexplained_speech_s < 6
    assert len(model.requests) <= 4


def test_words_behind_unexplained_speech_are_kept():
    def answer(seconds, request):
        return (
            decoded_words(["first"]) + decoded_words(["last"], start_ms=5000, step_ms=900)
            if seconds > 5.9
            else []
        )

    _, recogniser, _, words = flushed(answer)
    assert [word.text for word in words] == [" first", " last"]
    assert words[-1].start_ms == 5000
    assert recogniser.counters.unexplained == 1


@pytest.mark.parametrize("trimming", ["sentence", "segment"])
def test_window_is_trimmed_and_no_word_is_lost_by_it(trimming):
    options = EngineOptions(vac=False, buffer_trimming=trimming, buffer_trimming_s=4.0)
    recogniser = StreamingRecogniser(ScriptedModel(numbered), options)
    events = play(recogniser, 40) + recogniser.flush()
    words = [word for event in events if isinstance(event, Committed) for word in event.words]
    assert len(words) >= 37
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(words))
    assert recogniser.kept_ms < 12_000


class SilenceBehindAPrompt(ScriptedModel):
    """No model: takes speech behind a prompt for silence, as Whisper does with a talk's title."""

    def __init__(self, no_speech_alone):
        super().__init__(
            lambda seconds, request: decoded_words([f"w{i}" for i in range(int(seconds))], probability=0.7)
        )
        self._no_speech_alone = no_speech_alone

    def decode(self, samples, request):
        decoded = super().decode(samples, request)
        return replace(decoded, no_speech=0.5 if request.prompt else self._no_speech_alone)


@pytest.mark.parametrize(("no_speech_alone", "words"), [(0.01, 4), (0.6, 0)])
def test_speech_that_only_a_prompt_makes_look_like_silence_is_kept(no_speech_alone, words):
    options = EngineOptions(vac=False, title="A talk about words")
    recogniser = StreamingRecogniser(SilenceBehindAPrompt(no_speech_alone), options)
    play(recogniser, 4)
    committed = [word for event in recogniser.flush() if isinstance(event, Committed) for word in event.words]
    assert len(committed) == words


def test_a_beginning_that_the_prompt_makes_the_model_skip_is_taken_from_the_decode_without_it():
    """Measured behind a killed process: a room's title as prompt led the model past the first four words."""
    texts = ["in", "being", "near", "far"]

    class LedAstray(ScriptedModel):
        def decode(self, samples, request):
            decoded = super().decode(samples, request)
            if not request.prompt:
                return replace(decoded, no_speech=0.01)
            return replace(decoded, words=decoded.words[2:], no_speech=0.8)

    model = LedAstray(lambda seconds, request: decoded_words(texts[: int(seconds)], step_ms=900))
    recogniser = StreamingRecogniser(model, EngineOptions(vac=False, title="A talk"))
    events = [*play(recogniser, 4), *recogniser.flush()]
    words = [word for event in events if isinstance(event, Committed) for word in event.words]
    assert [word.text.strip() for word in words] == texts
    assert [word.start_ms for word in words] == [0, 900, 1800, 2700]


@pytest.mark.parametrize("window_ms", [0, 2000])
def test_words_that_were_said_before_the_window_are_not_decoded_again_without_the_prompt(window_ms):
    heard = []

    class Listening(ScriptedModel):
        def decode(self, samples, request):
            heard.append((len(samples) // 16, bool(request.prompt)))
            return replace(super().decode(samples, request), no_speech=0.8 if request.prompt else 0.01)

    options = EngineOptions(vac=False, title="A talk")
    model = Listening(lambda seconds, request: decoded_words(["far", "behind"]))
    front_end, window = VadFrontEnd(options, 0), DecodeWindow(0)
    transcriber = Transcriber(model, options, front_end, window, counters=Counters(), clock=time.monotonic)
    front_end.feed(np.concatenate([SECOND] * 4))
    front_end.run_vad()
    while front_end.waiting:
        front_end.step()
    transcriber.start_window(window_ms)  # as a restart within an utterance does
    words = transcriber.decode_words(4000, 4000)
    assert [word.text for word in words] == [" far", " behind"]
    assert heard == [(4000 - window_ms, True), (4000 - window_ms, False)]


def test_a_beginning_that_the_context_makes_the_model_skip_is_decoded_again_without_it():
    """What is skipped hides in the next word, which lasts too long: measured behind a lost connection."""

    texts = ["in", "being", "near", "far", "behind", "it", "all", "of", "this"]

    def answer(seconds, request):
        own, context_ms = request.prefix.count(8), 1000 * request.prefix.count(7)
        before_ms = context_ms + 900 if context_ms else 0
        words = decoded_words(texts, start_ms=before_ms, step_ms=500)
        if context_ms and not own:  # three words are missing
            words = [replace(words[3], start_ms=before_ms + 200), *words[4:]]
        return [replace(word, tokens=(8,)) for word in words[own:] if word.end_ms <= 1000 * seconds]

    model = ScriptedModel(numbered)
    recogniser = StreamingRecogniser(model, ALWAYS_SPEECH)
    events = play(recogniser, 4)
    events += recogniser.flush()
    model._answer = answer
    recogniser.feed(np.concatenate([SECOND] * 4))  # at once, as behind a lost connection
    for _ in range(4):
        events += recogniser.poll()
        recogniser.feed(SECOND[:8000])
    words = [word.text.strip() for event in events if isinstance(event, Committed) for word in event.words]
    words = [word for word in words if not word.startswith("word")]
    assert words == texts[: len(words)]
    assert len(words) >= 6
