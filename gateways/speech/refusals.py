"""Why a stream is refused or ended early: a code that both forms of this wire translate, and words for its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rooms.errors import DomainError, in_words

Code = Literal[
    "invalid_argument", "deadline_exceeded", "resource_exhausted", "failed_precondition", "unavailable",
    "data_loss", "internal_error",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """End the stream with this code and message."""

    code: Code
    message: str


class Refused(Exception):
    """Raised anew each time: an exception that is raised again keeps every traceback it had."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def invalid(message: str) -> Refused:
    """The client's message cannot be used."""
    return Refused(Refusal("invalid_argument", message))


INTERNAL: Final = Refusal("internal_error", "Internal server error")
RECOGNISER_FAILED: Final = Refusal("internal_error", "The recogniser failed")
TEXT_LOST: Final = Refusal("data_loss", "Text was lost before it could be sent")
RESTARTING: Final = Refusal("unavailable", "The server is restarting: connect again")
NOT_NOW: Final = Refusal("unavailable", "The server cannot open a stream now: try again")

_CODES: Final[Mapping[str, Code]] = {
    "capacity": "resource_exhausted",
    "source_lang": "invalid_argument",
    "consent_required": "failed_precondition",
}
_WORDS: Final[Mapping[str, str]] = {
    "capacity": "No free slot: all {slots} are taken",
    "source_lang": "The language is not one that is recognised here",
    "consent_required": "consent_required: nothing is processed before the client says that the speaker agreed",
}


def of_error(error: DomainError) -> Refusal:
    """What a service refused, in this wire's words."""
    if error.retry:
        return NOT_NOW
    code = _CODES.get(error.code)
    return INTERNAL if code is None else Refusal(code, in_words(error.code, error.parameters, _WORDS))


def start_late(seconds: float) -> Refusal:
    """The twin's client said nothing at all."""
    words = f"Client did not send the initial start event within {seconds:.3f}s"
    return Refusal("deadline_exceeded", words)


def first_audio_late(seconds: float) -> Refusal:
    """No audio came at all."""
    words = f"Client did not send the first audio chunk within {seconds:.3f}s"
    return Refusal("deadline_exceeded", words)


def paused(seconds: float) -> Refusal:
    """No audio came in the middle of a stream."""
    return Refusal("deadline_exceeded", f"No audio came within {seconds:.3f}s")


def not_read(seconds: float) -> Refusal:
    """The client lets its text wait, and keeps a place on the server."""
    return Refusal("deadline_exceeded", f"Text was not read within {seconds:.3f}s")
