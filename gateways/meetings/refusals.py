"""Why a meeting's socket is not accepted, in the wire's own words: HTTP statuses with a `detail`; and why one is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateways.common.outbox import Close
from gateways.meetings import tokens
from rooms.errors import DomainError, NoCapacity, Unauthenticated, in_words

NO_CONSENT: Final = "Invalid token. No consent claim."
NO_CAPACITY: Final = "No capacity for another meeting."
NOT_READY: Final = "Not ready."
INTERNAL: Final = "Internal server error"
RETRY_AFTER_S: Final = 5

OVER: Final = Close(1000, "")
NOT_BINARY: Final = Close(1003, "Expected binary messages")
NO_HEADER: Final = Close(1007, "Expected a header participant_id|lang in the first 60 bytes")
SIGNED_OUT: Final = Close(1008, tokens.WORDS["expired"])
FAILED: Final = Close(1011, INTERNAL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to the handshake."""

    status: int
    detail: str
    retry_after_s: int = 0


def refusal(error: Exception | None) -> Refusal:
    """Of a meeting that was not begun; None: the fault is ours."""
    if isinstance(error, NoCapacity):
        return Refusal(429, NO_CAPACITY, RETRY_AFTER_S)
    if isinstance(error, DomainError) and error.retry:
        return Refusal(503, NOT_READY, RETRY_AFTER_S)
    if isinstance(error, Unauthenticated):
        return Refusal(401, in_words(error.code, error.parameters, tokens.WORDS))
    if isinstance(error, DomainError) and error.code == "consent_required":
        return Refusal(401, NO_CONSENT)
    return Refusal(500, INTERNAL)
