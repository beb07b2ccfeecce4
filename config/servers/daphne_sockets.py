"""What Daphne's WebSocket protocol lacks for a caption server.

1. Codes and reasons of a close: Daphne drops ASGI's `reason`, and Autobahn lets an application close with 1000 or
   3000 to 4999 only; clients read 1003 and 1008 with a reason that they show to people (docs/wires/conference.md).
2. Back-pressure: Daphne hands every message to the transport, however slow the peer. Here `send` waits until the peer
   reads, as other servers' do; gateways/common/outbox.py keeps what waits.
3. Limits on what comes: a message longer than its path allows ends its socket with 1009 before it is read; messages that
   are not whole yet are bounded over all sockets; and while the application has not taken what came, no more is read.
4. Refusals before a socket is accepted, with a status and a body (ASGI's `websocket.http.response`).

`install()` makes Daphne use it, whichever way the server was started.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from config.servers.daphne_http import ROOT_PATH
from config.servers.limits import (
    CLOSE_WITHIN_S,
    NORMAL,
    TRY_AGAIN_LATER,
    cut_reason,
    longest_message_bytes,
    pong_within_s,
)
from config.servers.unfinished import UNFINISHED
from gateways.common.denial import EXTENSION

UNTAKEN_MESSAGES, UNTAKEN_OF_LONGEST = 256, 2  # then the peer waits
UNTAKEN_AGAIN = 4
EARLY_BYTES = 64 * 1024  # sent before the socket was accepted
RESUME_POLL_S = 0.05


@implementer(IPushProducer)
class CaptionSocket(WebSocketProtocol):  # type: ignore[misc]
    """One WebSocket: reasons on close, and limits both ways."""

    _holds_up = False  # reads nothing until the application has taken what came
    _draining = False  # closed with `drain`: what the peer sent before it read of that still counts
    _denial: dict[str, Any] | None = None  # the answer to the handshake, where the application refuses it

    def onConnect(self, request: Any) -> Any:
        self._longest_bytes = longest_message_bytes(request.path)
        self.writable = asyncio.Event()  # while the peer reads, or is gone
        self.writable.set()
        self.maxFramePayloadSize = self.maxMessagePayloadSize = 0  # these would bind what we send as well
        self.closeHandshakeTimeout = CLOSE_WITHIN_S
        self.failByDrop = False  # whoever sends too much reads why
        self.autoPingTimeout = pong_within_s(request.path)
        request.headers.pop(ROOT_PATH, None)
        return super().onConnect(request)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != self.STATE_OPEN and not self._draining:
            return  # closed by us: what is under way is read off quickly, so that the peer's answer comes in time
        super().onMessage(payload, isBinary)
        untaken = self.application_queue.qsize()
        too_many = untaken * len(payload) >= UNTAKEN_OF_LONGEST * self._longest_bytes
        if not self._holds_up and (too_many or untaken >= UNTAKEN_MESSAGES):
            self._holds_up = True
            self.transport.pauseProducing()
            self.transport.reactor.callLater(RESUME_POLL_S, self._read_on)

    # --- a message on its way: Autobahn holds its frames until it is whole
    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        size_bytes = self.message_data_total_length
        if not self.failedByMe and size_bytes > self._longest_bytes:
            reason = f"message of {size_bytes} bytes exceeds payload limit of {self._longest_bytes}"
            self._max_message_size_exceeded(size_bytes, self._longest_bytes, reason)
            self._drop_unfinished()

    def onMessageFrameData(self, payload: bytes) -> None:
        super().onMessageFrameData(payload)
        if not self.failedByMe:
            UNFINISHED.add(self, len(payload))

    def onMessageEnd(self) -> None:
        UNFINISHED.discard(self)
        super().onMessageEnd()

    def give_up(self) -> None:
        """What is not whole yet is too much for this process, and most of it is this socket's."""
        self._fail_connection(TRY_AGAIN_LATER, "Too much unfinished")
        self._drop_unfinished()

    def _drop_unfinished(self) -> None:
        UNFINISHED.discard(self)
        self.frame_data: list[bytes] = []
        self.message_data: list[bytes] = []

    def _dataReceived(self, data: bytes) -> None:
        super()._dataReceived(data)
        if self.state == self.STATE_CONNECTING and len(self.data) > EARLY_BYTES:
            self.transport.abortConnection()

    def _read_on(self) -> None:
        # once closed nothing is kept, and its answer is awaited
        closed = self.state != self.STATE_OPEN and not self._draining
        if self.application_queue.qsize() > UNTAKEN_AGAIN and not closed:
            self.transport.reactor.callLater(RESUME_POLL_S, self._read_on)
        else:
            self._holds_up = False
            self.transport.resumeProducing()

    def onOpen(self) -> None:
        self.transport.unregisterProducer()  # the HTTP channel, whose connection this was
        self.transport.registerProducer(self, True)
        super().onOpen()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if hasattr(self, "writable"):
            self.writable.set()
            self.transport.unregisterProducer()
        UNFINISHED.discard(self)
        super().onClose(wasClean, code, reason)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and self.state != self.STATE_CONNECTING:
            self._draining = bool(message.get("drain"))
            self._close_with(message.get("code") or NORMAL, message.get("reason") or "")
        elif message["type"] == f"{EXTENSION}.start":
            self._denial = {**message, "body": b""}
        elif message["type"] == f"{EXTENSION}.body" and self._denial is not None:
            self._denial["body"] += message.get("body", b"")
            if not message.get("more_body"):
                self._deny(self._denial["status"])
        else:
            super().handle_reply(message)

    def _deny(self, status: int) -> None:
        refused = self.handshake_deferred
        del self.handshake_deferred
        refused.errback(ConnectionDeny(status, HTTPStatus(status).phrase))  # type: ignore[no-untyped-call]
        self.server.protocol_disconnected(self)

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        if self._denial is None:
            super().sendHttpErrorResponse(code, reason, responseHeaders)
            return
        headers = [*self._denial["headers"], (b"connection", b"close")]
        lines = [f"HTTP/1.1 {code} {reason}".encode(), *(b"%s: %s" % header for header in headers), b"", b""]
        self.sendData(b"\r\n".join(lines) + self._denial["body"])

    # --- IPushProducer: the transport reports whether the peer reads
    def pauseProducing(self) -> None:
        self.writable.clear()

    def resumeProducing(self) -> None:
        self.writable.set()

    def stopProducing(self) -> None:
        self.writable.set()

    def _sendAutoPing(self) -> None:
        # one at a time: a late answer to the first would stop the time of the second alone
        if self.autoPingTimeoutCall is None:
            super()._sendAutoPing()

    def _close_with(self, code: int, reason: str) -> None:
        """Autobahn's sendClose refuses 1003 and 1008; the frame itself may carry them."""
        self.sendCloseFrame(code=code, reasonUtf8=cut_reason(reason).encode(), isReply=False)


def install() -> None:
    """Let every Daphne server of this process use CaptionSocket."""
    from daphne.server import Server  # installs Twisted's reactor, so only where Daphne runs

    if WebSocketFactory.protocol is CaptionSocket:
        return
    hand_over = Server.handle_reply

    async def handle_reply(self: Any, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await protocol.writable.wait()
        await hand_over(self, protocol, message)

    create = Server.create_application

    def create_application(self: Any, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "websocket":
            scope["extensions"] = {EXTENSION: {}}
        return create(self, protocol, scope)

    Server.handle_reply = handle_reply
    Server.create_application = create_application
    WebSocketFactory.protocol = CaptionSocket
