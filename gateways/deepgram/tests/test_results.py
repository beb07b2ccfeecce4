"""When words become Results, to the letter: pure."""

from __future__ import annotations

import pytest

from gateways.deepgram import wire
from gateways.deepgram.results import ChannelResults, ResultOptions
from gateways.deepgram.words import Row, alternative

METADATA = wire.ResultsMetadata(
    request_id="r", model_info=wire.ModelInfo(name="m", version="1", arch="whisper"), model_uuid="u"
)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def rows(text, start_ms=0, lang="en"):
    """Words of 400 ms, one every 500 ms; `|` is punctuation of its own."""
    found, at_ms = [], start_ms
    for word in text.split():
        if word.startswith("|"):
            found.append(Row(at_ms - 100, at_ms - 100, word[1:], 0.5, lang))
        else:
            found.append(Row(at_ms, at_ms + 400, f" {word}", 0.9, lang))
            at_ms += 500
    return found


def channel(clock=None, **options):
    return ChannelResults(ResultOptions(punctuated=True, **options), METADATA, clock=clock or Clock())


def said(messages):
    """In short: [interim], final, final!  (speech_final), final!! (from_finalize), and other messages by their names."""
    found = []
    for message in messages:
        if not isinstance(message, wire.Results):
            found.append(message.type)
            continue
        text = message.channel.alternatives[0].transcript
        mark = "!!" if message.from_finalize else "!" if message.speech_final else ""
        found.append(f"{text}{mark}" if message.is_final else f"[{text}]")
    return found


class TestFinal:
    def test_words_are_final_at_once_but_the_last_waits_for_its_punctuation(self):
        results = channel()
        assert said(results.words(rows("and so my"))) == ["and so"]
        assert said(results.hypothesis(rows("|, fellow", 1500))) == []
        assert said(results.words(rows("|, fellow Americans", 1500))) == ["my, fellow"]

    def test_last_word_waits_no_longer_when_another_word_follows(self):
        results = channel()
        assert said(results.words(rows("and so"))) == ["and"]
        assert said(results.hypothesis(rows("my", 1000))) == ["so"]

    def test_last_word_that_has_its_punctuation_does_not_wait(self):
        assert said(channel().words(rows("ask not."))) == ["ask not."]

    def test_last_word_waits_no_longer_than_a_second(self):
        clock = Clock()
        results = channel(clock)
        results.words(rows("so"))
        assert results.look() == []
        clock.now_s += 1.0
        assert said(results.look()) == ["so"]
        assert said(results.words(rows("|."))) == []  # too late: nobody could put it behind the word

    def test_interim_results_have_the_word_that_waits(self):
        results = channel(interim=True)
        results.words(rows("and so"))
        assert said(results.hypothesis(rows("|, my", 1000))) == ["[so, my]"]
        assert said(results.hypothesis(rows("my fellow", 1000))) == ["so", "[my fellow]"]
        assert said(results.hypothesis([])) == ["[]"]
        assert said(results.hypothesis([])) == []

    def test_nobody_gets_interim_results_who_did_not_ask(self):
        assert channel().hypothesis(rows("and so")) == []

    def test_final_results_tile_the_audio(self):
        results = channel()
        found = [
            *results.words(rows("and so.")),
            *results.speech("stopped", 950),
            *results.words(rows("my fellow.", 3000)),
            *results.speech("stopped", 4000),
            *results.finish(5000),
        ]
        spans = [(message.start, round(message.start + message.duration, 3)) for message in found]
        assert spans == [(0, 0.9), (0.9, 0.95), (0.95, 3.9), (3.9, 4.0), (4.0, 5.0)]
        assert said(found) == ["and so.", "!", "my fellow.", "!", ""]


class TestSpeechFinal:
    def test_pause_is_told_with_the_last_words(self):
        results = channel()
        results.words(rows("and so"))
        assert said(results.speech("stopped", 900)) == ["so!"]
        assert results.speech("stopped", 900) == []  # once

    def test_full_stop_that_the_recogniser_would_put_there_is_taken(self):
        results = channel()
        results.words(rows("and so"))
        results.hypothesis(rows("|.", 1000))
        assert said(results.speech("stopped", 900)) == ["so.!"]

    def test_pause_behind_words_that_are_sent_already_is_told_alone(self):
        results = channel()
        results.words(rows("so."))
        (found,) = results.speech("stopped", 700)
        assert said([found]) == ["!"]
        assert (found.start, found.duration) == (0.4, 0.3)
        assert found.channel.alternatives[0].words == []
        assert found.channel.alternatives[0].confidence == 0

    def test_noise_without_words_ends_nothing(self):
        results = channel()
        assert results.speech("started", 100) == []
        assert results.speech("stopped", 700) == []

    def test_without_endpointing_words_are_final_and_speech_is_not(self):
        results = channel(endpointing=False)
        results.words(rows("and so"))
        assert said(results.speech("stopped", 900)) == ["so"]
        assert results.speech("stopped", 900) == []


