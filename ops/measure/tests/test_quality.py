"""Figures of reading, on texts that a person can count."""

import pytest

from ops.measure.quality import formatted_error_rate, normalized_erasure, sentence_f1


@pytest.mark.parametrize(
    ("shown", "erasure"),
    [
        ([], 0),
        (["one", "one two", "one two three"], 0),
        (["one", "one tow", "one two three"], 1 / 3),
        (["a b c", "x b c d"], 3 / 4),  # a word that is replaced counts with all behind it
        (["one.", "one", "One two"], 2 / 2),  # punctuation, then case
        (["one two", "", "one two"], 2 / 2),
        (["one two", ""], 0),  # nothing stands there at last
    ],
)
def test_erasure_counts_words_that_were_taken_back_for_each_that_stands(shown, erasure):
    assert normalized_erasure(shown) == pytest.approx(erasure)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("Don't stop. Go on!", 0),
        ("Don’t  stop. Go\non!", 0),
        ("don't stop. Go on!", 1 / 4),
        ("Don't stop, go on.", 3 / 4),
        ("", 1),
    ],
)
def test_formatted_errors_count_case_and_punctuation(text, rate):
    assert formatted_error_rate("Don't stop. Go on!", text) == pytest.approx(rate)


REFERENCE = 'It rains. "Why not?" she said. We go, Dr. Who'


@pytest.mark.parametrize(
    ("sentences", "f1"),
    [
        (
            ["It rains.", "Why not?", "she said.", "We go, Dr.", "Who"],
            1.0,
        ),  # an abbreviation is an end, to all alike
        (["It rains why not she said we go dr who"], 0.0),
        (["It rains.", "Why not? she said. We go, Dr. Who"], 2 * 1 / (4 + 1)),
        (
            ["It rained.", "Why not?", "she", "said. We go, Dr.", "Who"],
            2 * 3 / (4 + 4),
        ),  # a misheard word keeps its end
        ([], 0.0),
    ],
)
def test_sentence_ends_are_found_behind_the_word_that_stands_for_the_spoken_one(sentences, f1):
    assert sentence_f1(REFERENCE, sentences) == pytest.approx(f1)


def test_letters_with_full_stops_are_no_end():
    assert sentence_f1("We go, i.e. we run. Now.", ["We go, i.e. we run.", "Now."]) == 1.0


def test_a_talk_of_one_sentence_that_is_one_sentence_is_whole():
    assert sentence_f1("We go on and on.", ["We go on and on."]) == 1.0
    assert sentence_f1("We go on and on.", ["We go on.", "And on."]) == 0.0
