"""What uvicorn's WebSocket protocol lacks for a caption server (the one on websockets' parser without I/O).

1. Limits: uvicorn's `ws_max_size` is one for all; here it is the path's. What is unfinished is bounded over all sockets, and
   a read that holds thousands of tiny messages is parsed as the application takes them.
2. Ends: uvicorn closes the connection at once where a peer sent too much, which then never reads why; here what is under way is
   read off, then our side alone is closed, and the peer's end is waited for. A connection whose peer does not read ends all the same. With `drain` in a close the application goes on
   receiving until the peer has answered.
3. Pings by one timer for all (keepalive.py); the answers are not even parsed.
4. A way to write at once (`writer_of` in gateways/common/outbox.py): a text that thousands get is framed once, and no coroutine runs
   for any of them.
"""

from __future__ import annotations

import asyncio
import socket
from functools import lru_cache
from typing import Any, cast
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from config.servers.keepalive import PING, ends_a_frame, is_empty_pong, keepalive_of
from config.servers.limits import (
    CLOSE_WITHIN_S,
    NORMAL,
    PONG_WITHIN_S,
    TRY_AGAIN_LATER,
    bound_of,
    cut_reason,
    longest_message_bytes,
    pong_within_s,
)
from config.servers.unfinished import UNFINISHED
from gateways.common.draining import SERVICE_RESTART
from gateways.common.outbox import WRITE

PARSED_AT_ONCE_BYTES = 16 * 1024
UNTAKEN_MESSAGES = 256
SILENT_FOR_S = 0.5
# the kernel would take 2.6 MB for a slow peer: minutes of states that nobody wants any more
UNSENT_BYTES = 16 * 1024
END_OF_REQUEST = b"\r\n\r\n"


