"""What uvicorn's HTTP lacks for a server that strangers reach: a time limit on requests, and limits on their bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from config.servers.connections import SILENT
from config.servers.limits import BODY_LIMIT_BYTES, READ_OFF_FOR_S, TOO_LARGE, TOO_LATE, longest_body_bytes
from config.servers.unfinished import UNFINISHED, UPLOADS

REQUEST_WITHIN_S = 20.0  # its line and headers
BODY_WITHIN_S = 60.0
UPLOAD_PART_WITHIN_S = 30.0
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class TimedRequests(H11Protocol):
    """A connection on which no whole request comes is closed; uvicorn waits for ever once something has come.

    Beyond `connections_most` the one that has been silent for longest makes room, or this one goes.
    """

    request_within_s = REQUEST_WITHIN_S
    connections_most = 1 << 30
    silent = SILENT
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline()
        if len(self.connections) > self.connections_most:
            self.silent.drop_oldest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.silent.add(self)

    def drop(self) -> None:
        """Others have something to say."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._clear_deadline()

    def _set_deadline(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._clear_deadline()
            return
        self.silent.add(self)
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_within_s, self.transport.abort)

    def _clear_deadline(self) -> None:
        self.silent.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class BoundedBodies:
    """Reads a request's body before the application does; one that is longer than BODY_LIMIT_BYTES is answered 413.

    Where a path may bring more, the application reads it as it comes, and puts it on disk; what is too long ends the same way.
    What still comes of it is read off and dropped, for a while: whoever is closed upon while sending never reads the answer.
    """

    def __init__(self, application: Application, *, body_within_s: float = BODY_WITHIN_S) -> None:
        self._application, self._body_within_s = application, body_within_s

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One connection, of whatever kind."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or not {b"content-length", b"transfer-encoding"} & headers.keys():
            await self._application(scope, receive, send)
            return
        longest_bytes = longest_body_bytes(scope["path"])
        if longest_bytes > BODY_LIMIT_BYTES:
            await _Upload(receive, longest_bytes).pass_on(self._application, scope, send)
            return
        body = _Body(receive, int(headers.get(b"content-length", b"0")), self._body_within_s)
        try:
            whole = await body.read()
        except _TooLarge:
            await _refuse(send, receive, 413, TOO_LARGE, listens=b"expect" not in headers or body.began)
        except TimeoutError:
            await _refuse(send, receive, 408, TOO_LATE, listens=False)
        else:
            if whole is not None:
                await self._application(scope, _first(whole, receive), send)


class _TooLarge(Exception):
    pass


class _Body:
    """A body on its way; all of them together are bounded (config/servers/unfinished.py)."""

    def __init__(self, receive: Receive, said_bytes: int, within_s: float) -> None:
        self.began = False
        self._receive, self._said_bytes = receive, said_bytes
        self._given_up = False
        self._limit = asyncio.timeout(within_s)

    async def read(self) -> bytes | None:
        """All of it; None: its sender is gone. Raises _TooLarge, TimeoutError."""
        if self._said_bytes > BODY_LIMIT_BYTES:
            raise _TooLarge
        try:
            async with self._limit:
                return await self._read()
        except TimeoutError:
            if self._given_up:
                raise _TooLarge from None
            raise
        finally:
            UNFINISHED.discard(self)

    async def _read(self) -> bytes | None:
        self.began, chunks, length = True, list[bytes](), 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            length += len(chunks[-1])
            if length > BODY_LIMIT_BYTES:
                raise _TooLarge
            if not message.get("more_body"):
                return b"".join(chunks)
            UNFINISHED.hold(self, length)

    def give_up(self) -> None:
        """All bodies together are too long for this process."""
        self._given_up = True
        self._limit.reschedule(asyncio.get_running_loop().time())


class _Upload:
    """A long body on its way to the application; all of them together are bounded."""

    def __init__(self, receive: Receive, longest_bytes: int) -> None:
        self._receive, self._longest_bytes = receive, longest_bytes
        self._length = 0
        self._whole = self._too_large = self._too_late = False

    async def pass_on(self, application: Application, scope: dict[str, Any], send: Send) -> None:
        """The application learns of a body that is refused as of one whose sender has gone."""
        headers = dict(scope["headers"])
        if int(headers.get(b"content-length", b"0")) > self._longest_bytes:
            await _refuse(send, self._receive, 413, TOO_LARGE, listens=b"expect" not in headers)
            return

        async def answer(message: Message) -> None:
            if not (self._too_large or self._too_late):
                await send(message)

        try:
            await application(scope, self._next, answer)
        finally:
            UPLOADS.discard(self)
        if self._too_late:
            await _refuse(send, self._receive, 408, TOO_LATE, listens=False)
        elif self._too_large:
            await _refuse(send, self._receive, 413, TOO_LARGE, listens=True)

    async def _next(self) -> Message:
        if self._whole:
            return await self._receive()
        if self._too_large:
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(
                UPLOAD_PART_WITHIN_S
            ):  # for each part of it: it may be slow, not stand still
                message = await self._receive()
        except TimeoutError:
            self._too_late = True
            return {"type": "http.disconnect"}
        self._length += len(message.get("body", b""))
        self._whole = not message.get("more_body")
        UPLOADS.hold(self, 0 if self._whole else self._length)
        if self._length > self._longest_bytes:
            self._too_large, self._whole = True, False
        return {"type": "http.disconnect"} if self._too_large else message

    def give_up(self) -> None:
        """All bodies together are too long for this process."""
        self._too_large = True


async def _refuse(send: Send, receive: Receive, status: int, answer: bytes, *, listens: bool) -> None:
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()),
        (b"cache-control", b"no-store"), (b"connection", b"close"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer, "more_body": True})
    if listens:
        try:
            async with asyncio.timeout(READ_OFF_FOR_S):
                while (await receive()).get("more_body"):
                    pass
        except TimeoutError:
            pass
    await send({"type": "http.response.body"})


def _first(body: bytes, receive: Receive) -> Receive:
    """`receive` with the whole body before what comes later."""
    given = False

    async def receive_body_first() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_body_first
