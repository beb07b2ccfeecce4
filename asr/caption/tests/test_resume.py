"""Where the next generation resumes: the words of the overlap are left out, each word behind it comes once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.caption.resume import OVERLAP_MS, ResumePoint
from asr.recognise.tests.words import sequence, word


def test_the_overlap_begins_a_little_before_but_not_before_the_part():
    assert ResumePoint(30_000).overlap_start_ms == 30_000 - OVERLAP_MS
    assert ResumePoint(500).overlap_start_ms == 0


def test_words_that_end_before_the_resume_point_are_left_out():
    words = sequence("of the written character and they followed", start_ms=8800)
    assert ResumePoint(10_000).count_before(words) == 3


@pytest.mark.parametrize("shift_ms", [-500, -200, 0, 200, 500])
def test_the_last_committed_word_marks_the_resume_point_though_times_differ(shift_ms):
    words = sequence("of the written character and they followed", start_ms=8900 + shift_ms)
    assert ResumePoint(10_400, "closely those of the written Character,").count_before(words) == 4


def test_the_same_word_spoken_again_later_is_not_taken_for_the_last_one():
    words = sequence("is very very good and very late", start_ms=9300)
    assert ResumePoint(9_600, "This is").count_before(words) == 1
    assert ResumePoint(10_000, "This is very").count_before(words) == 2


def test_an_overlap_of_other_words_than_were_committed_falls_back_to_times():
    words = (word("hum", 9_000, 9_400), word("type", 10_050, 10_300))
    assert ResumePoint(10_000, "the end.").count_before(words) == 1


def test_punctuation_behind_the_last_committed_word_is_not_said_again():
    heard = (word("Americans", 9_000, 9_900), word(",", 9_900, 9_900), word("ask", 10_100, 10_400))
    assert ResumePoint(9_900, "My fellow Americans,").count_before(heard) == 2
    assert ResumePoint(9_900, "My fellow Americans").count_before(heard) == 2
    percent = (word("five", 9_000, 9_900), word("%", 9_900, 10_300), word("more", 10_300, 10_500))
    assert ResumePoint(9_900, "five").count_before(percent) == 1, "what is read aloud stays"


@given(st.integers(1, 12), st.integers(-300, 300), st.booleans())
def test_any_cut_of_a_text_loses_and_doubles_nothing(count, shift_ms, known):
    text = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    words = sequence(" ".join(text), start_ms=10_000)
    at_ms = words[count - 1].end_ms
    heard = sequence(" ".join(text), start_ms=10_000 + (shift_ms if known else shift_ms // 3))
    assert ResumePoint(at_ms, " ".join(text[:count]) if known else "").count_before(heard) == count
