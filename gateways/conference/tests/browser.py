"""A browser's socket of the conference wire: raw messages, cookies of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from asr.audio.recorder import Blob
from gateways.common.tests.documented import check_message
from gateways.conference.client.viewer import Viewer
from ops.faults.speech import sound
from ops.faults.stack import HOST_PASSWORD, Stack

WITHIN_S = 60.0  # nothing is timed here: a busy machine may take its time


class Browser:
    """One socket; notes every message, waits for what a test wants to see."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.viewer = Viewer()

    @property
    def connection_id(self) -> str:
        return next(message["info"]["connection_id"] for message in self.messages if "info" in message)

    async def read(self) -> dict[str, Any]:
        """The next message. Raises ConnectionClosed."""
        async with asyncio.timeout(WITHIN_S):
            text = await self.socket.recv()
        message = json.loads(text)
        check_message("conference", "host", message)
        self.messages.append(message)
        self.viewer.add_chunk(text)
        return message

    async def until(self, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Read on until a message is what the test waits for."""
        async with asyncio.timeout(WITHIN_S):
            while not holds(message := await self.read()):
                pass
        return message

    async def ready(self) -> Browser:
        await self.until(lambda message: message.get("info", {}).get("ready_to_recieve_audio"))
        return self

    async def says(self, *words: str) -> None:
        """Read until the viewer's final text in English or German has these words."""

        def done() -> bool:
            text = " ".join(" ".join(content.values()) for content in self.viewer.sentences.values())
            return all(word in text for word in words)

        async with asyncio.timeout(WITHIN_S):
            while not done():
                await self.read()

    async def end(self) -> tuple[int, str]:
        """Read to the end: code and reason of the close."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await self.read()
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""

    async def speak(self, first_s: float, last_s: float, *, recorder_s: float = 30.0) -> Blob:
        """Send a recorder's blobs of this stretch at once; it begins in mid-stream unless `first_s` is 0.

        Returns the last blob sent.
        """
        blobs = [blob for blob in sound(recorder_s) if first_s * 1000 <= blob.start_ms < last_s * 1000]
        for blob in blobs:
            await self.socket.send(blob.data)
        return blobs[-1]


@asynccontextmanager
async def browser(stack: Stack, path: str, cookies: dict[str, str] | None = None, **headers: str):
    """A socket at `path`, closed in order at the end."""
    socket = await connect(
        f"ws://127.0.0.1:{stack.port}{path}",
        additional_headers={"Cookie": cookie_header(cookies), **headers} if cookies else headers,
        max_size=None, compression=None, open_timeout=WITHIN_S,
    )  # fmt: skip
    try:
        yield Browser(socket)
    finally:
        # asyncio fails where what has gone with bytes to send is aborted (agronholm/anyio#1250): it has gone, then
        with contextlib.suppress(AttributeError):
            await socket.close()


def cookie_header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def host_cookies(room: str, *, connection_id: str = "", store: bool = True, public: bool = True, key: str = HOST_PASSWORD) -> dict[str, str]:  # fmt: skip
    """What a host's page sets."""
    cookies = {
        "authenticated": key,
        f"{room}-allow_store": str(store).lower(),
        f"{room}-allow_client_download": str(public).lower(),
    }
    return {**cookies, "connection_id": connection_id} if connection_id else cookies


@asynccontextmanager
async def host(
    stack: Stack, room: str, *, lang: str = "en", target: str = "en", query: str = "", **more: Any
):
    """A host's socket that was given its lease or refused: sockets are accepted before that is known."""
    path = f"/room/{room}/host/{lang}/{target}{query}"
    async with browser(stack, path, host_cookies(room, **more)) as page:
        with contextlib.suppress(ConnectionClosed):
            await page.read()
        yield page


def watcher(stack: Stack, room: str, target: str = "en"):
    return browser(stack, f"/room/{room}/client/undefined/{target}")


async def eventually(
    stack: Stack, sql: str, *values: object, expected: Any = None, within_s: float = WITHIN_S
) -> Any:
    """Ask the stack's database until the first column of the first row is `expected` (None: anything true)."""
    async with asyncio.timeout(within_s):
        while True:
            rows = await asyncio.to_thread(stack.query, sql, *values)
            found = rows[0][0] if rows else None
            if found == expected if expected is not None else found:
                return found
            await asyncio.sleep(0.05)


async def closed_room(stack: Stack, room: str) -> None:
    """Close it, and wait until its slot is free."""
    await asyncio.to_thread(stack.close_room, room)
    await eventually(
        stack,
        "SELECT count(*) = 0 FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id "
        "WHERE r.code = %s AND s.state IN ('starting', 'live', 'closing')",
        room, expected=True,
    )  # fmt: skip


async def host_left(stack: Stack, room: str) -> None:
    """Wait until the room knows that its host is gone."""
    gone = "SELECT o.grace_until IS NOT NULL FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s ORDER BY s.id DESC"  # fmt: skip
    await eventually(stack, gone, room, expected=True)
