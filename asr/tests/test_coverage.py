"""Whose words are given out where a recogniser hears and a person writes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from asr.caption.captioner import SentenceReady
from asr.coverage import WAITS_MOST_MS, Coverage, Spoken, Stretch, divide
from asr.recognise.recogniser import Word


def said(start_ms, *texts, key="1.1.0"):
    """A sentence of words of a second each."""
    words = tuple(
        Word(start_ms + 1000 * at, start_ms + 1000 * (at + 1), f" {text}", 1.0)
        for at, text in enumerate(texts)
    )
    end_ms = start_ms + 1000 * len(texts)
    return Spoken(key, SentenceReady(start_ms, end_ms, " ".join(texts), False, words=words))


def given_texts(spoken, coverage, heard_ms=10_000):
    return [one.sentence.text for one in divide(spoken, coverage, heard_ms=heard_ms).given]


def test_everything_is_given_out_where_nobody_writes():
    whole = said(0, "Eins", "zwei.")
    divided = divide([whole], Coverage(), heard_ms=10_000)
    assert divided.given == [whole]
    assert divided.given[0] is whole
    assert not divided.waiting


def test_what_a_person_wrote_is_left_out_word_by_word():
    coverage = Coverage((Stretch(2000, 4000),))
    one = said(0, "a", "b", "c", "d", "e", "f.")
    divided = divide([one], coverage, heard_ms=10_000)
    found = [
        (rest.key, rest.sentence.start_ms, rest.sentence.end_ms, rest.sentence.text) for rest in divided.given
    ]
    assert found == [("1.1.0.0", 0, 2000, "a b"), ("1.1.0.4", 4000, 6000, "e f.")]
    assert given_texts([said(2000, "c", "d.")], coverage) == []


def test_what_a_person_may_still_write_waits_with_all_behind_it():
    spoken = [said(0, "a."), said(1000, "b."), said(2000, "c.")]
    divided = divide(spoken, Coverage(open_from_ms=1000), heard_ms=10_000)
    assert (divided.given, divided.waiting) == (spoken[:1], spoken[1:])


def test_what_waits_is_dropped_by_the_person_s_sentence_and_given_out_without_one():
    waiting = [said(1000, "b."), said(2000, "c.")]
    assert given_texts(waiting, Coverage((Stretch(1000, 2000),), open_from_ms=1000)) == []
    assert given_texts(waiting, Coverage((Stretch(1000, 2000),))) == ["c."]
    assert given_texts(waiting, Coverage()) == ["b.", "c."]


def piece(one, *, ends, continues):
    return replace(one, sentence=replace(one.sentence, ends=ends, continues=continues))


def test_what_stands_on_both_sides_of_a_person_s_words_is_no_sentence():
    spoken = [
        piece(said(0, "a", "b"), ends=False, continues=False),
        piece(said(2000, "c", "d", "e"), ends=False, continues=True),
        piece(said(5000, "f."), ends=True, continues=True),
    ]

    def given(*stretches):
        found = divide(spoken, Coverage(tuple(Stretch(*each) for each in stretches)), heard_ms=10_000).given
        return [(one.sentence.text, one.sentence.continues, one.sentence.ends) for one in found]

    assert given() == [("a b", False, False), ("c d e", True, False), ("f.", True, True)]
    assert given((3000, 4000)) == [
        ("a b", False, False), ("c", True, True), ("e", False, False), ("f.", True, True),
    ]  # fmt: skip
    assert given((2000, 5000)) == [("a b", False, False), ("f.", False, True)]
    assert given((4000, 5000)) == [("a b", False, False), ("c d", True, True), ("f.", False, True)]


def test_person_who_finishes_nothing_for_a_minute_holds_nothing_up():
    spoken = [said(0, "a."), said(1000, "b.")]
    heard_ms = 1000 + WAITS_MOST_MS
    assert given_texts(spoken, Coverage(open_from_ms=0), heard_ms=heard_ms) == ["a."]


def test_sentence_without_known_words_is_one_word():
    one = Spoken("k", SentenceReady(0, 4000, "Whole.", False))
    assert given_texts([one], Coverage((Stretch(0, 2500),))) == []
    assert given_texts([one], Coverage((Stretch(0, 1500),))) == ["Whole."]


stretches = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 9000)), max_size=4)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), stretches)
def test_each_word_is_given_out_exactly_once_or_was_written(lengths, written):
    spoken, at_ms, number = [], 0, 0
    for key, length in enumerate(lengths):
        spoken.append(said(at_ms, *(f"w{number + each}" for each in range(length)), key=str(key)))
        at_ms, number = at_ms + 1000 * length, number + length
    coverage = Coverage(tuple(Stretch(start, start + length) for start, length in written))
    divided = divide(spoken, coverage, heard_ms=100_000)
    words = [word for one in divided.given for word in one.sentence.text.split()]
    covered = {
        f"w{at}"
        for at in range(number)
        if any(start <= 1000 * at + 500 < start + length for start, length in written)
    }
    assert words == [f"w{at}" for at in range(number) if f"w{at}" not in covered]
    assert len({one.key for one in divided.given}) == len(divided.given)
    assert not divided.waiting
