"""Where a successor goes on: the words of the lead are left out, each word behind it is said once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.caption.seam import LEAD_MS, Seam
from asr.recognise.tests.words import sequence, word


def test_listening_begins_a_little_before_but_not_before_the_part():
    assert Seam(30_000).lead_ms == 30_000 - LEAD_MS
    assert Seam(500).lead_ms == 0


def test_words_that_end_before_the_seam_are_left_out():
    words = sequence("of the written character and they followed", start_ms=8800)
    assert Seam(10_000).before(words) == 3


@pytest.mark.parametrize("shift_ms", [-500, -200, 0, 200, 500])
def test_the_word_that_was_said_last_shows_the_seam_though_times_differ(shift_ms):
    words = sequence("of the written character and they followed", start_ms=8900 + shift_ms)
    assert Seam(10_400, "closely those of the written Character,").before(words) == 4


def test_the_same_word_said_again_later_is_not_taken_for_the_last_one():
    words = sequence("is very very good and very late", start_ms=9300)
    assert Seam(9_600, "This is").before(words) == 1
    assert Seam(10_000, "This is very").before(words) == 2


def test_a_lead_of_other_words_than_were_said_falls_back_to_times():
    words = (word("hum", 9_000, 9_400), word("type", 10_050, 10_300))
    assert Seam(10_000, "the end.").before(words) == 1


@given(st.integers(1, 12), st.integers(-300, 300), st.booleans())
def test_any_cut_of_a_text_loses_and_doubles_nothing(count, shift_ms, known):
    text = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    words = sequence(" ".join(text), start_ms=10_000)
    at_ms = words[count - 1].end_ms
    heard = sequence(" ".join(text), start_ms=10_000 + (shift_ms if known else shift_ms // 3))
    assert Seam(at_ms, " ".join(text[:count]) if known else "").before(heard) == count
