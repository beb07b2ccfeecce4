"""What is shown of words that may change, and how it is written."""

import pytest

from asr.caption.partial import PartialText, partial_text, supposed
from asr.recognise.recogniser import Word


def words(*texts, probability=0.9):
    return tuple(Word(100 * at, 100 * at + 100, text, probability) for at, text in enumerate(texts))


def shown(*texts):
    return "".join(word.text for word in supposed(words(*texts), 0.5))


def test_words_are_shown_up_to_the_first_that_will_hardly_survive():
    heard = (*words(" one"), *words(" two", probability=0.4), *words(" three"))
    assert [word.text for word in supposed(heard, 0.5)] == [" one"]


@pytest.mark.parametrize(
    ("heard", "seen"),
    [
        ((" one", " two,"), " one"),  # nobody knows yet what stands behind it
        ((" one", " two", "."), " one"),
        ((" one,", " two"), " one, two"),
        ((" one,", " two?"), " one,"),
        ((",", " one"), ", one"),  # behind a confirmed word
        ((",",), ""),
        ((" one.",), ""),
        (("本", "です", "。"), "本"),
        ((), ""),
    ],
)
def test_a_last_word_with_punctuation_behind_it_waits_for_the_next(heard, seen):
    assert shown(*heard) == seen


def test_a_text_begins_with_a_capital_unless_its_sentence_goes_on():
    confirmed, tentative = words(" we", " are"), words(" here")
    assert partial_text(confirmed, tentative, begins=True, at_ms=7) == PartialText(0, "We are here", 6)
    assert partial_text(confirmed, tentative, begins=False, at_ms=7) == PartialText(0, "we are here", 6)
    assert partial_text((), (), begins=True, at_ms=7) == PartialText(7, "", 0)
