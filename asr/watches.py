"""What a process notices by the clock alone: recorders that stall, logs that end, bytes that are no audio. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable

UNDECODABLE_AFTER_S = 5.0
LOG_ENDS_WITHIN_S = 5.0  # the gateway's process learns of a closing at once, by the row within 2 s
# a page that lost its connection reconnects sooner; a shorter time would cut the current word in two
STALL_S = 4.0
LEFT_S = 2.0  # the same, of one whose gateway says that it has gone: it is back in a moment, or it has left


class StallWatch:
    """Notices that a recorder which sent audio sends nothing any more, the sooner where it has left. Reports each stall once."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_at: float | None = None
        self._left = False

    def note_entry(self, kind: str) -> None:
        """An entry came."""
        self._left = kind == "end"

    def over(self, received: bool) -> bool:
        """True once, when nothing came for STALL_S (behind an `end`: LEFT_S) after something had."""
        if received:
            self._last_at = self._clock()
        if self._last_at is None or self._clock() - self._last_at < (LEFT_S if self._left else STALL_S):
            return False
        self._last_at = None
        return True


class LogEnd:
    """Decides when a closing session has all its audio: its host's web process writes `end` behind the last blob.

    What arrived there may still be queued or wait for Redis. Where that process is gone nothing more comes: then
    silence for LOG_ENDS_WITHIN_S is the end, counted while Redis answers.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended = False
        self._quiet_since: float | None = None

    def note_entry(self, kind: str) -> None:
        """An entry came."""
        self._ended = kind == "end"
        self._quiet_since = None

    def postpone(self) -> None:
        """Nothing could come: Redis was away."""
        self._quiet_since = None

    def reached(self) -> bool:
        """Whether nothing more comes; asked while the session closes and nothing waits."""
        if self._quiet_since is None:
            self._quiet_since = self._clock()
        return self._ended or self._clock() - self._quiet_since >= LOG_ENDS_WITHIN_S


class UndecodableWatch:
    """Notices that bytes come and no audio comes out of them. Reports each stretch once."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._reported = False

    def note_entry(self, decoded: bool, size_bytes: int) -> None:
        """One entry was fed to the decoder."""
        if decoded:
            self._since, self._reported = None, False
        elif size_bytes and self._since is None:
            self._since = self._clock()

    def expired(self) -> bool:
        """True once, when nothing was decodable for UNDECODABLE_AFTER_S."""
        if self._reported or self._since is None or self._clock() - self._since < UNDECODABLE_AFTER_S:
            return False
        self._reported = True
        return True
