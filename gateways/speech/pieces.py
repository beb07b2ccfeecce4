"""Text entries of a session (asr/sinks/stream.py) as this wire says them: confirmed pieces, and what is heard beyond. Pure.

What is not taken yet is put together: a client that reads slowly gets fewer and longer pieces, and never less text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Piece:
    """Texts carry their leading space, so that pieces are simply joined. Times since the stream's first sample."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Update:
    """One message to the client. An interim without text takes the one before back."""

    confirmed: Piece | None
    interim: Piece | None


class Pieces:
    """Of one stream."""

    def __init__(self) -> None:
        self._confirmed: list[Sequence[Any]] = []
        self._interim: list[Sequence[Any]] | None = None  # None: the same as was said last
        self._shown = False
        self._last_end_ms = 0

    @property
    def words_waiting(self) -> int:
        """Confirmed words that were not taken yet."""
        return len(self._confirmed)

    def add(self, kind: str, data: dict[str, Any]) -> None:
        """An entry; other kinds than `words` and `hypothesis` say nothing here."""
        if kind == "words":
            self._confirmed += data["words"]
            self._interim = []  # what was heard beyond may be confirmed by them
        elif kind == "hypothesis":
            self._interim = list(data["words"])

    def take(self) -> Update | None:
        """What is new."""
        confirmed = self._take_confirmed()
        interim = self._take_interim(replaced=confirmed is not None)
        return Update(confirmed, interim) if confirmed or interim else None

    def _take_confirmed(self) -> Piece | None:
        words, self._confirmed = self._confirmed, []
        if not words:
            return None
        piece = _piece(words, not_before_ms=self._last_end_ms)
        self._last_end_ms = piece.end_ms
        return piece

    def _take_interim(self, *, replaced: bool) -> Piece | None:
        words, self._interim = self._interim, None
        if words is None:
            return None
        was_shown, self._shown = self._shown and not replaced, bool(words)
        if words:
            return _piece(words, not_before_ms=self._last_end_ms)
        return Piece(self._last_end_ms, self._last_end_ms, "") if was_shown else None


def _piece(words: Sequence[Sequence[Any]], *, not_before_ms: int) -> Piece:
    """start = max(start, last end), as the servers before us."""
    start_ms = max(int(words[0][0]), not_before_ms)
    return Piece(start_ms, max(int(words[-1][1]), start_ms), "".join(word[2] for word in words))
