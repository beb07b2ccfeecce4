"""Committed words become sentences, in order, each word once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.caption.sentences import SentenceAssembler
from asr.recognise.recogniser import Word
from asr.recognise.tests.words import sequence


def texts(assembler, words, one_by_one=True):
    groups = [(word,) for word in words] if one_by_one else [tuple(words)]
    return [sentence.text for group in groups for sentence in assembler.add(group)]


def test_sentence_is_given_with_its_full_stop_not_with_the_next_word():
    assembler = SentenceAssembler("en")
    assert texts(assembler, sequence("Printing is beautiful.")) == ["Printing is beautiful."]
    assert assembler.pending == ()


@pytest.mark.parametrize(
    ("spoken", "read"),
    [
        ("printing is beautiful.", "Printing is beautiful."),
        ("iPhones are small.", "iPhones are small."),
        ("42 lines.", "42 lines."),
        ("ßx is no word.", "ßx is no word."),
    ],
)
def test_a_sentence_begins_with_a_capital(spoken, read):
    assert texts(SentenceAssembler("en"), sequence(spoken)) == [read]


def test_a_language_with_another_capital_i_is_left_as_it_is():
    assert texts(SentenceAssembler("tr"), sequence("iyi günler.")) == ["iyi günler."]


def test_what_goes_on_behind_a_cut_does_not_begin_with_a_capital():
    assembler = SentenceAssembler("en", max_chars=60)

    cut = texts(assembler, sequence("we print, " + "and we print, " * 8))
    rest = [sentence.text for sentence in assembler.finish()]

    assert cut[0].startswith("We print,")
    assert all(text.startswith("and") for text in (*cut[1:], *rest))


def test_what_goes_on_behind_a_pause_does_not_begin_with_a_capital():
    assembler = SentenceAssembler("en")
    assembler.add(sequence("the invention"))
    assert [sentence.text for sentence in assembler.finish()] == ["The invention"]

    assembler.add(sequence("of movable letters"))
    assert [sentence.text for sentence in assembler.finish()] == ["of movable letters"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "It costs 3.50 dollars."),
        ("en", "At 10.30 Dr. Smith arrived."),
        ("en", "He met Mr. Jones and Mrs. Lee yesterday."),
        ("de", "Am 3. Mai kam Dr. Müller an."),
        ("de", "Das sind z. B. 1.000 Euro."),
    ],
)
def test_numbers_and_abbreviations_end_no_sentence(language, text):
    for one_by_one in (True, False):
        assert texts(SentenceAssembler(language), sequence(text), one_by_one) == [text]


def test_number_split_over_two_commits_stays_whole():
    assembler = SentenceAssembler("en")
    assert texts(assembler, (Word(0, 300, " Version", 1.0), Word(300, 600, " 3.", 1.0))) == []
    assert texts(assembler, (Word(600, 900, "5", 1.0), Word(900, 1200, " works.", 1.0))) == [
        "Version 3.5 works."
    ]


def test_sentence_that_is_too_long_is_cut_at_a_clause():
    assembler = SentenceAssembler("en", max_chars=100)
    text = "We saw the craftsmen at work in every town of the country, and then we went on without any rest for days and"
    done = texts(assembler, sequence(text))
    assert done == ["We saw the craftsmen at work in every town of the country,"]


def test_without_punctuation_split_only_a_pause_ends_a_sentence():
    assembler = SentenceAssembler("en", punctuation_split=False)
    assert texts(assembler, sequence("One. Two. Three.")) == []
    assert [sentence.text for sentence in assembler.finish()] == ["One. Two. Three."]


@given(
    st.lists(
        st.sampled_from(
            [
                "the",
                "a.",
                "word,",
                "3.",
                "5",
                "Dr.",
                "Yes!",
                "„no“",
                "und",
                "-",
                "…",
                "12.5",
                "Ja?",
                "e.g.",
                "。",
            ]
        ),
        max_size=60,
    ),
    st.sampled_from(["en", "de", "ja", "zz"]),
    st.integers(20, 120),
    st.data(),
)
def test_concatenated_sentences_are_the_words_for_any_cutting(parts, language, max_chars, data):
    words = sequence(" ".join(parts)) if parts else ()
    assembler = SentenceAssembler(language, max_chars=max_chars)
    given_words, at = [], 0
    while at < len(words):
        count = data.draw(st.integers(1, len(words) - at))
        for sentence in assembler.add(words[at : at + count]):
            given_words.extend(sentence.words)
        at += count
    for sentence in assembler.finish():
        given_words.extend(sentence.words)
    assert tuple(given_words) == words
