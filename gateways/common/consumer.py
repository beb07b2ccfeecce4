"""What the sockets of all wires share: accepted first and then refused, so that a page can read why; one outbox each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Final

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError

from gateways.common import background
from gateways.common.draining import DRAINING
from gateways.common.metrics import SOCKETS, wire_of
from gateways.common.outbox import QUEUED_EVENTS, Outbox, writer_of
from rooms.database_threads import reads
from rooms.errors import DomainError, Unauthenticated

LOGIN_LOOK_EVERY_S: Final = 2.0
logger = logging.getLogger(__name__)


class SocketConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket. What it holds is given back however it ends: in order, cut off by the server, by an error."""

    channel_layer_alias = ""  # the hub subscribes for all sockets of the process
    expected: tuple[type[Exception], ...] = (DomainError,)  # errors that say something to the client
    queued_events: int = QUEUED_EVENTS  # of a client that does not read
    _outbox: Outbox  # everything but the handshake's answer goes through it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ended = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Channels' entry."""
        wire = wire_of(type(self).__module__)
        self._outbox = Outbox(send, write=writer_of(scope), queued_events=self.queued_events, wire=wire)
        drained = DRAINING.finishing_by(lambda: self._work(self._drain()))
        with SOCKETS.labels(wire).track_inprogress(), drained:
            try:
                await super().__call__(scope, receive, send)
            finally:
                self._end()

    async def _drain(self) -> None:
        """This process is to end, and the session with its socket: hear no more, tell the rest, close. Who can resume has left by now."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does, but without a hop to the database's thread for every message.

        Nobody's messages must wait for PostgreSQL, nor a flood keep everybody else from it.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Accept, then join behind it: a join is never cut in the middle, or nobody would know what it took."""
        await self.accept()
        self._joining = self._work(self._join())

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """The socket is gone; what it held is given back behind it."""
        self._end()
        raise StopConsumer

    @abstractmethod
    async def _join(self) -> None:
        """Check what is asked for, and begin it."""

    @abstractmethod
    async def _leave(self) -> None:
        """Give back what `_join` took."""

    @abstractmethod
    async def _refuse(self, error: Exception | None) -> None:
        """Close the socket: one of the `expected`, or None for what is not its client's fault."""

    def _work(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return background.spawn(self._or_refuse(work))

    async def _or_refuse(self, work: Coroutine[Any, Any, None]) -> None:
        """The edge: whatever happens, the client gets a reason, and other sockets are not affected."""
        try:
            await work
        except self.expected as error:
            await self._refuse(error)
        except (DatabaseError, OSError) as error:
            logger.warning("socket refused", extra={"error": type(error).__name__})
            await self._refuse(None)
        except Exception:
            logger.exception("socket refused")
            await self._refuse(None)

    async def _watch_login(self, holds: Callable[[], object]) -> None:
        """Until the socket ends, or the login that it was opened with does, which `holds` then says.

        Raises Unauthenticated. While nobody can tell, a login holds.
        """
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOGIN_LOOK_EVERY_S):
                    await self._ended.wait()
                    return
            try:
                await reads(holds)()
            except Unauthenticated:
                raise
            except (DomainError, DatabaseError):
                continue

    def _end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._outbox.stop()
            background.spawn(self._leave_joined())

    async def _leave_joined(self) -> None:
        if self._joining is not None:
            await asyncio.wait({self._joining})
        await self._leave()
