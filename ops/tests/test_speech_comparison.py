"""Comparing transcripts under faults: what counts as lost, doubled and missing, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from ops.faults.speech import Comparison, RealSpeech, ScriptedSpeech, Unsent, missing_words, repeated_words
from ops.measure.talk import ReferenceWord, Talk

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def scripted(*numbers: int) -> str:
    return " ".join(f"s{number // 4 + 1:04}w{number % 4 + 1}" for number in numbers)


def talk() -> Talk:
    words = tuple(ReferenceWord(text, 1000 * at, 1000 * at + 600) for at, text in enumerate(WORDS))
    return Talk("talk", "en", np.zeros(12 * 16_000, dtype=np.float32), " ".join(WORDS), words, ())


def test_every_scripted_word_counts() -> None:
    speech = ScriptedSpeech(seconds=6.0)
    assert speech.compare(scripted(*range(12))) == Comparison(lost=0, doubled=0, missing=0)
    assert speech.compare(scripted(*range(7), *range(8, 12), 11)) == Comparison(lost=1, doubled=1, missing=0)
    assert speech.compare(scripted(0, 1, *range(7, 12))) == Comparison(lost=5, doubled=0, missing=5)


def test_scripted_words_that_were_never_sent_are_not_expected() -> None:
    speech = ScriptedSpeech(seconds=6.0)
    assert speech.compare(scripted(*range(4), *range(9, 12)), Unsent(2000, 4000)).lost == 0
    assert speech.compare(scripted(*range(8)), Unsent(2000, 4000, new_recorder=True)).lost == 0


@pytest.mark.parametrize(
    ("hypothesis", "missing"),
    [
        (WORDS, 0),
        (WORDS[:4] + WORDS[7:], 0),
        (WORDS[:4] + WORDS[8:], 4),
        (WORDS[:4], 8),
        ([*WORDS[:2], "other", *WORDS[8:]], 5),
        ([*WORDS[:2], "wrong", "words", "but", "as", "many", "words", *WORDS[8:]], 0),
        ([], 12),
    ],
)
def test_only_long_stretches_without_text_are_missing(hypothesis: list[str], missing: int) -> None:
    assert missing_words(WORDS, hypothesis) == missing


def test_words_said_again_directly_behind_themselves_are_doubled() -> None:
    assert repeated_words(["one", "two", "three"]) == 0
    assert repeated_words(["one", "one", "two"]) == 1
    assert repeated_words(["and", "so", "my", "and", "so", "my", "fellow"]) == 3


def test_a_speaker_who_repeats_words_doubles_nothing() -> None:
    spoken = talk()
    words = (*spoken.words[:3], *(ReferenceWord("three", 2700, 2900),), *spoken.words[3:])
    speech = RealSpeech(Talk("talk", "en", spoken.samples, "", words, ()))
    assert speech.compare("one two three three four five six seven eight nine ten eleven twelve").doubled == 0


def test_real_speech_that_was_never_sent_is_not_missing() -> None:
    speech = RealSpeech(talk())
    without = " ".join(WORDS[:3] + WORDS[9:])
    assert speech.compare(without).missing == 6
    assert speech.compare(without, Unsent(3000, 9000)).missing == 0
