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


# Concerns every pair of the engine; anything else may be one pair's model.
_WHOLE_ENGINE = frozenset({UNREACHABLE, BUSY, FORBIDDEN})


class EngineError(Exception):
    """A translation did not come; `code` is one of this module's words.

    `retry_after_s`: the engine asked to be left alone that long.
    """

    def __init__(self, code: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def per_text(self) -> bool:
        """Whether another text might have been translated."""
        return self.code in _PER_TEXT

    @property
    def whole_engine(self) -> bool:
        """Whether another pair would have failed as well."""
        return self.code in _WHOLE_ENGINE


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