@lru_cache(maxsize=16)
def text_frame(text: str) -> bytes:
    """A server's frame has no mask: it is the same for every viewer."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def binary_frame(data: bytes) -> bytes:
    """Of one client alone."""
    return Frame(Opcode.BINARY, data).serialize(mask=False)


class CaptionSocket(WebSocketsSansIOProtocol):
    """One WebSocket: limits on what comes, and an end in any case."""

    close_within_s: float = CLOSE_WITHIN_S
    keepalive_tick_s: float = 1.0
    pong_within_s: int = PONG_WITHIN_S
    resumes: bool = True  # elsewhere, at any moment
    _sent_away: str = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unparsed = b""
        self._drains = False
        self._failed = False
        self._between_frames = False  # False where that is not known
        self._scope_offers_write = False
        self.pinged_at: int | None = None
        self._silence_timer: asyncio.TimerHandle | None = None
        self._abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection: socket.socket = transport.get_extra_info("socket")
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    # --- what comes
    def handle_connect(self, event: Request) -> None:
        path = unquote(event.path.partition("?")[0])
        self.conn.max_message_size = longest_message_bytes(path)
        self.pong_within_s = pong_within_s(path)
        if bound := bound_of(path):
            self.resumes, self._sent_away = bound.resumes, bound.sent_away
        super().handle_connect(event)
        # deflate has a state for each socket
        if self.response.status_code == 101 and not self.conn.extensions:
            self._extensions()[WRITE] = self.write_message
            self._scope_offers_write = True

    def _extensions(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.scope["extensions"])

    def data_received(self, data: bytes) -> None:
        self.pinged_at = None
        if self._between_frames and is_empty_pong(data):
            return
        if self._failed:
            self._await_silence()
            return
        if self.handshake_initiated:
            self._between_frames = self._between_frames and ends_a_frame(data)
        else:
            self._between_frames = data.endswith(END_OF_REQUEST)
        self._unparsed = self._unparsed + data if self._unparsed else data
        self._parse()

    def _parse(self) -> None:
        """As much as the application may have waiting; the rest when it has taken some (`receive`)."""
        data, begin = self._unparsed, 0
        while begin < len(data) and (self.queue.qsize() < UNTAKEN_MESSAGES or self._drops()):
            end = begin + PARSED_AT_ONCE_BYTES
            super().data_received(data[begin:end] if len(data) > PARSED_AT_ONCE_BYTES else data)
            begin = end
        self._unparsed = b"" if self._failed else data[begin:]
        if not self.disconnected and not self._failed:
            whole_frames = self.conn.current_size or 0
            UNFINISHED.hold(self, len(self._unparsed) + len(self.conn.reader.buffer) + whole_frames)

    def send_receive_event_to_app(self) -> None:
        self.close_sent, closed = self.close_sent and not self._drains, self.close_sent
        # The first message is taken in the loop's next turn. uvicorn stops reading for it all the same: two calls of the kernel.
        first = self.queue.empty() and not self.read_paused
        self.read_paused = self.read_paused or first
        super().send_receive_event_to_app()
        self.read_paused = self.read_paused and not first
        self.close_sent = self.close_sent or closed

    def _drops(self) -> bool:
        """Whether messages are read off for the peer's sake alone."""
        return self.close_sent and not self._drains

    async def receive(self) -> Any:
        message = await self.queue.get()
        if self._unparsed and self.queue.empty():
            self._parse()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()
        return message

    def give_up(self) -> None:
        """What is not whole yet is too much for this process, and most of it is this socket's."""
        self.conn.fail(TRY_AGAIN_LATER, "Too much unfinished")
        self.handle_parser_exception()

    # --- what goes
    def write_message(self, message: str | bytes) -> bool:
        """Write at once, unless the peer does not read, or the end has begun."""
        if self.conn.state is not State.OPEN or not self.writable.is_set() or self.transport.is_closing():
            return False
        self.transport.write(text_frame(message) if isinstance(message, str) else binary_frame(message))
        return True

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close" and self.handshake_complete and not self.disconnected:
            self._close(
                message.get("code") or NORMAL, message.get("reason") or "", bool(message.get("drain"))
            )
            return
        try:
            await super().send(message)
        except RuntimeError as error:
            if not self.close_sent:
                raise
            raise ClientDisconnected from error  # closed for what its peer did, while this waited

    # --- how it ends
    def leave(self) -> None:
        """This process is to end: the peer is to come back to another one. What it sent before it reads of that still counts."""
        if self.handshake_complete and not self.disconnected:
            self._close(SERVICE_RESTART, self._sent_away, drain=True)

    def _close(self, code: int, reason: str, drain: bool) -> None:
        """At once, also before a peer that does not read: it has CLOSE_WITHIN_S to answer."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return
        self.conn.send_close(code, cut_reason(reason))
        self._drains = drain
        self._await_end(code, reason)

    def handle_parser_exception(self) -> None:
        """What came cannot be parsed any further; the peer reads why, unless it goes on sending for CLOSE_WITHIN_S.

        Its answer cannot be parsed either: it is the end of the connection. Closing both sides would reset it, and a peer that was in
        the middle of a message would lose what it has not read.
        """
        if self._failed:
            return
        self._failed, self._drains, self._unparsed, self.frames = True, False, b"", []
        UNFINISHED.discard(self)
        self._say_the_limit()
        sent = self.conn.close_sent
        if sent is None:  # before the handshake's answer
            self.transport.abort()
        else:
            self._await_end(sent.code, sent.reason)
            self._await_silence()

    def _say_the_limit(self) -> None:
        """In the words that clients know, which are Autobahn's."""
        error = self.conn.parser_exc
        if isinstance(error, PayloadTooBig) and self.conn.close_sent is not None and not self.close_sent:
            size_bytes = (error.size or 0) + (error.current_size or 0)
            reason = f"message of {size_bytes} bytes exceeds payload limit of {error.max_size}"
            self.conn.close_sent = Close(CloseCode.MESSAGE_TOO_BIG, reason)
            self.conn.data_to_send()
            self.conn.send_frame(Frame(Opcode.CLOSE, self.conn.close_sent.serialize()))

    def _await_silence(self) -> None:
        """Then our side is closed. Not before: asyncio's clients stumble over an end that comes while they write."""
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        self._silence_timer = self.loop.call_later(SILENT_FOR_S, self._close_our_side)

    def _close_our_side(self) -> None:
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def _await_end(self, code: int, reason: str) -> None:
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        if not self._drains:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = True
        if self.read_paused and self._drops():
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(self.close_within_s, self.transport.abort)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._abort_within(self.close_within_s)

    # --- whether the peer is there
    def start_keepalive(self) -> None:
        keepalive_of(self.loop, tick_s=self.keepalive_tick_s).add(self)

    def stop_keepalive(self) -> None:
        keepalive_of(self.loop).discard(self)

    def ping(self) -> None:
        if self.conn.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(PING)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_within(1)

    def shutdown(self) -> None:
        if self.conn.state is State.OPEN or not self.handshake_complete:
            super().shutdown()
        else:
            self.transport.close()
        self._abort_within(1)

    def _abort_within(self, seconds: float) -> None:
        """uvicorn has closed the transport, which still waits for its peer to read."""
        if self._abort_timer is None:
            self._abort_timer = self.loop.call_later(seconds, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        UNFINISHED.discard(self)
        self._unparsed = b""
        if self._scope_offers_write:
            del self._extensions()[WRITE]  # or only the garbage collector would find either
        super().connection_lost(exc)
        for timer in (self._abort_timer, self._silence_timer):
            if timer is not None:
                timer.cancel()
