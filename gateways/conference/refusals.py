"""Close codes and reasons of the conference sockets, exactly as clients show them (docs/wires/conference.md)."""

from __future__ import annotations

from dataclasses import dataclass

from gateways.conference import words
from rooms.errors import DomainError

UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008
NORMAL = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Close the socket with this code and reason; `name`: what the log calls it."""

    code: int
    reason: str
    name: str


class Refused(Exception):
    """Raised with a refusal, anew each time: an exception that is raised again keeps every traceback that it had."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.name)
        self.refusal = refusal


NO_ROLE = Refusal(UNSUPPORTED_DATA, "No desired role found in url", "no_role")
NO_TARGET = Refusal(UNSUPPORTED_DATA, "No target lang found in url", "no_target")
NO_SOURCE = Refusal(UNSUPPORTED_DATA, "No source lang found in url", "no_source")
NO_KEY = Refusal(POLICY_VIOLATION, "Authentification failed: no valid password in session cookie", "no_key")
NO_PREFERENCES = Refusal(UNSUPPORTED_DATA, "Required room config cookies not found", "no_preferences")
NOT_ACTIVE = Refusal(UNSUPPORTED_DATA, "Room not active", "not_active")
CLOSED = Refusal(UNSUPPORTED_DATA, "Room closed", "closed")
INTERNAL = Refusal(UNSUPPORTED_DATA, "Internal server error", "internal")
REPLACED = Refusal(NORMAL, "", "replaced")  # quietly: the same browser, or its successor, has the host lease
TAKEN_OVER = Refusal(UNSUPPORTED_DATA, "Another host has this room now", "taken_over")
TOO_MANY_ATTEMPTS = Refusal(
    POLICY_VIOLATION, "Too many wrong passwords from here: wait a moment", "too_many_attempts"
)
TOO_MANY_MESSAGES = Refusal(POLICY_VIOLATION, "Too many messages", "too_many_messages")


def unsupported_source(lang: str) -> Refusal:
    """The language cannot be transcribed."""
    return Refusal(
        UNSUPPORTED_DATA,
        f"Source language {_short(lang)} not supported by transcription engine",
        "unsupported_source",
    )


def unsupported_target(lang: str) -> Refusal:
    """The language cannot be translated into."""
    return Refusal(
        UNSUPPORTED_DATA,
        f"Target language {_short(lang)} not supported by translation service",
        "unsupported_target",
    )


def of_error(error: DomainError) -> Refusal:
    """What a service refused, in this wire's words."""
    if error.code == TOO_MANY_ATTEMPTS.name:
        return TOO_MANY_ATTEMPTS
    reason = words.close_reason(error)
    return INTERNAL if reason is None else Refusal(UNSUPPORTED_DATA, reason, error.code)


def _short(text: str) -> str:
    return text[:40]
