"""What any server lets anybody send, and what it says to whoever sends more."""

from __future__ import annotations

import json
from typing import Final

from config import wires
from gateways.common.limits import MessageBound, longest_pong_s, message_limit_bytes

BODY_LIMIT_BYTES: Final = 96 * 1024  # more than any view reads: those refuse in their own words
READ_OFF_FOR_S: Final = 5  # whoever is closed upon while sending never reads the answer
CLOSE_WITHIN_S: Final = 5  # until the peer has answered a close
CLOSE_REASON_BYTES: Final = 123  # RFC 6455, 5.5.1
PING_EVERY_S, PONG_WITHIN_S = 10, 15  # a browser that vanished is noticed within 27 s: its demand must end
NORMAL, TRY_AGAIN_LATER = 1000, 1013
MESSAGE_BOUNDS: Final = wires.message_bounds()
BODY_BOUNDS: Final = wires.body_bounds()
TOO_LARGE: Final = json.dumps({"status": "fail", "detail": "The body is too large"}).encode()
TOO_LATE: Final = json.dumps({"status": "fail", "detail": "The body did not come in time"}).encode()


def longest_body_bytes(path: str) -> int:
    """The longest body that a request for this path may bring."""
    return next((bound.size_bytes for bound in BODY_BOUNDS if bound.path.match(path)), BODY_LIMIT_BYTES)


def longest_message_bytes(path: str) -> int:
    """The longest message that a socket of this path may send."""
    return message_limit_bytes(path, MESSAGE_BOUNDS)


def pong_within_s(path: str) -> int:
    """A socket of this path is given up when it has not answered a ping for this long."""
    return longest_pong_s(path, MESSAGE_BOUNDS, PONG_WITHIN_S)


def bound_of(path: str) -> MessageBound | None:
    """What holds for a socket of this path beyond the ordinary."""
    return next((bound for bound in MESSAGE_BOUNDS if bound.path.match(path)), None)


def cut_reason(reason: str) -> str:
    """As much of a close's reason as fits into its frame."""
    return reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")
