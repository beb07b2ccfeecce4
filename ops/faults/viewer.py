"""A viewer that reconnects whenever its socket breaks, and what it has read."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateways.conference.client.viewer import Viewer, captions

BACK_AFTER_S = 0.05
CONNECT_WITHIN_S = 5.0


class Reachable(Protocol):
    """A stack or a cluster."""

    def viewer_url(self, room: str, target: str = "en") -> str:
        """A viewer's socket of a room."""


@dataclass
class ReconnectingViewer:
    """Records when each sentence came, and when anything did (monotonic seconds)."""

    stack: Reachable
    room: str
    lang: str = "en"
    viewer: Viewer = field(default_factory=Viewer)
    arrivals: list[tuple[float, str]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    closed_reason: str = ""
    drop_at: float | None = None
    addresses: Sequence[str] = ()  # ws://…, of web processes, tried in turn; none: the stack's own
    _address: int = 0

    async def run(self) -> None:
        """Until the room closes."""
        while not self.closed_reason:
            with contextlib.suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                await self._once()
            self._address += 1
            await asyncio.sleep(BACK_AFTER_S)

    def text(self) -> str:
        """All sentences, in order."""
        return self.viewer.text(self.lang)

    def texts(self) -> list[str]:
        """Each sentence as it stands now."""
        sentences = self.viewer.sentences
        return [sentences[key][self.lang] for key in sorted(sentences) if self.lang in sentences[key]]

    def still_s(self, until_s: float) -> float:
        """The longest time without anything new, from the first caption to a moment."""
        moments = [at for at in self.moments if at <= until_s]
        gaps = [after - before for before, after in itertools.pairwise([*moments, until_s])]
        return max(gaps, default=float("inf"))

    async def _once(self) -> None:
        url = self.stack.viewer_url(self.room, self.lang)
        if self.addresses:
            address = self.addresses[self._address % len(self.addresses)]
            url = address + url[url.index("/room/") :]
        async with connect(url, compression=None, open_timeout=CONNECT_WITHIN_S) as socket:
            try:
                async for caption in captions(socket, self.viewer):
                    self.moments.append(caption.at_s)
                    if caption.key is not None and caption.lang == self.lang:
                        self.arrivals.append((caption.at_s, caption.text))
                    if self.drop_at is not None and time.monotonic() > self.drop_at:
                        self.drop_at = None
                        socket.transport.abort()
                        return
            finally:
                if socket.close_code == 1003:
                    self.closed_reason = socket.close_reason or "?"
