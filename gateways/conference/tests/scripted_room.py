"""A room that does what a test wants: stands in for the server in tests of hosts."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from django.http.cookie import parse_cookie
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class ScriptedRoom:
    """Notes what comes, answers what a test wants."""

    refusal: tuple[int, str] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    paths: list[str] = field(default_factory=list)
    cookies: list[dict[str, str]] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    left: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)
    sockets: list[ServerConnection] = field(default_factory=list)
    url: str = ""

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.sockets.append(socket)
        self.paths.append(socket.request.path)
        self.cookies.append(parse_cookie(socket.request.headers.get("Cookie", "")))
        if self.refusal:
            await socket.close(*self.refusal)
            return
        try:
            await socket.send(json.dumps({"info": {"connection_id": f"id-{len(self.paths)}"}}))
            await socket.send(json.dumps({"last_n_sents": [], "incomplete_sentence": ""}))
            await self.ready.wait()
            await socket.send(json.dumps({"info": {"ready_to_recieve_audio": True}}))
            while True:
                message = await socket.recv()
                async with self.came:
                    if isinstance(message, bytes):
                        self.blobs.append(message)
                        self.arrived.append(time.monotonic())
                    else:
                        self.texts.append(message)
                    self.came.notify_all()
        except ConnectionClosed:
            self.left.put_nowait(socket.close_code)

    async def until(self, blobs: int = 0, texts: int = 0) -> None:
        async with self.came:
            await self.came.wait_for(lambda: len(self.blobs) >= blobs and len(self.texts) >= texts)


@asynccontextmanager
async def scripted_room() -> AsyncIterator[ScriptedRoom]:
    """Served on a port of its own."""
    room = ScriptedRoom()
    async with serve(room.serve, "127.0.0.1", 0) as server:
        room.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield room
