"""The protocol of translation engines, and the one error they raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Pair = tuple[str, str]  # source, target; codes as in codes.canonical

# Trouble of the engine itself, whatever the text: splitting a batch does not help.
UNREACHABLE, TIMEOUT, BUSY, FORBIDDEN = "unreachable", "timeout", "busy", "forbidden"
# May be the fault of one text in the batch.
REFUSED, FAILED, GARBAGE, WRONG_COUNT, EMPTY = "refused", "failed", "garbage", "wrong_count", "empty"
_PER_TEXT = frozenset({REFUSED, FAILED, GARBAGE, WRONG_COUNT, EMPTY})


class EngineError(Exception):
    """A translation did not come; `code` is one of this module's words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def per_text(self) -> bool:
        """Whether another text might have been translated."""
        return self.code in _PER_TEXT


class Engine(Protocol):
    """Translates batches. Thread-safe; may block for as long as its time-outs say."""

    name: str
    remote: bool  # may be away: its languages are asked for now and then and remembered

    def languages(self) -> frozenset[Pair]:
        """The pairs on offer. Raises EngineError."""
        ...

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """One text for each, in order. Raises EngineError."""
        ...
