"""Which rooms there are, for a moment: thousands who ask for rooms that do not exist cost a query a second, not one each."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from rooms.models import Room

KNOWN_FOR_S: Final = 1.0
_lock = threading.Lock()
_codes: frozenset[str] = frozenset()
_known_until_s = float("-inf")


def is_unknown(code: str) -> bool:
    """Whether all rooms were just read, and none had this code."""
    return time.monotonic() < _known_until_s and code not in _codes


def note_unknown() -> None:
    """PostgreSQL has said that there is no such room: read which there are, unless that was done just now."""
    global _codes, _known_until_s
    with _lock:
        if time.monotonic() >= _known_until_s:
            _codes = frozenset(Room.objects.values_list("code", flat=True))
            _known_until_s = time.monotonic() + KNOWN_FOR_S


def forget(**_: Any) -> None:
    """A room was made or deleted in this process (a signal's receiver); another process's is known within KNOWN_FOR_S."""
    global _known_until_s
    _known_until_s = float("-inf")
