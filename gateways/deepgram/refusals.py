"""How this wire says no: before the socket is accepted by HTTP, as its SDKs expect, and afterwards by a close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from asr.audio.pcm import RATES_HZ
from gateways.common.outbox import Close
from rooms.errors import BadInput, DomainError, Forbidden, NoCapacity, Unauthenticated, in_words

POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011

UNDECODABLE: Final = Close(
    POLICY_VIOLATION, "DATA-0000: the payload cannot be decoded as audio. See https://dpgr.am/data0000"
)
SILENT: Final = Close(
    INTERNAL_ERROR,
    "NET-0001: no audio data or text message within the timeout window. See https://dpgr.am/net0001",
)
FAILED: Final = Close(INTERNAL_ERROR, "NET-0000: the service cannot go on with this stream. Connect again.")
AUDIO_LOST: Final = Close(INTERNAL_ERROR, "NET-0000: more audio waits than can be kept. Connect again.")
SIGNED_OUT: Final = Close(POLICY_VIOLATION, "INVALID_AUTH: Invalid credentials.")
TOO_MANY_MESSAGES: Final = Close(POLICY_VIOLATION, "Too many messages")
TOO_MUCH_AUDIO: Final = Close(POLICY_VIOLATION, "Audio comes faster than it can be taken")

WORDS: Final[Mapping[str, str]] = {
    "wrong_key": "Invalid credentials.",
    "consent_required": "Consent required: consent=1 in the query says that who speaks has agreed.",
    "capacity": "Too many requests. Please try again later",
    "not_ready": "The service is not ready. Please try again later",
    "query": "The query cannot be read.",
    "not_done": "{parameter} is not supported.",
    "parameter": "Invalid value of {parameter}.",
    "encoding": "Unsupported encoding.",
    "sample_rate_missing": "sample_rate is required with encoding.",
    "sample_rate": f"Unsupported sample_rate: one of {', '.join(map(str, RATES_HZ))}.",
    "multichannel_is_raw": "multichannel requires encoding, sample_rate and channels.",
    "source_lang": "No such model/language combination found.",
    "stream_options": "Too many or too long keywords.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Of a handshake."""

    status: int
    err_code: str
    message: str

    def body(self, request_id: str) -> dict[str, str]:
        """As the service that this wire is of has it."""
        return {"err_code": self.err_code, "err_msg": self.message, "request_id": request_id}

    def headers(self, request_id: str) -> dict[str, str]:
        """Where its SDKs look, too."""
        return {"dg-request-id": request_id, "dg-error": self.message}


INTERNAL: Final = Refusal(500, "INTERNAL_SERVER_ERROR", "The service has failed. Please try again later")
_STATUS: Final[Mapping[type[DomainError], tuple[int, str]]] = {
    BadInput: (400, "Bad Request"),
    Unauthenticated: (401, "INVALID_AUTH"),
    Forbidden: (403, "FORBIDDEN"),
    NoCapacity: (429, "TOO_MANY_REQUESTS"),
}


def of_error(error: Exception | None) -> Refusal:
    """Of a handshake."""
    if not isinstance(error, DomainError):
        return INTERNAL
    status, err_code = _STATUS.get(type(error), (503, "SERVICE_UNAVAILABLE"))
    parameters: dict[str, Any] = {"parameter": "a parameter", **error.parameters}
    return Refusal(status, err_code, in_words(error.code, parameters, WORDS))


def close_of(error: Exception | None) -> Close:
    """Of an accepted socket."""
    if isinstance(error, BadInput) and error.code == "undecodable_audio":
        return UNDECODABLE
    return SIGNED_OUT if isinstance(error, Unauthenticated) else FAILED
