"""How much one client may send: the longest message by role, a token bucket. Pure; the clock is a parameter."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

# A host's page sends blobs of some kB and now and then, after a break, what it kept; a viewer's has nothing to say.
HOST_MESSAGE_BYTES: Final = 4 << 20
VIEWER_MESSAGE_BYTES: Final = 4 << 10


@dataclass(frozen=True, slots=True)
class MessageBound:
    """Sockets whose path matches may send messages of `size_bytes`; all others VIEWER_MESSAGE_BYTES.

    `pong_within_s`: they may take so long to answer a ping, where that is longer than the server's own time.
    `resumes` False: what they began ends with the socket, so that they are not sent to another process while it goes on.
    `sent_away`: the reason of the close where they are, for clients that come back at once then.
    """

    path: re.Pattern[str]
    size_bytes: int
    pong_within_s: int = 0
    resumes: bool = True
    sent_away: str = ""


def message_limit_bytes(path: str, bounds: Iterable[MessageBound]) -> int:
    """The longest message that a socket of this path may send: the first bound that matches."""
    return next((bound.size_bytes for bound in bounds if bound.path.match(path)), VIEWER_MESSAGE_BYTES)


def longest_pong_s(path: str, bounds: Iterable[MessageBound], default_s: int) -> int:
    """How long a socket of this path may take to answer a ping."""
    return max(default_s, next((bound.pong_within_s for bound in bounds if bound.path.match(path)), 0))


class TokenBucket:
    """`rate_per_s` on average, `burst` at once."""

    def __init__(
        self, *, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate_per_s, burst, clock
        self._tokens, self._at = burst, clock()

    def consume(self, amount: float = 1.0) -> bool:
        """Spend `amount`; False where there is not enough, and then nothing is spent."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if amount > self._tokens:
            return False
        self._tokens -= amount
        return True
