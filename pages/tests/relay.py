"""A network between a browser and the server that a test breaks: connections are cut, swallowed, refused, and let through again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


class Relay:
    """Runs in a thread of its own. `swallow`: what is sent vanishes, and nobody is told. `cut`: everything ends, nothing is let in."""

    def __init__(self, server: str) -> None:
        target = urlsplit(server)
        self._target = target.hostname or "", target.port or 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._pipes: set[asyncio.Task[None]] = set()
        self._swallows = self._is_cut = False
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Relay]:
        """Its address is `url` meanwhile."""
        self._thread.start()
        listener = self._run(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self._run(self._end(listener))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def swallow(self) -> None:
        self._run(self._become(swallows=True, is_cut=False))

    def cut(self) -> None:
        self._run(self._become(swallows=False, is_cut=True))

    def mend(self) -> None:
        self._run(self._become(swallows=False, is_cut=False))

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        """In the relay's thread, done when this returns: a connection is either before it or behind it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _become(self, *, swallows: bool, is_cut: bool) -> None:
        self._swallows, self._is_cut = swallows, is_cut
        if is_cut:
            self._abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        if writer not in self._writers:  # cut meanwhile
            there_writer.transport.abort()
            return
        self._writers.add(there_writer)
        for source, target in ((reader, there_writer), (there_reader, writer)):
            pipe = asyncio.ensure_future(self._pipe(source, target))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not self._swallows:
                    target.write(data)
                    await target.drain()
        target.close()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _end(self, listener: asyncio.Server) -> None:
        listener.close()
        self._is_cut = True
        self._abort()
        if self._pipes:
            await asyncio.wait(self._pipes)
