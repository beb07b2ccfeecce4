"""Bodies of HTTP requests are bounded where their bytes arrive.

Daphne takes a whole body before the application is called, and queues it for it in memory: a limit in a view comes
too late. Here a body that is declared or turns out to be longer than BODY_LIMIT_BYTES is answered 413; what still comes of it
is read off and dropped, for a while: whoever is closed upon while sending never reads the answer.

`install()` makes Daphne use it, whichever way the server was started.
"""

from __future__ import annotations

from typing import Any

from daphne import http_protocol

from config.servers.limits import READ_OFF_FOR_S, TOO_LARGE, longest_body_bytes
from config.servers.unfinished import UNFINISHED

ROOT_PATH = "daphne-root-path"
_ANSWER = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Cache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s" % (len(TOO_LARGE), TOO_LARGE)
)


class BoundedRequest(http_protocol.WebRequest):  # type: ignore[misc]
    """One HTTP request, or the one that begins a WebSocket."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._received_bytes = self._longest_bytes = 0
        self._refused = False
        self._end: Any = None

    def gotLength(self, length: int | None) -> None:
        path = getattr(self.channel, "_path", b"").partition(b"?")[0].decode("latin-1")
        self._longest_bytes = longest_body_bytes(path)
        if length is not None and length > self._longest_bytes:
            super().gotLength(0)
            self.requestHeaders.removeHeader(b"expect")  # nothing is waited for
            self._refuse()
        else:
            super().gotLength(length or 0)  # no length given: in memory too, it is short

    def handleContentChunk(self, data: bytes) -> None:
        if self._refused:
            return
        self._received_bytes += len(data)
        if self._received_bytes > self._longest_bytes:
            self._refuse()
            return
        super().handleContentChunk(data)
        UNFINISHED.add(self, len(data))

    def process(self) -> Any:
        """Where this server's root is it knows by itself: Daphne would believe whoever calls."""
        self.requestHeaders.removeHeader(ROOT_PATH)
        return super().process()

    def requestReceived(self, *args: Any) -> None:
        UNFINISHED.discard(self)
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(*args)

    def connectionLost(self, reason: Any) -> None:
        UNFINISHED.discard(self)
        if self._end is not None and self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def give_up(self) -> None:
        """All bodies together are too long for this process (config/servers/unfinished.py)."""
        self._refuse()

    def _refuse(self) -> None:
        self._refused = True
        UNFINISHED.discard(self)
        self.content.truncate(0)
        transport = self.channel.transport
        transport.write(_ANSWER)
        self._end = transport.reactor.callLater(READ_OFF_FOR_S, transport.abortConnection)


def install() -> None:
    """Let every Daphne server of this process use BoundedRequest."""
    http_protocol.WebRequest = BoundedRequest
