"""Long sentences are stored in pieces: which rows are one, and that none goes on for ever."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Conflict
from rooms.models import Room
from transcripts.events import Partial, SentenceChanged
from transcripts.models import Sentence
from transcripts.pieces import unfinished_sentence, whole_sentence
from transcripts.removal import remove_sentence
from transcripts.selectors import newest_sentences, room_now, sentences_before
from transcripts.sentences import in_sentences, keep_newest, rest_of
from transcripts.services import (
    NewSentence,
    PartTerms,
    add_sentences,
    correct_sentence,
    end_last_sentence,
    open_part,
)
from transcripts.text import joined, shared_out


@dataclass(frozen=True)
class Row:
    """A piece that is somewhere."""

    at: tuple[int, int]
    ends: bool = False


def place(row):
    return row.at


TALKS = st.lists(st.booleans(), max_size=30).map(
    lambda ends: [Row((1, index), end) for index, end in enumerate(ends)]
)


@given(TALKS)
def test_every_row_is_in_one_sentence_which_ends_with_its_last_piece(rows):
    sentences = list(in_sentences(rows, place))
    assert [row for sentence in sentences for row in sentence] == rows
    assert all([row.ends for row in each] == [False] * (len(each) - 1) + [True] for each in sentences[:-1])


def test_a_sentence_does_not_go_on_behind_a_gap_or_in_another_part():
    rows = [Row((1, 0)), Row((1, 2)), Row((2, 3))]
    assert list(in_sentences(rows, place)) == [[row] for row in rows]


@given(TALKS, st.integers(1, 5))
def test_the_newest_sentences_are_kept_whole(rows, count):
    kept = {row.at: row for row in rows}
    keep_newest(kept, count)
    sentences = list(in_sentences(rows, place))
    finished = [each for each in sentences if each[-1].ends]
    going_on = [each for each in sentences if not each[-1].ends]
    assert list(kept.values()) == [row for each in finished[-count:] + going_on for row in each]


@pytest.fixture
def part(db):
    """One of a room in which English is spoken."""
    terms = PartTerms("en", store=True, public=True, owner_id=None)
    return open_part(room=Room.objects.create(code="A", title="A talk"), terms=terms)


def say(part, *said):
    """Texts; those with "…" go on, those that begin with "|" begin a sentence."""
    rows = [
        NewSentence(0, 900, text.strip("|…"), ends="…" not in text, continues="|" not in text)
        for text in said
    ]
    return add_sentences(part=part, sentences=rows)


def stored(part):
    rows = Sentence.with_removed.filter(part=part, track__lang="en").order_by("index")
    return [(row.text, row.ends) for row in rows]


def test_what_begins_a_sentence_ends_the_one_that_was_to_go_on(part):
    first, second = say(part, "A long", "one…")
    third, _fourth = say(part, "|Another", "|one…")
    assert stored(part) == [("A long", True), ("one", True), ("Another", True), ("one", False)]
    second.refresh_from_db()
    assert [first.version, second.version, third.version] == [1, 3, 4]  # it is told anew


def test_a_long_sentence_that_nothing_follows_is_ended_once(part):
    say(part, "A long…", "one…")
    assert [row.text for row in unfinished_sentence(part)] == ["A long", "one"]
    row = end_last_sentence(part=part)
    assert row is not None
    assert (row.text, row.version) == ("one", 3)
    assert end_last_sentence(part=part) is None
    assert unfinished_sentence(part) == []
    assert stored(part) == [("A long", False), ("one", True)]


def test_nothing_is_ended_where_nothing_was_said(part):
    assert end_last_sentence(part=part) is None


def test_what_a_repeat_brings_again_ends_nothing(part):
    new = NewSentence(0, 900, "A long one", ends=False, continues=False, key="1.1.0")
    add_sentences(part=part, sentences=[new])
    assert add_sentences(part=part, sentences=[new]) == []
    assert stored(part) == [("A long one", False)]


def test_every_piece_knows_its_whole_sentence(part):
    rows = say(part, "Before.", "A long…", "one…", "ends.", "After…")
    assert [[each.index for each in whole_sentence(row)] for row in rows] == [
        [0], [1, 2, 3], [1, 2, 3], [1, 2, 3], [4],
    ]  # fmt: skip


def test_what_is_said_behind_a_removed_beginning_is_a_sentence_of_its_own(part):
    first, *_ = say(part, "A long…", "one…")
    remove_sentence(first)
    (rest,) = say(part, "that ends.")
    assert [row.index for row in whole_sentence(rest)] == [2]
    assert stored(part) == [("", True), ("", True), ("that ends.", True)]


def test_a_long_sentence_is_corrected_as_one_and_pieces_that_read_the_same_stay(part):
    first, second, _third = say(part, "We print,…", "end we…", "are made.")
    row = correct_sentence(sentence=first, text="We print, and we are made of lead.", upto=2, seen_version=3)
    assert stored(part) == [("We print,", False), ("and we", False), ("are made of lead.", True)]
    assert row.version == 4
    assert sorted(Sentence.objects.values_list("version", flat=True)) == [4, 5, 6]
    with pytest.raises(Conflict):
        correct_sentence(sentence=second, text="X", upto=2, seen_version=5)
    same = correct_sentence(sentence=first, text="We print, and we are made of lead.", upto=2, seen_version=6)
    assert same.version == 4
    correct_sentence(sentence=first, text="We print.", upto=1)  # who did not see the last one
    assert stored(part) == [("We print.", False), ("", False), ("are made of lead.", True)]


@given(st.lists(st.text("ab ", max_size=9), min_size=1, max_size=4), st.text("abc ", max_size=40))
def test_what_is_shared_out_to_pieces_is_the_new_text(pieces, text):
    assert joined(shared_out(text, pieces, "en"), "en") == " ".join(text.split())
    assert joined(shared_out(text, pieces, "ja"), "ja") == text
    own = " ".join(" ".join(pieces).split())
    assert shared_out(own, pieces, "en") == [" ".join(piece.split()) for piece in pieces]


def test_a_reader_begins_with_whole_sentences_and_what_goes_on(part):
    say(part, "One…", "two.", "Three…", "four.", "Five…")
    upto = room_now(part.room_id).versions
    shown = newest_sentences(part.room_id, broadcast=1, newest=1, upto=upto)
    assert [event.text for event in shown] == ["Three", "four.", "Five"]


def test_older_sentences_come_whole(part):
    say(part, "Zero.", "One…", "two.", "Three…", "four.", "Five.")
    count, found = sentences_before(part.room_id, before=(1, 5), count=2, lang="en")
    assert (count, [event.text for event in found]) == (2, ["One", "two.", "Three", "four."])
    count, found = sentences_before(part.room_id, before=(1, 1), count=2, lang="en")
    assert (count, [event.text for event in found]) == (1, ["Zero."])


def rest(shown, stored, lang="en", confirmed_chars=0):
    unfinished = Partial(lang, 1, 0, shown, 4, confirmed_chars=confirmed_chars)
    sentence = SentenceChanged(
        lang, version=7, part=1, broadcast=0, index=4, line=0, position=4, start_ms=0, end_ms=900, speaker=-1, text=stored
    )  # fmt: skip
    return rest_of(unfinished, sentence)


@pytest.mark.parametrize(
    ("shown", "stored", "left", "lang"),
    [
        ("The first book. The next", "The first book.", "The next", "en"),
        ("the first book the next", "The first book,", "the next", "en"),  # decided since
        ("a well known word and", "A well-known word", "and", "en"),
        ("he said, (as ever", "He said,", "(as ever", "en"),
        ("he said, «as ever", "He said", "«as ever", "en"),
        ("nothing behind it", "Nothing behind it.", "", "en"),
        ("これは本です。あれは", "これは本です。", "あれは", "ja"),
        ("これは本です「あれは", "これは本です。", "「あれは", "ja"),
    ],
)
def test_words_behind_a_stored_sentence_stay(shown, stored, left, lang):
    assert rest(shown, stored, lang).text == left


@pytest.mark.parametrize(
    ("shown", "stored", "lang"),
    [
        ("the books are", "The book", "en"),  # another word
        ("the book", "The book is", "en"),  # more than was shown
        ("a boot", "The book", "en"),
        ("कि यह", "क", "hi"),  # the sign of a vowel is of its word
    ],
)
def test_a_sentence_of_other_words_leaves_nothing_known(shown, stored, lang):
    assert rest(shown, stored, lang) is None


def test_what_was_confirmed_behind_a_stored_sentence_is_confirmed_still():
    left = rest("the first book the next one", "The first book,", confirmed_chars=len("the first book the"))
    assert left.text[: left.confirmed_chars] == "the"
    assert (left.index, left.start_ms) == (5, 900)
    assert not rest("the first book", "The first book,", confirmed_chars=14).confirmed_chars
