"""Rules against text that was not spoken."""

from dataclasses import replace

import pytest

from asr.recognise import hallucination
from asr.recognise.whisper import Decoded

from .words import decoded


def text_of(words):
    return "".join(word.text for word in words).strip()


@pytest.mark.parametrize(
    ("spoken", "kept"),
    [
        ("so it goes on and on and on and on and on", "so it goes on and"),
        ("thank you for this thank you for this", "thank you for this"),
        ("one two three four one two three four five", "one two three four"),
    ],
)
def test_loop_is_cut_to_one_copy(spoken, kept):
    words, cut = hallucination.without_loop(decoded(spoken))
    assert cut
    assert text_of(words).startswith(kept.split()[0])
    assert len(text_of(words)) < len(spoken)


@pytest.mark.parametrize(
    "spoken", ["no no no", "very very good", "ja ja, ja!", "again and again we try", "Yes."]
)
def test_spoken_repetition_survives(spoken):
    words, cut = hallucination.without_loop(decoded(spoken))
    assert not cut
    assert text_of(words) == spoken


def test_words_well_behind_the_end_of_speech_are_cut():
    words, late = hallucination.without_late(decoded("all of this was said"), 900)
    assert text_of(words) == "all of this"
    assert late == 2


def test_repetition_of_the_text_before_the_window_is_dropped():
    words = hallucination.without_repeated(
        decoded("printed book, the invention"), ["the", "true", "printed", "book"], 800
    )
    assert text_of(words) == "the invention"


def test_word_spoken_again_later_is_kept():
    words = hallucination.without_repeated(decoded("very good"), ["very"], 0)
    assert text_of(words) == "very good"


@pytest.mark.parametrize(
    ("again", "step_ms", "kept"),
    [
        ("The livery so gazed on now", 0, ""),  # "the" for "proud" took no time either
        ("The livery so gazed on now", 40, ""),
        ("so gazed on", 20, ""),
        ("The livery so gazed on now", 300, "The livery so gazed on now"),  # he says it again
        ("The lions of the south", 0, "The lions of the south"),
        ("on now", 0, "on now"),  # two words are no echo yet
    ],
)
def test_what_the_prefix_says_already_is_dropped_where_it_takes_no_time(again, step_ms, kept):
    spoken = [replace(each, end_ms=each.start_ms + step_ms) for each in decoded(again, step_ms=step_ms)]
    words, echoed = hallucination.without_echo(spoken, ["thy", "proud", "livery", "so", "gazed", "on", "now"])
    assert text_of(words) == kept
    assert echoed == (kept != again)


def test_known_hallucination_is_dropped_only_where_confidence_is_low():
    assert hallucination.is_hallucination(decoded("Thanks for watching!", probability=0.4), "en")
    assert not hallucination.is_hallucination(decoded("Thanks for watching!", probability=0.9), "en")
    assert hallucination.is_hallucination(decoded("Untertitel im Auftrag des ZDF", probability=0.5), "de")


@pytest.mark.parametrize(
    ("spoken", "language"), [("Yes.", "en"), ("Danke.", "de"), ("Nein!", "de"), ("No.", "en")]
)
def test_short_answers_survive_even_with_low_confidence(spoken, language):
    assert not hallucination.is_hallucination(decoded(spoken, probability=0.5), language)


def test_window_that_the_model_takes_for_silence_is_no_speech_unless_it_is_sure_of_its_text():
    assert hallucination.is_no_speech(Decoded((), 3, True, no_speech=0.9, average_log_probability=-1.2))
    assert not hallucination.is_no_speech(Decoded((), 3, True, no_speech=0.9, average_log_probability=-0.3))
    assert hallucination.is_no_speech(Decoded((), 3, True, no_speech=0.1, average_log_probability=-2.0))


@pytest.mark.parametrize(
    ("probability", "no_speech"), [(0.1, 0.8), (0.34, 0.44), (0.56, 0.43), (0.57, 0.66), (0.15, 0.0)]
)
def test_words_that_are_hardly_more_probable_than_silence_do_not_begin_an_utterance(probability, no_speech):
    assert not hallucination.is_trusted(decoded("Thank you", probability=probability), no_speech)


@pytest.mark.parametrize(("probability", "no_speech"), [(0.44, 0.03), (0.48, 0.15), (0.65, 0.25), (0.8, 0.4)])
def test_words_that_are_clearly_more_probable_than_silence_begin_an_utterance(probability, no_speech):
    assert hallucination.is_trusted(decoded("Sie ist", probability=probability), no_speech)


def test_an_utterance_without_words_is_trusted_to_be_empty():
    assert hallucination.is_trusted((), no_speech=0.9)