class TestFinalize:
    def test_answer_has_the_last_word_and_reaches_to_what_had_come(self):
        results = channel()
        results.words(rows("and so"))
        results.finalize("1", 2000)
        assert said(results.words(rows("my fellow.", 1000))) == ["so my"]
        assert results.speech("stopped", 1900) == []
        (found,) = results.flushed("1")
        assert said([found]) == ["fellow.!!"]
        assert found.speech_final
        assert found.start + found.duration == 2.0

    def test_answer_comes_also_where_nothing_was_said(self):
        results = channel()
        results.finalize("1", 500)
        assert said(results.flushed("1")) == ["!!"]

    def test_answer_comes_once_however_often_a_process_was_killed(self):
        results = channel()
        results.finalize("1", 0)
        results.finalize("2", 0)
        assert said(results.flushed("1")) == ["!!"]
        assert results.flushed("1") == []
        assert said(results.flushed("2")) == ["!!"]


class TestEvents:
    def test_speech_started_is_for_who_asked(self):
        (found,) = channel(vad_events=True).speech("started", 1250)
        assert (found.type, found.timestamp, found.channel) == ("SpeechStarted", 1.25, [0, 1])
        assert channel().speech("started", 1250) == []

    def test_gap_between_words_ends_an_utterance_before_the_next_word(self):
        results = channel(utterance_end_ms=1000)
        results.words(rows("and so."))
        assert said(results.words(rows("my.", 1899))) == ["my."]
        found = results.words(rows("fellow.", 3299))
        assert said(found) == ["UtteranceEnd", "fellow."]
        assert found[0].last_word_end == 2.299

    def test_speech_behind_a_gap_ends_an_utterance_first(self):
        results = channel(utterance_end_ms=1000, vad_events=True)
        results.words(rows("so."))
        results.speech("stopped", 400)
        assert said(results.speech("started", 1400)) == ["UtteranceEnd", "SpeechStarted"]

    def test_interim_word_behind_a_gap_ends_an_utterance_too(self):
        results = channel(utterance_end_ms=1000)
        results.words(rows("so."))
        assert said(results.hypothesis(rows("my", 1400))) == ["UtteranceEnd"]
        assert results.words(rows("my.", 1400))[0].type == "Results"

    def test_silence_ends_an_utterance_when_it_has_been_long_enough(self):
        clock = Clock()
        results = channel(clock, utterance_end_ms=1000, pause_ms=640)
        results.words(rows("so."))
        results.speech("stopped", 450)  # known 640 ms later
        assert results.look() == []
        clock.now_s += 0.3
        assert results.look() == []
        clock.now_s += 0.02
        assert said(results.look()) == ["UtteranceEnd"]
        clock.now_s += 10
        assert results.look() == []  # once

    def test_silence_is_counted_from_the_answer_where_no_pause_ended_speech(self):
        clock = Clock()
        results = channel(clock, utterance_end_ms=1000)
        results.finalize("1", 400)
        results.words(rows("so."))
        results.speech("stopped", 400)
        results.flushed("1")
        clock.now_s += 0.9
        assert results.look() == []
        clock.now_s += 0.1
        assert said(results.look()) == ["UtteranceEnd"]

    def test_utterance_does_not_end_while_somebody_speaks_or_words_are_open(self):
        clock = Clock()
        results = channel(clock, utterance_end_ms=1000)
        results.words(rows("so."))
        results.speech("stopped", 450)
        results.hypothesis(rows("my", 1000))
        clock.now_s += 10
        assert results.look() == []
        results.hypothesis([])
        results.speech("started", 1200)
        assert results.look() == []


class TestEnd:
    def test_what_is_left_is_final(self):
        results = channel()
        results.words(rows("and so"))
        assert said(results.finish(0)) == ["so!"]
        assert results.finish(0) == []

    def test_silence_at_the_end_belongs_to_the_audio(self):
        results = channel()
        (found,) = results.finish(1500)
        assert (found.start, found.duration, found.speech_final) == (0, 1.5, False)


class TestWords:
    def test_word_is_plain_and_punctuated_where_that_was_asked_for(self):
        found = alternative(rows("Hello, it’s"), punctuated=True, languages=False)
        assert found.transcript == "Hello, it’s"
        assert [(word.word, word.punctuated_word) for word in found.words] == [
            ("hello", "Hello,"),
            ("it’s", "it’s"),
        ]
        plain = alternative(rows("Hello, it’s"), punctuated=False, languages=False)
        assert plain.transcript == "hello it’s"
        assert all(word.punctuated_word is None for word in plain.words)

    def test_confidences_are_the_recogniser_s(self):
        pair = [Row(0, 400, " a", 0.8), Row(500, 900, " b", 0.4)]
        found = alternative(pair, punctuated=True, languages=False)
        assert [word.confidence for word in found.words] == [0.8, 0.4]
        assert found.confidence == pytest.approx(0.6)

    def test_times_are_seconds(self):
        (word,) = alternative([Row(1234, 1500, " a", 1.0)], punctuated=True, languages=False).words
        assert (word.start, word.end) == (1.234, 1.5)

    def test_language_without_spaces_stays_without(self):
        words = [Row(0, 1, "今日は", 1.0), Row(1, 2, "、晴れ", 1.0), Row(2, 3, "です。", 1.0)]
        assert alternative(words, punctuated=True, languages=False).transcript == "今日は、晴れです。"
        assert alternative(words, punctuated=False, languages=False).transcript == "今日は晴れです"

    def test_languages_are_named_where_any_is_heard_most_words_first(self):
        found = alternative([*rows("so"), *rows("ja wohl", lang="de")], punctuated=True, languages=True)
        assert found.languages == ["de", "en"]
        assert [word.language for word in found.words] == ["en", "de", "de"]
        assert alternative(rows("so"), punctuated=True, languages=False).words[0].language is None
