"""A host on the command line: what a browser's host page does, over the same public WebSocket (docs: conference wire).

async with Host(options, on_message=print) as host:
    await host.wait_ready()
    await host.play(record_file("talk.flac"), speed=1.0)
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from asr.audio.recorder import Blob, Format

__all__ = ["Host", "HostLostError", "HostOptions", "HostRefusedError"]

Message = dict[str, Any]

_REFUSALS = frozenset({1003, 1008, 1011})
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_KEY = re.compile(r"[0-9a-f]{32}")


class HostRefusedError(Exception):
    """The server closed the socket with a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason or 'no reason given'} (close code {code})")
        self.code = code
        self.reason = reason


class HostLostError(Exception):
    """The server cannot be reached, or the connection broke; coming back may help."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Where to, and as whom. `url` is the server's (ws, wss, http or https), a path in front of /room included.

    `password`: a host's password, or a login key. `recorder`: 32 hex digits; then each blob has a number before it, and the
    server says what it has (decision 0051).
    """

    url: str
    room: str
    password: str
    lang: str = "en"
    target: str = "en"
    audio_format: Format = "webm"
    allow_store: bool = True
    allow_client_download: bool = True
    open_timeout_s: float = 10.0
    recorder: str = ""

    @property
    def address(self) -> str:
        """The room's host socket."""
        base = self.url.rstrip("/")
        if base.startswith("http"):
            base = "ws" + base.removeprefix("http")
        elif "://" not in base:
            base = f"ws://{base}"
        path = "/".join(quote(part, safe="") for part in ("room", self.room, "host", self.lang, self.target))
        query = {"format": "pcm_s16le"} if self.audio_format == "pcm" else {}
        query |= {"recorder": self.recorder} if self.recorder else {}
        return f"{base}/{path}{'?' * bool(query)}{urlencode(query)}"

    @property
    def login_address(self) -> str:
        """Where a password is exchanged for a key."""
        return f"http{self.address.rpartition('/room/')[0].removeprefix('ws')}/login"

    def cookies(self, connection_id: str | None, key: str = "") -> str:
        """What a browser's page sets before it opens the socket."""
        jar: SimpleCookie = SimpleCookie()
        jar["authenticated"] = key or self.password
        jar[f"{self.room}-allow_store"] = str(self.allow_store).lower()
        jar[f"{self.room}-allow_client_download"] = str(self.allow_client_download).lower()
        if connection_id:
            jar["connection_id"] = connection_id
        return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())


class Host:
    """One host, over as many connections as it takes; `connection_id` is what the server called the last one."""

    def __init__(self, options: HostOptions, *, on_message: Callable[[Message], None] | None = None) -> None:
        self.connection_id: str | None = None
        self._options = options
        self._key, self._key_until = "", 0.0
        self._on_message = on_message
        self._socket: ClientConnection | None = None
        self._listener: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    @property
    def key(self) -> str:
        """What it has been known by since it connected: another device that shows it is the same host."""
        return self._key

    async def connect(self) -> None:
        """Opens a socket; a refusal shows in what is called next. Raises HostLostError."""
        await self._stop_listening()
        self._ready.clear()
        if time.monotonic() >= self._key_until and not _KEY.fullmatch(self._options.password):
            await asyncio.to_thread(self._log_in)
        try:
            self._socket = await connect(
                self._options.address,
                additional_headers={"Cookie": self._options.cookies(self.connection_id, self._key)},
                open_timeout=self._options.open_timeout_s,
                max_size=_MAX_MESSAGE_BYTES,
                compression=None,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            raise HostLostError(f"{self._options.address} cannot be reached: {error}") from error
        self._listener = asyncio.create_task(self._listen(self._socket))

    async def wait_ready(self) -> None:
        """Until the server wants audio. Raises HostRefusedError, HostLostError."""
        listener = self._expect_listener()
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, listener}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._ready.is_set():
            _raise_of(listener)
            raise HostLostError("the server ended the connection before it was ready")

    async def send(self, data: bytes) -> None:
        """One blob. Raises HostRefusedError, HostLostError."""
        if self._socket is None:
            raise HostLostError("not connected")
        try:
            await self._socket.send(data)
        except ConnectionClosed as error:
            raise _as_host_error(error) from error

    async def play(self, blobs: Iterable[Blob], *, speed: float = 1.0) -> None:
        """Sends each blob when a recorder would have it, counted from now."""
        waiting = iter(blobs)
        began, first_ms = time.monotonic(), None
        while (blob := await asyncio.to_thread(next, waiting, None)) is not None:
            first_ms = blob.start_ms if first_ms is None else first_ms
            due = began + (blob.end_ms - first_ms) / 1000 / speed
            await self._until(due)
            await self.send(blob.data)

    async def listen(self, seconds: float) -> None:
        """Stay connected and read for this long. Raises HostRefusedError, HostLostError."""
        await self._until(time.monotonic() + seconds)

    async def restart_engine(self) -> None:
        """Asks for a new engine and a new part; wait_ready waits for it."""
        if self._socket is None:
            raise HostLostError("not connected")
        self._ready.clear()
        try:
            await self._socket.send(json.dumps({"signal": "restart_backend_engine"}))
        except ConnectionClosed as error:
            raise _as_host_error(error) from error

    async def leave(self) -> None:
        """Closes the socket; the room stays open for its grace period."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await self._stop_listening()

    async def drop(self) -> None:
        """Loses the connection as a network does: without a word."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abort()
        await self._stop_listening()

    def _log_in(self) -> None:
        """As a browser's page does: with a key a host that comes back is known for the same one.

        Where that fails the password is shown to the socket, which says why it is refused.
        """
        options = self._options
        self._key = ""
        try:
            answer = requests.post(
                options.login_address,
                json={"password": options.password, "role": None},
                timeout=options.open_timeout_s,
            )
            if answer.ok:
                login = answer.json()
                self._key_until = time.monotonic() + 3600 * float(login["expire_hours"])
                self._key = str(login["key"])
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return

    async def _until(self, due: float) -> None:
        """Waits for a time, or for the connection's end."""
        left = due - time.monotonic()
        listener = self._expect_listener()
        if left > 0:
            await asyncio.wait({listener}, timeout=left)
        if listener.done():
            _raise_of(listener)
            raise HostLostError("the server ended the connection")

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            while True:
                self._handle_message(await socket.recv())
        except ConnectionClosed as error:
            failure = _as_host_error(error)
        if isinstance(failure, HostRefusedError) or self._socket is socket:
            raise failure

    def _handle_message(self, message: str | bytes) -> None:
        try:
            read = json.loads(message)
        except ValueError:
            return
        if not isinstance(read, dict):
            return
        info = read.get("info")
        if isinstance(info, dict):
            self.connection_id = info.get("connection_id", self.connection_id)
            if info.get("ready_to_recieve_audio"):
                self._ready.set()
        if self._on_message is not None:
            self._on_message(read)

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            with suppress(asyncio.CancelledError, HostRefusedError, HostLostError):
                await listener

    def _expect_listener(self) -> asyncio.Task[None]:
        if self._listener is None:
            raise HostLostError("not connected")
        return self._listener


def _raise_of(listener: asyncio.Task[None]) -> None:
    """Why it has ended; one that `drop` or `leave` ended has no reason of its own."""
    if not listener.cancelled():
        listener.result()


def _as_host_error(error: ConnectionClosed) -> HostRefusedError | HostLostError:
    if error.rcvd is not None and error.rcvd.code in _REFUSALS:
        return HostRefusedError(error.rcvd.code, error.rcvd.reason)
    return HostLostError("the connection was lost")
