"""A long sentence is stored in pieces (`ends`): which of them belong together. Pure."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import replace
from typing import Protocol, TypeVar

from transcripts.events import Partial, SentenceChanged

Place = tuple[int, int]  # part, index


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

    They are told anew in a moment; until then a reader keeps them.
    """
    if (unfinished.part, unfinished.index) != (stored.part, stored.index) or stored.of_version is not None:
        return None
    if not unfinished.text.startswith(stored.text):
        return None
    text = unfinished.text[len(stored.text) :].lstrip()
    gone = len(unfinished.text) - len(text)
    confirmed = max(0, unfinished.confirmed_chars - gone)
    return replace(
        unfinished, index=stored.index + 1, start_ms=stored.end_ms, text=text, confirmed_chars=confirmed
    )


def _goes_on(before: P, row: P, place: Callable[[P], Place]) -> bool:
    part, index = place(before)
    return not before.ends and place(row) == (part, index + 1)
