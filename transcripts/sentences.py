"""A long sentence is stored in pieces (`ends`): which of them belong together. Pure."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import replace
from typing import Protocol, TypeVar
from unicodedata import category

from transcripts.events import Partial, SentenceChanged
from transcripts.text import WITHOUT_SPACES

Place = tuple[int, int]  # part, index
_OPENS = frozenset({"Ps", "Pi"})  # brackets and quotes that open


class Piece(Protocol):
    """A row of a track, or what travels of it."""

    @property
    def ends(self) -> bool:
        """False: its sentence goes on at the next index."""


P = TypeVar("P", bound=Piece)


def in_sentences(rows: Iterable[P], place: Callable[[P], Place]) -> Iterator[list[P]]:
    """Rows of one track in the order of reading, those of a sentence together.

    A sentence goes on at the next index of its part and nowhere else: where that is missing, or the part is over, it ends.
    """
    sentence: list[P] = []
    for row in rows:
        if sentence and not _goes_on(sentence[-1], row, place):
            yield sentence
            sentence = []
        sentence.append(row)
    if sentence:
        yield sentence


def keep_newest(rows: MutableMapping[Place, P], count: int) -> None:
    """Leave out what is older than the newest `count` sentences. One that goes on is there beside them."""
    ends = sorted(place for place, row in rows.items() if row.ends)
    if len(ends) <= count:
        return
    for place in [place for place in rows if place <= ends[-count - 1]]:
        del rows[place]


def rest_of(unfinished: Partial, stored: SentenceChanged) -> Partial | None:
    """The unfinished words that are not in the sentence, or the piece, that they became; None: nobody knows yet.

    Its words are the same ones: capitals and what stands between letters may have been decided since they were shown.
    They are told anew in a moment; until then a reader keeps them.
    """
    if (unfinished.part, unfinished.index) != (stored.part, stored.index) or stored.of_version is not None:
        return None
    gone = _length_of(
        stored.text, unfinished.text, is_spaced=stored.lang.partition("-")[0] not in WITHOUT_SPACES
    )
    if gone is None:
        return None
    text = unfinished.text[gone:]
    return replace(
        unfinished,
        index=stored.index + 1,
        start_ms=stored.end_ms,
        text=text,
        confirmed_chars=min(len(text), max(0, unfinished.confirmed_chars - gone)),
    )


def _length_of(head: str, text: str, *, is_spaced: bool) -> int | None:
    """How many characters of `text` have the letters and digits of `head`, with what closes them; None: it begins otherwise."""
    at = 0
    for char in filter(_is_of_word, head):
        at = _skipped(text, at, lambda each: not _is_of_word(each))
        if text[at : at + 1].casefold() != char.casefold():
            return None
        at += 1
    if is_spaced and _is_of_word(text[at : at + 1]):
        return None
    at = _skipped(
        text, at, lambda each: not (_is_of_word(each) or each.isspace() or category(each) in _OPENS)
    )
    return _skipped(text, at, str.isspace)


def _is_of_word(char: str) -> bool:
    return category(char)[0] in "LMN" if char else False


def _skipped(text: str, at: int, is_left: Callable[[str], bool]) -> int:
    while at < len(text) and is_left(text[at]):
        at += 1
    return at


def _goes_on(before: P, row: P, place: Callable[[P], Place]) -> bool:
    part, index = place(before)
    return not before.ends and place(row) == (part, index + 1)
