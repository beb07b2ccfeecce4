"""Text that a person typed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import BadInput
from transcripts.typed_text import MARKS_MOST, TYPED_MOST_CHARS, typed_so_far, typed_text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("  Good\tmorning, \n everybody. ", "Good morning, everybody."),
        ("Zu\u0308rich", "Zürich"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2066a\u2069\u2028b", "a b"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("a" + "\u0301" * 50, unicodedata.normalize("NFC", "a\u0301") + "\u0301" * MARKS_MOST),
        ("\ud800x", "x"),
        ("soft\u00adhyphen \ufeffmark", "softhyphen mark"),
    ],
)
def test_what_nobody_sees_is_left_out_and_what_scripts_need_stays(typed, read):
    assert typed_text(typed) == read


@pytest.mark.parametrize("typed", ["", " \n", "\u202e", "\x00"])
def test_nothing_is_no_sentence(typed):
    with pytest.raises(BadInput, match="text_empty"):
        typed_text(typed)


def test_a_book_is_no_sentence():
    assert len(typed_text("a" * TYPED_MOST_CHARS)) == TYPED_MOST_CHARS
    with pytest.raises(BadInput, match="text_too_long"):
        typed_text("a" * (TYPED_MOST_CHARS + 1))
    assert len(typed_so_far("a" * 10_000)) == TYPED_MOST_CHARS


@given(st.text())
def test_whatever_is_typed_is_one_line_that_can_be_stored_and_stays_as_it_is(typed):
    fit = typed_so_far(typed)
    fit.encode()
    assert "\x00" not in fit
    assert len(fit.splitlines()) <= 1
    assert typed_so_far(fit) == fit
